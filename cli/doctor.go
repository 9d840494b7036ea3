package cli

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

func (a *app) doctorCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:     "doctor",
		Short:   "Say what is wrong with the house, and what to do about it",
		Long:    "Say what is wrong with the house, and what to do about it. The exit code is 1 if anything is worse than a warning.",
		GroupID: groupHouse,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			health, err := c.Health(cmd.Context())
			if err != nil {
				return err
			}
			facts, err := factsOf(cmd.Context(), c)
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(checkUp{health, facts})
			} else {
				a.printProblems(health.Problems)
				a.printFacts(facts, time.Now())
			}
			if err != nil || !slices.ContainsFunc(health.Problems, grave) {
				return err
			}
			return errSaid
		},
	}))
}

// checkUp is what doctor finds, for scripts.
type checkUp struct {
	api.Health
	Facts *api.Facts `json:"facts,omitempty"`
}

// factsOf asks for the facts; a bridge of another version may know none.
func factsOf(ctx context.Context, c *client.Client) (*api.Facts, error) {
	facts, err := c.Facts(ctx)
	var refused *api.Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return nil, nil
	}
	return &facts, err
}

func (a *app) printProblems(problems []api.Problem) {
	if len(problems) == 0 {
		a.say("Nothing is wrong.")
	}
	for i, p := range problems {
		if i > 0 {
			a.say("")
		}
		a.say("%s: %s", p.Severity, join(p.Title, p.Subject, ": "))
		if p.Detail != "" {
			a.say("  %s", p.Detail)
		}
		a.say("  what to do: %s", p.Remedy)
	}
}

// grave reports whether a problem is more than something to know about.
func grave(p api.Problem) bool { return p.Severity != "warning" && p.Severity != "info" }

func (a *app) reloadCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:     "reload",
		Short:   "Have the bridge read its configuration again",
		GroupID: groupHouse,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.Reload(cmd.Context()); err != nil {
				return err
			}
			a.say("The configuration was read again.")
			return nil
		},
	})
}
