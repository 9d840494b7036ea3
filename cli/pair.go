package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
	"github.com/loquet/loquet/internal/qr"
)

func (a *app) pairCommand() *cobra.Command {
	cmd := a.lists(&cobra.Command{
		Use:     "pair",
		Short:   "Pair with Apple Home and Matter, and say what each phone may do",
		GroupID: groupHouse,
	}, a.pairListCommand())
	cmd.AddCommand(a.pairHomeKitCommand(), a.pairMatterCommand(), a.pairKeypadCommand(), a.pairNameCommand(), a.pairRoleCommand(), a.pairDoorsCommand(), a.pairRemoveCommand())
	return cmd
}

func (a *app) pairHomeKitCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "homekit",
		Short: "Show the code to pair with, and let the bridge pair for 15 minutes",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			bridges, err := c.HomeKit(cmd.Context(), true)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(bridges)
			}
			for _, b := range bridges {
				if err := a.printBridge(b); err != nil {
					return err
				}
			}
			return nil
		},
	}))
}

func (a *app) pairKeypadCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "keypad KEYPAD",
		Short: "Let a new keypad on an encrypted line get its key, for 10 minutes",
		Args:  exactly("keypad"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			d, err := findDevice(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			i, err := c.InstallKeypad(cmd.Context(), d.ID)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(i)
			}
			a.say("%s gets its key when it answers, until %s.", d.Name, i.Until.Format("15:04"))
			a.say("Nobody else may be on its cable meanwhile: whoever listens would have the key as well.")
			return nil
		},
	}))
}

func (a *app) printBridge(b api.HomeKitBridge) error {
	if b.SetupCode == "" {
		a.say("%s is paired. Others of the household are invited in the Home app; to start over,", b.Name)
		a.say("remove its controllers: loquet pair list, loquet pair remove.")
		return nil
	}
	a.say("%s is not paired.", b.Name)
	a.say("In the Home app: +, Add Accessory, then scan this or type the code.\n")
	if b.SetupURI != "" {
		if err := qr.Write(a.streams.Out, b.SetupURI, terminal(a.streams.Out)); err != nil {
			return err
		}
	}
	a.say("\n  %s\n", b.SetupCode)
	return nil
}

func (a *app) pairListCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "list",
		Short: "List the phones, home hubs and ecosystems that are paired",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			pairings, err := c.Pairings(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(pairings)
			}
			if len(pairings) == 0 {
				a.say("Nothing is paired. loquet pair homekit and loquet pair matter show how to begin.")
				return nil
			}
			rows := make([][]string, len(pairings))
			for i, p := range pairings {
				rows[i] = []string{p.ID, cmp.Or(p.Name, p.Label), p.Role, doorsWords(p.Doors), seenWords(p), p.Bridge}
			}
			a.table([]string{"CONTROLLER", "NAME", "MAY", "DOORS", "SEEN", "BRIDGE"}, rows)
			return nil
		},
	}))
}

func doorsWords(doors []string) string {
	switch {
	case doors == nil:
		return "all"
	case len(doors) == 0:
		return "none"
	}
	return strings.Join(doors, " ")
}

func seenWords(p api.Pairing) string {
	switch {
	case p.Sessions > 0:
		return "connected"
	case p.LastSeen.IsZero():
		return "never"
	}
	return ago(p.LastSeen, time.Now())
}

func (a *app) pairNameCommand() *cobra.Command {
	return a.changeCommand("name CONTROLLER NAME", "Give a controller a name", exactly("controller", "name"), func(args []string) api.PairingChange {
		return api.PairingChange{Name: &args[0]}
	})
}

func (a *app) pairRoleCommand() *cobra.Command {
	return a.changeCommand("role CONTROLLER ROLE", "Say what a controller may do: view, lock-only, operate or manage", exactly("controller", "role"), func(args []string) api.PairingChange {
		return api.PairingChange{Role: &args[0]}
	})
}

func (a *app) pairDoorsCommand() *cobra.Command {
	args := func(cmd *cobra.Command, args []string) error {
		if len(args) < 2 {
			return exactly("controller", "doors: their ids, all or none")(cmd, args)
		}
		return nil
	}
	return a.changeCommand("doors CONTROLLER (all | none | DEVICE...)", "Say which doors and locks a controller may operate", args, func(args []string) api.PairingChange {
		doors := args
		switch {
		case slices.Equal(args, []string{"all"}):
			doors = []string{api.AllDoors}
		case slices.Equal(args, []string{"none"}):
			doors = []string{}
		}
		return api.PairingChange{Doors: &doors}
	})
}

func (a *app) changeCommand(use, short string, args cobra.PositionalArgs, change func(args []string) api.PairingChange) *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   use,
		Short: short,
		Args:  args,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.controller(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			p, err := c.ChangePairing(cmd.Context(), id, change(args[1:]))
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(p)
			}
			a.say("%s: may %s, doors: %s.", controllerName(p), p.Role, doorsWords(p.Doors))
			return nil
		},
	}))
}

func (a *app) pairRemoveCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "remove CONTROLLER",
		Short: "Revoke a controller: it is out at once",
		Args:  exactly("controller"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.controller(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := c.RemovePairing(cmd.Context(), id); err != nil {
				return err
			}
			a.say("%s was removed.", args[0])
			return nil
		},
	})
}

func controllerName(p api.Pairing) string {
	return cmp.Or(p.Name, p.Label, p.ID)
}

// shortest is the least of an id that stands for the whole.
const shortest = 4

// controller finds a controller by its id, the beginning of it, or its name.
func (a *app) controller(ctx context.Context, what string) (c *client.Client, id string, err error) {
	if c, err = a.bridge(ctx); err != nil {
		return nil, "", err
	}
	pairings, err := c.Pairings(ctx)
	if err != nil {
		return nil, "", err
	}
	var found []string
	for _, p := range pairings {
		if p.ID == what {
			return c, what, nil
		}
		if strings.EqualFold(cmp.Or(p.Name, p.Label), what) || len(what) >= shortest && strings.HasPrefix(strings.ToLower(p.ID), strings.ToLower(what)) {
			found = append(found, p.ID)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found) // one controller may be paired with several bridges
	switch len(found) {
	case 1:
		return c, found[0], nil
	case 0:
		return nil, "", &Failure{Why: fmt.Sprintf("there is no controller %q", what), Remedy: "loquet pair list shows them"}
	}
	return nil, "", &Failure{Why: fmt.Sprintf("%q stands for several controllers", what), Remedy: "use the whole id of one: loquet pair list shows them"}
}
