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
	rest bool
}

// acting is what a few outputs do together.
type acting struct {
	away  device.Tri // whether any of them is away from rest
	taken time.Time
	fault string
}

// watchOutputs tells whenever one of at most four outputs changes, first as soon as all are known. The
// channel is closed when one becomes unavailable or ctx ends.
func watchOutputs(ctx context.Context, outs ...resting) <-chan acting {
	result := make(chan acting, 1)
	go func() {
		defer close(result)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var (
			chans  [4]<-chan hw.Level
			levels [4]hw.Level
			known  int
		)
		for i, out := range outs {
			chans[i] = out.Watch(ctx)
		}
		set := func(i int, level hw.Level, ok bool) bool {
			if !ok {
				return false
			}
			levels[i] = level
			known |= 1 << i
			if known == 1<<len(outs)-1 {
				hw.Offer(result, sum(outs, levels[:len(outs)]))
			}
			return true
		}
		for going := true; going; {
			select {
			case level, ok := <-chans[0]:
				going = set(0, level, ok)
			case level, ok := <-chans[1]:
				going = set(1, level, ok)
			case level, ok := <-chans[2]:
				going = set(2, level, ok)
			case level, ok := <-chans[3]:
				going = set(3, level, ok)
			}
		}
	}()
	return result
}

// askOutputs tells what the outputs are known to do now.
func askOutputs(id string, outs ...resting) (acting, error) {
	levels := make([]hw.Level, len(outs))
	for i, out := range outs {
		level, ok := out.Last()
		if !ok {
			return acting{}, &hw.OpError{Op: "ask", Device: id, Err: device.ErrUnavailable, Hint: "see that the board has power and is connected"}
		}
		levels[i] = level
	}
	return sum(outs, levels), nil
}

func sum(outs []resting, levels []hw.Level) acting {
	s := acting{away: device.No, taken: time.Now()}
	for i, level := range levels {
		if level.Active != outs[i].rest {
			s.away = device.Yes
		}
		if level.Fault != "" {
			s.fault = level.Fault
		}
	}
	return s
}
