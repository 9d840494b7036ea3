package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

func (a *app) devicesCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:     "devices",
		Short:   "List doors, gates, locks and contacts with their state",
		GroupID: groupDoors,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			devices, err := c.Devices(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(devices)
			}
			if len(devices) == 0 {
				a.say("There are no devices.")
				return nil
			}
			rows := make([][]string, len(devices))
			for i, d := range devices {
				rows[i] = []string{d.ID, d.Name, stateWords(d), ago(d.State.Since, time.Now()), causeWords(d.State.Cause), noteWords(d.State)}
			}
			a.table([]string{"DEVICE", "NAME", "STATE", "SINCE", "BY", "NOTE"}, rows)
			return nil
		},
	}))
}

// findDevice takes an id or a name.
func findDevice(ctx context.Context, c *client.Client, what string) (api.Device, error) {
	devices, err := c.Devices(ctx)
	if err != nil {
		return api.Device{}, err
	}
	var found []api.Device
	ids := make([]string, len(devices))
	for i, d := range devices {
		if d.ID == what {
			return d, nil
		}
		if strings.EqualFold(d.Name, what) {
			found = append(found, d)
		}
		ids[i] = d.ID
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return api.Device{}, &Failure{Why: fmt.Sprintf("several devices are called %q", what), Remedy: "use the id of one: loquet devices shows them"}
	case len(ids) == 0:
		return api.Device{}, &Failure{Why: fmt.Sprintf("there is no device %q", what), Remedy: "this bridge has no devices: add one to its configuration"}
	}
	return api.Device{}, &Failure{Why: fmt.Sprintf("there is no device %q", what), Remedy: "there are: " + strings.Join(ids, ", ")}
}
