package wiegand

import (
	"context"
	"time"

	"github.com/loquet/loquet/hw"
)

// hostQuiet is how long after the last edge, by our own clock, a frame is over: a little longer than
// Quiet, because an edge takes its time from the kernel to here.
const hostQuiet = Quiet + 10*time.Millisecond

// Event is what one frame said. One of the three is set.
type Event struct {
	Key  byte  // 0 to 9, '*' or '#'
	Card Frame // a card, whose parity is right
	Err  error // the frame was rejected: forget what was typed before it
}

// Read decodes edges of D0 and D1 until they end. Frames that are over by the kernel's time are told at
// once, the last one when nothing has come for hostQuiet.
func Read(ctx context.Context, edges <-chan hw.Edge) <-chan Event {
	out := make(chan Event, 1)
	go func() {
		defer close(out)
		var d Decoder
		quiet := time.NewTimer(hostQuiet)
		defer quiet.Stop()
		for {
			var (
				f    Frame
				over bool
			)
			select {
			case e, ok := <-edges:
				if !ok {
					return
				}
				f, over = d.Edge(e)
				quiet.Reset(hostQuiet)
			case <-quiet.C:
				if len(edges) > 0 {
					quiet.Reset(0) // what waits comes first; it was not quiet
					continue
				}
				f, over = d.Flush()
			}
			if !over {
				continue
			}
			select {
			case out <- f.event():
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// event reads a frame, whatever it is. Frames of up to 8 bits are keys.
func (f Frame) event() Event {
	if f.Err != nil {
		return Event{Err: f.Err}
	}
	if f.Len <= 8 {
		key, err := f.Key()
		return Event{Key: key, Err: err}
	}
	if _, err := f.Card(H10304); err != nil { // H10302 has the same parity
		return Event{Err: err}
	}
	return Event{Card: f}
}
