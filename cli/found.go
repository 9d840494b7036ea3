package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// adoptFoundCommand lists what announces itself, or prints the section for one of them.
func (a *app) adoptFoundCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "found [ID]",
		Short: "List devices that announce themselves for Home Assistant; with an ID, print the section for the configuration",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			found, err := c.Found(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				for _, f := range found {
					if f.ID == args[0] && f.Section != "" {
						a.say("%s", strings.TrimRight(f.Section, "\n"))
						return nil
					}
					if f.ID == args[0] {
						return &Failure{Why: fmt.Sprintf("%s cannot be taken over: %s", f.ID, f.Why), Remedy: f.Remedy}
					}
				}
				return &Failure{Why: fmt.Sprintf("nothing announces itself as %q", args[0]), Remedy: "loquet adopt found lists what does"}
			}
			if a.json {
				return a.printJSON(found)
			}
			var rows [][]string
			for _, f := range found {
				kind := f.Kind
				if kind == "" {
					kind = "-"
				}
				rows = append(rows, []string{f.ID, kind, f.Name, f.Why})
			}
			a.table([]string{"ID", "KIND", "NAME", "NOT TAKEN OVER"}, rows)
			return nil
		},
	}))
}
