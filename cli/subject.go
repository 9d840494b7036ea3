package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

func (a *app) peopleExportCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "export PERSON",
		Short: "Print all that is known of a person, as JSON lines",
		Long: "Print all that is known of a person, as JSON lines: the person, codes, stays and what history holds of them.\n" +
			"What is typed at a keypad is not in it. loquet people remove erases a person, loquet stays erase a guest;\n" +
			"history then holds ids that stand for nobody.",
		Args: exactly("person"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, p, err := a.person(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.exportPerson(cmd.Context(), c, p)
		},
	})
}

// known is one line of what is known of a person.
type known struct {
	Person *api.Person `json:"person,omitempty"`
	Code   *api.Code   `json:"code,omitempty"`
	Stay   *api.Stay   `json:"stay,omitempty"`
	Row    *api.Row    `json:"history,omitempty"`
}

func (a *app) exportPerson(ctx context.Context, c *client.Client, p api.Person) error {
	if err := a.printLine(known{Person: &p}); err != nil {
		return err
	}
	codes, err := c.Codes(ctx)
	if err != nil {
		return err
	}
	theirs := map[string]bool{}
	for _, k := range codes {
		if k.Person != p.ID {
			continue
		}
		theirs[k.ID] = true
		if err := a.printLine(known{Code: &k}); err != nil {
			return err
		}
	}
	stays, err := c.Stays(ctx)
	if err != nil {
		return err
	}
	for _, s := range stays {
		if s.Person != p.ID {
			continue
		}
		if err := a.printLine(known{Stay: &s}); err != nil {
			return err
		}
	}
	for after := int64(0); ; {
		page, err := c.History(ctx, api.HistoryQuery{After: after, OldestFirst: true, Limit: exportPage})
		if err != nil {
			return err
		}
		for _, r := range page {
			after = max(after, r.Seq)
			if r.Cause.Kind != "code" || !theirs[r.Cause.Actor] {
				continue
			}
			if err := a.printLine(known{Row: &r}); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
	}
}
