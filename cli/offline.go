package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return a.listing(&cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		GroupID: groupHouse,
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			v := a.program.Version
			if a.json {
				return a.printJSON(v)
			}
			line := "loquet " + v.Version
			if v.Revision != "" {
				line += " (" + v.Revision + ")"
			}
			a.say("%s %s/%s", line, runtime.GOOS, runtime.GOARCH)
			return nil
		},
	})
}

func (a *app) offlineCommands() []*cobra.Command {
	var commands []*cobra.Command
	if a.program.Check != nil {
		commands = append(commands, a.checkCommand())
	}
	if a.program.Drivers != nil {
		commands = append(commands, a.driversCommand())
	}
	if a.program.Schema != nil {
		commands = append(commands, a.schemaCommand())
	}
	if a.program.Safe != nil {
		commands = append(commands, a.safeCommand())
	}
	if a.program.Guard != nil {
		commands = append(commands, a.guardCommand())
	}
	if a.program.Restore != nil {
		commands = append(commands, a.restoreCommand())
	}
	return commands
}

func (a *app) safeCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "outputs-safe",
		Short: "Bring all outputs to rest, after a bridge that was killed",
		Long: "Bring every output of the configuration to its rest level and let go of it: relays, strikes, lights and\n" +
			"beepers, those of keypads too. A maglock gets the rest that its configuration states. The service does this after each end that was not a clean stop.",
		GroupID: groupHouse,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.program.Safe(cmd.Context(), config, a.streams)
		},
	}
	cmd.Flags().StringVar(&config, "config", DefaultConfig, "the configuration `file`")
	return cmd
}

func (a *app) guardCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "guard",
		Short:  "Bring the outputs of a bridge that stopped to rest; the bridge starts it",
		Hidden: true,
		Args:   exactly(),
		RunE: func(*cobra.Command, []string) error {
			if err := a.program.Guard(); err != nil {
				return &Failure{Why: err.Error(), Remedy: "start the bridge: it starts its guard", Err: err}
			}
			return nil
		},
	}
}

func (a *app) checkCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:     "check [FILE]",
		Short:   "Judge a configuration without starting it",
		GroupID: groupStart,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && cmd.Flags().Changed("config") {
				return &usage{"one configuration at a time", cmd}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				config = args[0]
			}
			findings, err := a.program.Check(cmd.Context(), config)
			if err != nil {
				return err
			}
			return a.printFindings(config, findings)
		},
	}
	cmd.Flags().StringVar(&config, "config", DefaultConfig, "the configuration `file`")
	return a.listing(cmd)
}

func (a *app) printFindings(config string, findings []Finding) error {
	values, stops := make([]any, len(findings)), 0
	for i, f := range findings {
		values[i] = f.Value
		if f.Stops {
			stops++
		}
		if !a.json {
			a.say("%s\n", f.Text)
		}
	}
	if a.json {
		if err := a.printJSON(values); err != nil {
			return err
		}
	}
	if stops > 0 {
		return &Failure{Why: fmt.Sprintf("%s would not start: %s", config, count(stops, "error")), Remedy: "mend them and check again"}
	}
	if !a.json {
		a.say("%s is good: %s.", config, count(len(findings), "warning"))
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (a *app) driversCommand() *cobra.Command {
	return a.listing(&cobra.Command{
		Use:     "drivers",
		Short:   "List the drivers in this build",
		GroupID: groupStart,
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			drivers := a.program.Drivers()
			if a.json {
				return a.printJSON(drivers)
			}
			rows := make([][]string, len(drivers))
			for i, d := range drivers {
				rows[i] = []string{d.Kind, d.Name, d.Doc}
			}
			a.table([]string{"FOR", "DRIVER", "WHAT IT IS"}, rows)
			return nil
		},
	})
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the configuration",
		GroupID: groupStart,
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			schema, err := a.program.Schema()
			if err != nil {
				return err
			}
			_, err = a.streams.Out.Write(schema)
			return err
		},
	}
}
