package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

const kindsOfPeople = "owner, resident, helper or guest"

func (a *app) peopleCommand() *cobra.Command {
	cmd := a.lists(&cobra.Command{
		Use:     "people",
		Short:   "Say who may have codes: owners, residents, helpers, guests",
		GroupID: groupHouse,
	}, a.peopleListCommand())
	cmd.AddCommand(a.peopleAddCommand(), a.peopleRemoveCommand(), a.peopleExportCommand(),
		a.personCommand("rename PERSON NAME", "Give a person another name", exactly("person", "name"), func(arg string) api.PersonChange {
			return api.PersonChange{Name: &arg}
		}),
		a.personCommand("kind PERSON KIND", "Say what a person is to the house: "+kindsOfPeople, exactly("person", "kind"), func(arg string) api.PersonChange {
			return api.PersonChange{Kind: &arg}
		}))
	return cmd
}

func (a *app) peopleListCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "list",
		Short: "List the people and how many codes they have",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			people, err := c.People(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(people)
			}
			if len(people) == 0 {
				a.say("There is nobody yet. loquet people add begins.")
				return nil
			}
			rows := make([][]string, len(people))
			for i, p := range people {
				rows[i] = []string{p.ID, p.Name, p.Kind, strconv.Itoa(p.Codes)}
			}
			a.table([]string{"PERSON", "NAME", "KIND", "CODES"}, rows)
			return nil
		},
	}))
}

func (a *app) peopleAddCommand() *cobra.Command {
	var kind string
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "add NAME",
		Short: "Add a person",
		Args:  exactly("name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			p, err := c.AddPerson(cmd.Context(), api.PersonRequest{Name: args[0], Kind: kind})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(p)
			}
			a.say("%s is here as %s. loquet codes add --person %q gives a code.", p.Name, p.Kind, p.Name)
			return nil
		},
	}))
	cmd.Flags().StringVar(&kind, "kind", "guest", "what the person is to the house: "+kindsOfPeople)
	return cmd
}

func (a *app) personCommand(use, short string, args cobra.PositionalArgs, change func(arg string) api.PersonChange) *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   use,
		Short: short,
		Args:  args,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, p, err := a.person(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p, err = c.ChangePerson(cmd.Context(), p.ID, change(args[1])); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(p)
			}
			a.say("%s: %s.", p.Name, p.Kind)
			return nil
		},
	}))
}

func (a *app) peopleRemoveCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "remove PERSON",
		Short: "Remove a person and all their codes, at once",
		Args:  exactly("person"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, p, err := a.person(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := c.RemovePerson(cmd.Context(), p.ID); err != nil {
				return err
			}
			a.say("%s was removed, and %d codes.", p.Name, p.Codes)
			return nil
		},
	})
}

// person finds a person by id, the beginning of it, or name.
func (a *app) person(ctx context.Context, what string) (c *client.Client, p api.Person, err error) {
	if c, err = a.bridge(ctx); err != nil {
		return nil, p, err
	}
	people, err := c.People(ctx)
	if err != nil {
		return nil, p, err
	}
	var found []api.Person
	for _, p := range people {
		if p.ID == what {
			return c, p, nil
		}
		if strings.EqualFold(p.Name, what) || len(what) >= shortest && strings.HasPrefix(p.ID, what) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 1:
		return c, found[0], nil
	case 0:
		return nil, p, &Failure{Why: fmt.Sprintf("there is no person %q", what), Remedy: "loquet people list shows them, loquet people add adds one"}
	}
	return nil, p, &Failure{Why: fmt.Sprintf("%q stands for several people", what), Remedy: "use the id of one: loquet people list shows them"}
}
