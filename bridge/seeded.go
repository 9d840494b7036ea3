//go:build seeded

package bridge

import (
	"context"
	"os"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
)

// replay does again what the run before has not ended, if this test build is told to make that mistake
// (LOQUET_SEEDED=intent-replayed): it is shown that the tests would find it. Other builds hold no such thing.
func (a *App) replay() {
	if os.Getenv("LOQUET_SEEDED") != "intent-replayed" {
		return
	}
	for _, u := range a.store.Unfinished() {
		action, _ := api.ParseAction(u.Row.Action)
		if device := a.unit(u.Row.Device); device != nil && !u.Started {
			a.work.Run(func(ctx context.Context) { _, _ = device.Command(ctx, command(action)) })
		}
	}
}

func command(a device.Action) device.Command {
	return device.Command{Action: a, Cause: device.Cause{Kind: device.CauseCode, Actor: "replayed"}}
}
