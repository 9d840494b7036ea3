package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
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
			if a.json {
				err = a.printJSON(health)
			} else if len(health.Problems) == 0 {
				a.say("Nothing is wrong.")
			}
			for i, p := range health.Problems {
				if a.json {
					break
				}
				if i > 0 {
					a.say("")
				}
				a.say("%s: %s", p.Severity, join(p.Title, p.Subject, ": "))
				if p.Detail != "" {
					a.say("  %s", p.Detail)
				}
				a.say("  what to do: %s", p.Remedy)
			}
			if err != nil || !slices.ContainsFunc(health.Problems, grave) {
				return err
			}
			return errSaid
		},
	}))
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
