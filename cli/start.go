package cli

import (
	"github.com/spf13/cobra"
)

// StartOptions are the flags that run and demo share.
type StartOptions struct {
	State      string   // folder; empty: the default (run), a temporary one (demo)
	Console    string   // host:port of the page and the API over TCP
	HomeKit    string   // host:port of HomeKit
	Matter     string   // host:port of Matter, or "off"
	Interfaces []string // network interfaces to announce on; empty: all that make sense
	ReadyFile  string   // written once everything listens; empty: none
	LogFormat  string   // text or json
}

// RunOptions are the flags of run.
type RunOptions struct {
	StartOptions
	Config string // path of the configuration
	// Set says which of the flags were given: those win over the configuration.
	Set func(flag string) bool
}

// DemoOptions are the flags of demo.
type DemoOptions struct {
	StartOptions
	Size  *Size   // nil: the house of the design
	Speed float64 // of the simulated physics and the calendar; never of a limit
	World string  // socket of a simulated world in another process; empty: in this one
}

// WorldOptions are the flags of world.
type WorldOptions struct {
	Socket string
	Size   *Size
	Speed  float64
}

// Size is how many doors and locks a simulated house has.
type Size struct{ Doors, Locks int }

// Defaults of the flags.
const (
	DefaultConsole = "127.0.0.1:8480"
	DefaultHomeKit = ":51826"
	DefaultMatter  = ":5540"
	DefaultConfig  = "/etc/loquet/loquet.yaml"
)

// maxSimulated keeps a typing error from filling the memory.
const maxSimulated = 10_000

func (a *app) startCommands() []*cobra.Command {
	var commands []*cobra.Command
	if a.program.Run != nil {
		commands = append(commands, a.runCommand())
	}
	if a.program.Demo != nil {
		commands = append(commands, a.demoCommand())
	}
	if a.program.Wire != nil {
		commands = append(commands, a.wireCommand())
	}
	if a.program.World != nil {
		commands = append(commands, a.worldCommand())
	}
	return commands
}

func (a *app) runCommand() *cobra.Command {
	var o RunOptions
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Run the bridge with a configuration",
		GroupID: groupStart,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkStart(cmd, o.StartOptions); err != nil {
				return err
			}
			o.Set = cmd.Flags().Changed
			return a.program.Run(cmd.Context(), o, a.streams)
		},
	}
	startFlags(cmd, &o.StartOptions, "keep pairings and history in this `folder` (/var/lib/loquet in the service, else ~/.local/state/loquet)")
	cmd.Flags().StringVar(&o.Config, "config", DefaultConfig, "the configuration `file`")
	return cmd
}

func (a *app) demoCommand() *cobra.Command {
	var o DemoOptions
	var size Size
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "A simulated house: no configuration, no hardware, no root",
		GroupID: groupStart,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkStart(cmd, o.StartOptions); err != nil {
				return err
			}
			var err error
			if o.Size, err = checkSize(cmd, size, o.Speed); err != nil {
				return err
			}
			return a.program.Demo(cmd.Context(), o, a.streams)
		},
	}
	startFlags(cmd, &o.StartOptions, "keep pairings and history in this `folder` (default: a temporary one, printed)")
	sizeFlags(cmd, &size, &o.Speed)
	cmd.Flags().StringVar(&o.World, "world", "", "use the simulated world on this `socket` (loquet world), which outlives a killed bridge")
	return cmd
}

func (a *app) worldCommand() *cobra.Command {
	var o WorldOptions
	var size Size
	cmd := &cobra.Command{
		Use:    "world SOCKET",
		Short:  "Serve a simulated world on a socket, for demo --world",
		Hidden: true,
		Args:   exactly("socket"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Size, err = checkSize(cmd, size, o.Speed); err != nil {
				return err
			}
			o.Socket = args[0]
			return a.program.World(cmd.Context(), o, a.streams)
		},
	}
	sizeFlags(cmd, &size, &o.Speed)
	return cmd
}

func startFlags(cmd *cobra.Command, o *StartOptions, state string) {
	f := cmd.Flags()
	f.StringVar(&o.State, "state", "", state)
	f.StringVar(&o.Console, "console", DefaultConsole, "`address` of the page and the API")
	f.StringVar(&o.HomeKit, "homekit", DefaultHomeKit, "`address` of HomeKit; port 0 picks a free one")
	f.StringVar(&o.Matter, "matter", DefaultMatter, "`address` of Matter; port 0 picks a free one, off switches it off")
	f.StringArrayVar(&o.Interfaces, "interface", nil, "announce on this network interface only (repeatable; `name` like eth0)")
	f.StringVar(&o.ReadyFile, "ready-file", "", "write this `file` once everything listens")
	f.StringVar(&o.LogFormat, "log-format", "text", "text or json")
}

func sizeFlags(cmd *cobra.Command, size *Size, speed *float64) {
	f := cmd.Flags()
	f.IntVar(&size.Doors, "doors", 0, "a house with so many doors instead")
	f.IntVar(&size.Locks, "locks", 0, "a house with so many locks instead")
	f.Float64Var(speed, "speed", 1, "how fast simulated doors move; limits and warnings keep their time")
}

func checkStart(cmd *cobra.Command, o StartOptions) error {
	if o.LogFormat != "text" && o.LogFormat != "json" {
		return &usage{"--log-format is text or json", cmd}
	}
	for _, name := range o.Interfaces {
		if name == "" {
			return &usage{"--interface needs a name, like eth0", cmd}
		}
	}
	return nil
}

// checkSize returns nil if no size was asked for.
func checkSize(cmd *cobra.Command, s Size, speed float64) (*Size, error) {
	if !(speed > 0) || speed > 1000 {
		return nil, &usage{"--speed is a number above 0, at most 1000", cmd}
	}
	if !cmd.Flags().Changed("doors") && !cmd.Flags().Changed("locks") {
		return nil, nil
	}
	if s.Doors < 0 || s.Locks < 0 || s.Doors+s.Locks < 1 || s.Doors+s.Locks > maxSimulated {
		return nil, &usage{"--doors and --locks are 1 to 10000 together", cmd}
	}
	return &s, nil
}
