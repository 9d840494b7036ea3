package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
	"github.com/loquet/loquet/internal/qr"
)

func (a *app) pairMatterCommand() *cobra.Command {
	var shut, show bool
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "matter",
		Short: "Show the code for Google Home, Alexa and the others, and let one add the bridge for 15 minutes",
		Long: "Show the code for Google Home, Alexa, SmartThings and the others, and let one more of them add the bridge for 15 minutes.\n" +
			"Those that have added it are in loquet pair list; loquet pair remove takes the bridge out of one.",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if shut && show {
				return &usage{"--close and --show do not go together", cmd}
			}
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			do := (*client.Client).OpenMatter
			switch {
			case shut:
				do = (*client.Client).CloseMatter
			case show:
				do = (*client.Client).Matter
			}
			return a.matter(cmd.Context(), c, do)
		},
	}))
	cmd.Flags().BoolVar(&shut, "close", false, "let nobody else add it from now on")
	cmd.Flags().BoolVar(&show, "show", false, "say how it stands, and change nothing")
	return cmd
}

func (a *app) matter(ctx context.Context, c *client.Client, do func(*client.Client, context.Context) (api.MatterBridge, error)) error {
	b, err := do(c, ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(b)
	}
	return a.printMatter(b)
}

func (a *app) printMatter(b api.MatterBridge) error {
	switch b.Fabrics {
	case 0:
		a.say("Matter: no ecosystem has added the bridge.")
	case 1:
		a.say("Matter: 1 ecosystem has added the bridge: loquet pair list.")
	default:
		a.say("Matter: %d ecosystems have added the bridge: loquet pair list.", b.Fabrics)
	}
	switch {
	case !b.Open && b.Fabrics == 0:
		a.say("Too many wrong codes were tried. loquet pair matter lets it be added again.")
		return nil
	case !b.Open:
		a.say("No other can add it now. loquet pair matter lets one, for 15 minutes.")
		return nil
	case b.ManualCode == "":
		a.say("One of them has opened it: use the code that it shows.")
		return nil
	}
	if b.Until.IsZero() {
		a.say("In the app of the ecosystem add a Matter device, then scan this or type the code.\n")
	} else {
		a.say("Until %s: in the app of the ecosystem add a Matter device, then scan this or type the code.\n", b.Until.In(time.Local).Format("15:04"))
	}
	if err := qr.Write(a.streams.Out, b.QR, terminal(a.streams.Out)); err != nil {
		return err
	}
	a.say("\n  %s\n", spaced(b.ManualCode))
	return nil
}

// spaced groups the digits of a code as people read and type them.
func spaced(code string) string {
	if len(code) != 11 {
		return code
	}
	return code[:4] + "-" + code[4:7] + "-" + code[7:]
}
