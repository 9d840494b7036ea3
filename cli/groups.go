package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
)

func (a *app) groupsCommand() *cobra.Command {
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "groups",
		Short: "List the groups of doors that codes can name",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			groups, err := c.DoorGroups(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(groups)
			}
			if len(groups) == 0 {
				a.say("There are no groups of doors. loquet codes groups set makes one.")
				return nil
			}
			rows := make([][]string, len(groups))
			for i, g := range groups {
				rows[i] = []string{g.ID, g.Name, strings.Join(g.Doors, ", ")}
			}
			a.table([]string{"GROUP", "NAME", "DOORS"}, rows)
			return nil
		},
	}))
	cmd.AddCommand(a.groupSetCommand(), a.groupRemoveCommand())
	return cmd
}

func (a *app) groupSetCommand() *cobra.Command {
	var name string
	var doors []string
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "set GROUP --doors DOOR,DOOR",
		Short: "Make a group of doors, or change it: its codes follow",
		Args:  exactly("group"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(doors) == 0 {
				return &usage{"say which doors are in it: --doors", cmd}
			}
			if name == "" {
				name = args[0]
			}
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			g, err := c.SaveDoorGroup(cmd.Context(), args[0], api.DoorGroupRequest{Name: name, Doors: doors})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(g)
			}
			a.say("%s: %s.", g.Name, strings.Join(g.Doors, ", "))
			return nil
		},
	}))
	cmd.Flags().StringVar(&name, "name", "", "what the group is called, if not as its id")
	cmd.Flags().StringSliceVar(&doors, "doors", nil, "the `doors` in it, by id")
	return cmd
}

func (a *app) groupRemoveCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "remove GROUP",
		Short: "Remove a group of doors that no code names",
		Args:  exactly("group"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.RemoveDoorGroup(cmd.Context(), args[0]); err != nil {
				return err
			}
			a.say("The group was removed.")
			return nil
		},
	})
}
