package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
)

func (a *app) adoptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "adopt",
		Short:   "Give a device its account at the house's MQTT broker",
		GroupID: groupHouse,
		Args:    noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &usage{"say what: garadget, nuki, device, tasmota, homeassistant, zigbee2mqtt, found, list or remove", cmd}
		},
	}
	blank := false
	garadget := a.adoptKind("garadget", "A Garadget board: prints the values for its set-up page", func(r *api.AdoptRequest) { r.Blank = blank })
	garadget.Flags().BoolVar(&blank, "blank", false, "let one board in that has no account, for 15 minutes, and give it this one")
	cmd.AddCommand(garadget,
		a.adoptKind("nuki ID", "A Nuki lock, by its Nuki ID: prints the values for its app", nil),
		a.adoptDeviceCommand(),
		a.adoptKind("tasmota TOPIC", "A device with the Tasmota firmware, by its topic", nil),
		a.adoptHomeAssistantCommand(),
		a.adoptKind("zigbee2mqtt", "Zigbee2MQTT", nil),
		a.adoptFoundCommand(), a.adoptListCommand(), a.adoptRemoveCommand())
	return cmd
}

func (a *app) adoptDeviceCommand() *cobra.Command {
	node := ""
	cmd := a.adoptKind("device TOPIC", "A device that keeps to a topic of its own", func(r *api.AdoptRequest) { r.Node = node })
	cmd.Flags().StringVar(&node, "node", "", "the name under which it announces itself for Home Assistant, where that is not its topic")
	return cmd
}

func (a *app) adoptHomeAssistantCommand() *cobra.Command {
	role := ""
	cmd := a.adoptKind("homeassistant", "Home Assistant, to see what the house publishes, and to give orders where it takes them", func(r *api.AdoptRequest) { r.Role = role })
	cmd.Flags().StringVar(&role, "role", "", "what it may do: view (if not given), lock-only or operate")
	return cmd
}

func (a *app) adoptKind(use, short string, more func(*api.AdoptRequest)) *cobra.Command {
	kind, name, _ := strings.Cut(use, " ")
	args := exactly()
	if name != "" {
		args = exactly(strings.ToLower(name))
	}
	return a.client(a.listing(&cobra.Command{
		Use:   use,
		Short: short,
		Args:  args,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			r := api.AdoptRequest{Kind: kind}
			if more != nil {
				more(&r)
			}
			switch {
			case name == "ID":
				r.ID = args[0]
			case name != "":
				r.Topic = args[0]
			}
			adopted, err := c.Adopt(cmd.Context(), r)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(adopted)
			}
			a.printAdoption(adopted)
			return nil
		},
	}))
}

func (a *app) printAdoption(n api.Adoption) {
	if n.Until != nil {
		a.say("The first board without an account is let in until %s, and gets this one.", n.Until.Format("15:04"))
		a.say("On its set-up page enter only the broker's address and port; leave login and password empty.")
	}
	if n.Kind == "garadget" {
		a.say("1. Hold the board's M button for three seconds, until it blinks blue.")
		a.say("2. Join its Wi-Fi, PHOTON-..., and open http://192.168.0.1.")
		a.say("3. Choose your Wi-Fi and enter:")
		a.say("")
	}
	if n.Kind == "nuki" {
		a.say("1. Stand at the lock with the Nuki app: Settings, Features & Configuration, MQTT.")
		a.say("2. Switch it on, allow locking, and enter:")
		a.say("")
	}
	rows := [][]string{{"broker", strings.Join(n.Hosts, " or ")}, {"port", strconv.Itoa(n.Port)}, {"user", n.User}, {"password", n.Password}}
	if n.Kind == "garadget" {
		rows = append([][]string{{"mode", "only MQTT"}}, append(rows, []string{"topic", n.Name + " (or another name that no other board has)"}, []string{"time-out", "15"})...)
	}
	for _, row := range rows {
		a.say("   %-10s %s", row[0], row[1])
	}
	a.say("")
	if n.Kind == "garadget" {
		a.say("4. When it is connected, `loquet adopt list` shows its number for the configuration.")
	}
	if n.Kind == "nuki" {
		a.say("3. Leave the automatic discovery of Home Assistant off: this account may speak for the lock alone.")
		if n.Port != 1883 {
			a.say("   A Nuki lock knows port 1883 alone: write mqtt: {listen: \":1883\"} into the configuration.")
		}
	}
	if n.Role == "view" {
		a.say("It may look. To let it move doors and locks: loquet pair role %s operate (or lock-only).", n.User)
	} else if n.Role != "" {
		a.say("It may %s. loquet pair role %s ROLE changes that, loquet pair doors %s says which doors.", n.Role, n.User, n.User)
	}
	a.say("The password is not shown again.")
}

func (a *app) adoptListCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "list",
		Short: "List the accounts, and which device uses each",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			accounts, err := c.Accounts(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(accounts)
			}
			var rows [][]string
			for _, n := range accounts {
				rows = append(rows, []string{n.User, n.Kind, n.Name, n.ID, n.Made.Format("2006-01-02")})
			}
			a.table([]string{"USER", "KIND", "NAME", "NUMBER", "MADE"}, rows)
			return nil
		},
	}))
}

func (a *app) adoptRemoveCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "remove USER",
		Short: "Remove an account and disconnect its device",
		Args:  exactly("user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			return c.RemoveAccount(cmd.Context(), args[0])
		},
	})
}
