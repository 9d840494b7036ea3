package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api/client"
)

// WireOptions are the flags of wire.
type WireOptions struct {
	Config string // path of the configuration that gets a section; it need not exist
}

func (a *app) wireCommand() *cobra.Command {
	var o WireOptions
	cmd := &cobra.Command{
		Use:     "wire",
		Short:   "Wire a door, step by step: watch its contact, give it one pulse, write it down",
		Long:    "Leads through the first wiring of one door in a terminal: lists chips, lines and boards, asks three questions,\ndraws the wiring, watches the contact while the door is moved by hand and while nobody touches it, gives one\npulse after a yes, and adds a section to the configuration. Nothing is energised without a yes.",
		GroupID: groupStart,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, ok := a.streams.In.(*os.File)
			if !ok || !terminal(in) {
				return &Failure{Why: "wire is a conversation, and there is no terminal", Remedy: "run it in a terminal, beside the door"}
			}
			if err := a.nobodyRuns(cmd.Context()); err != nil {
				return err
			}
			return a.program.Wire(cmd.Context(), o, a.streams)
		},
	}
	cmd.Flags().StringVar(&o.Config, "config", DefaultConfig, "the configuration `file` that gets a section; it need not exist")
	return a.client(cmd)
}

// nobodyRuns refuses while a bridge runs: it holds the lines, and two masters on one board are worse than none.
func (a *app) nobodyRuns(ctx context.Context) error {
	stop := &Failure{Why: "a bridge is running, and holds the lines", Remedy: "stop it first: sudo systemctl stop loquet, or end loquet run or loquet demo"}
	c, err := a.bridge(ctx)
	if err == nil {
		_, err = c.Devices(ctx)
	}
	var none *client.Error
	if client.NotRunning(err) || errors.As(err, &none) && none.Err == nil {
		return nil
	}
	stop.Err = err
	return stop
}
