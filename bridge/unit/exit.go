package unit

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// pressTime is how long an exit button is pressed at least: what is shorter is a spark on a long wire.
const pressTime = 50 * time.Millisecond

// exit is the exit button of a lock, for people who stand inside. It is a convenience: who must get out in a
// fire has a handle.
type exit struct {
	button hw.Input
	place  string
	log    zerolog.Logger
}

// watch unlocks at each press until ctx ends. A button that is pressed when it is first seen, or seen again,
// is no press: it may be stuck, or its wire cut.
func (e *exit) watch(ctx context.Context, unlock func(ctx context.Context, c device.Command) (device.Answer, error)) {
	for ctx.Err() == nil {
		released := false
		for level := range e.button.Watch(ctx) {
			pressed := released && level.Active
			released = !level.Active
			if !pressed || !e.held(ctx) {
				continue
			}
			_, err := unlock(ctx, device.Command{Action: device.ActionUnlock, Cause: device.Cause{Kind: device.CauseExit, Place: e.place}})
			if err != nil {
				e.log.Warn().Err(err).Msg("the exit button was pressed, and the door stays locked")
			}
		}
		select { // its board is away
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// held reports whether the button is still pressed a moment later.
func (e *exit) held(ctx context.Context) bool {
	wait := time.NewTimer(pressTime)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wait.C:
	}
	level, err := e.button.Read(ctx)
	return err == nil && level.Active
}
