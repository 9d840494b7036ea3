package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := a.lists(&cobra.Command{
		Use:     "token",
		Short:   "Make, list and revoke tokens for scripts",
		GroupID: groupHouse,
	}, a.tokenListCommand())
	cmd.AddCommand(a.tokenCreateCommand(), a.tokenRevokeCommand())
	return cmd
}

func (a *app) tokenCreateCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "create NAME",
		Short: "Make a token; it is shown once",
		Args:  exactly("name, what it is for"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			t, err := c.CreateToken(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(t)
			}
			a.say("%s", t.Secret)
			_, err = fmt.Fprintf(a.streams.Err, "Keep it: it is not shown again. loquet token revoke %s ends it.\n", t.ID)
			return err
		},
	}))
}

func (a *app) tokenListCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "list",
		Short: "List the tokens",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			tokens, err := c.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(tokens)
			}
			if len(tokens) == 0 {
				a.say("There are no tokens.")
				return nil
			}
			rows := make([][]string, len(tokens))
			for i, t := range tokens {
				rows[i] = []string{t.ID, t.Name, ago(t.Created, time.Now())}
			}
			a.table([]string{"TOKEN", "FOR", "MADE"}, rows)
			return nil
		},
	}))
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "revoke TOKEN",
		Short: "End a token at once, by the id that list shows",
		Args:  exactly("token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.RevokeToken(cmd.Context(), args[0]); err != nil {
				return err
			}
			a.say("The token no longer works.")
			return nil
		},
	})
}
