package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

func (a *app) staysCommand() *cobra.Command {
	cmd := a.lists(&cobra.Command{
		Use:     "stays",
		Short:   "Show the guests of calendars and your own, and their codes to tell them",
		GroupID: groupHouse,
	}, a.staysListCommand())
	cmd.AddCommand(a.staysAddCommand(), a.staysChangeCommand(), a.staysMessageCommand(),
		a.stayCommand("cancel STAY", "Take the code of a guest back, whatever the calendar says", func(ctx context.Context, c *client.Client, s api.Stay) (string, error) {
			return "The code of this guest opens nothing any more.", c.CancelStay(ctx, s.ID)
		}),
		a.stayCommand("erase STAY", "Erase a guest: name, code and all; history keeps ids only", func(ctx context.Context, c *client.Client, s api.Stay) (string, error) {
			return "The guest was erased.", c.EraseStay(ctx, s.ID)
		}))
	return cmd
}

func (a *app) staysListCommand() *cobra.Command {
	var all bool
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "list",
		Short: "List the guests to come and those who are there",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			stays, err := c.Stays(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(stays)
			}
			var rows [][]string
			for _, s := range stays {
				if !all && (s.State == "over" || s.State == "cancelled") {
					continue
				}
				rows = append(rows, []string{s.ID, stayName(s), s.Arrives.Format("2006-01-02 15:04"), s.Leaves.Format("2006-01-02 15:04"), stayWords(s)})
			}
			if len(rows) == 0 {
				a.say("No guests are to come.")
				return nil
			}
			a.table([]string{"STAY", "GUEST", "ARRIVES", "LEAVES", "CODE"}, rows)
			return nil
		},
	}))
	cmd.Flags().BoolVar(&all, "all", false, "those too who have left or cancelled")
	return cmd
}

func stayName(s api.Stay) string {
	if s.Name != "" {
		return s.Name
	}
	if s.Confirmation != "" {
		return s.Confirmation
	}
	return "-"
}

func stayWords(s api.Stay) string {
	var words []string
	switch {
	case s.State == "over" || s.State == "cancelled":
		return s.State
	case s.State == "planned":
		return "made later"
	case s.Ready && s.Fallback != nil:
		words = append(words, "ready with the code in reserve")
	case s.Ready:
		words = append(words, "ready")
	default:
		words = append(words, "not ready: "+s.Why)
	}
	if !s.Told.IsZero() {
		words = append(words, "told")
	}
	if s.Missing {
		words = append(words, "not in the last calendar")
	}
	return strings.Join(words, ", ")
}

func (a *app) staysMessageCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "message STAY",
		Short: "Print the message for a guest, with the code; the code stays from then on",
		Args:  exactly("stay"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, s, err := a.stay(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			m, err := c.TellStay(cmd.Context(), s.ID)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(m)
			}
			a.say("%s", strings.TrimRight(m.Text, "\n"))
			if m.Fallback {
				_, err = fmt.Fprintln(a.streams.Err, "This is the code in reserve: the guest's own is not on every lock. Send this message, also where another one was sent before.")
			}
			return err
		},
	}))
}

// stayCommand does one thing to a stay and says what.
func (a *app) stayCommand(use, short string, do func(ctx context.Context, c *client.Client, s api.Stay) (said string, err error)) *cobra.Command {
	return a.client(&cobra.Command{
		Use:   use,
		Short: short,
		Args:  exactly("stay"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, s, err := a.stay(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			said, err := do(cmd.Context(), c, s)
			if err != nil {
				return err
			}
			a.say("%s", said)
			return nil
		},
	})
}

// stay finds a stay by id, the beginning of it, the guest's name or the channel's number.
func (a *app) stay(ctx context.Context, what string) (c *client.Client, s api.Stay, err error) {
	if c, err = a.bridge(ctx); err != nil {
		return nil, s, err
	}
	all, err := c.Stays(ctx)
	if err != nil {
		return nil, s, err
	}
	var found []api.Stay
	for _, s := range all {
		if s.ID == what {
			return c, s, nil
		}
		if strings.EqualFold(s.Name, what) || strings.EqualFold(s.Confirmation, what) || len(what) >= shortest && strings.HasPrefix(s.ID, what) {
			found = append(found, s)
		}
	}
	if len(found) == 1 {
		return c, found[0], nil
	}
	why := fmt.Sprintf("there is no stay %q", what)
	if len(found) > 1 {
		why = fmt.Sprintf("%q stands for several stays", what)
	}
	return nil, s, &Failure{Why: why, Remedy: "loquet stays list --all shows them"}
}
