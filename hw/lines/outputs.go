package lines

import (
	"context"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// resting is an output with its rest level.
type resting struct {
	hw.Output
	rest  bool
	aside bool // by itself it moves nothing, so it may be away from rest while the device is not energised
}

// acting is what a few outputs do together.
type acting struct {
	away  device.Tri // whether any of them is away from rest
	taken time.Time
	fault string
}

// watchOutputs gives a reading whenever one of at most four outputs changes, first as soon as all are known. The
// channel is closed when one becomes unavailable or ctx ends.
func watchOutputs[R any](ctx context.Context, reading func(acting) R, outs ...resting) <-chan R {
	result := make(chan R, 1)
	go func() {
		defer close(result)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var chans [4]<-chan hw.Level
		for i, out := range outs {
			chans[i] = out.Watch(ctx)
		}
		for {
			var ok bool
			select {
			case _, ok = <-chans[0]:
			case _, ok = <-chans[1]:
			case _, ok = <-chans[2]:
			case _, ok = <-chans[3]:
			}
			if !ok {
				return
			}
			// What came may be old by now: what counts is how all of them are at one moment.
			if a, err := askOutputs("", outs...); err == nil {
				hw.Offer(result, reading(a))
			}
		}
	}()
	return result
}

// askOutputs tells what the outputs are known to do now. The time is from before they were asked: a reading
// from before an order must not pass for its release.
func askOutputs(id string, outs ...resting) (acting, error) {
	a := acting{away: device.No, taken: time.Now()}
	for _, out := range outs {
		level, ok := out.Last()
		if !ok {
			if err := hw.Why(out.Output); err != nil {
				return acting{}, err
			}
			return acting{}, &hw.OpError{Op: "ask", Device: id, Err: device.ErrUnavailable, Hint: "see that the board has power and is connected"}
		}
		if level.Active != out.rest && !out.aside {
			a.away = device.Yes
		}
		if level.Fault != "" {
			a.fault = level.Fault
		}
	}
	return a, nil
}

// A driver whose outputs can be asked at any time has its present reading, too. What its readings say may
// still be on the way when a contact changes, and an order that was carried out must not look released.
type (
	presentDoor interface{ present() device.Reading }
	presentBolt interface{ present() device.LockReading }
)
