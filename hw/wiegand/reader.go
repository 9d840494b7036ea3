package wiegand

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/hw"
)

// hostQuiet is how long after the last edge, by our own clock, a frame is over: a little longer than
// Quiet, because an edge takes its time from the kernel to here.
const hostQuiet = Quiet + 10*time.Millisecond

// Config are the settings of the keypad driver "wiegand".
type Config struct {
	D0     hw.Ref `yaml:"d0" line:"input" jsonschema_description:"the wire of the zeros (mostly green), high at rest; ! in front where a coupler inverts it"`
	D1     hw.Ref `yaml:"d1" line:"input" jsonschema_description:"the wire of the ones (mostly white), on the same board, inverted if d0 is"`
	LED    hw.Ref `yaml:"led,omitempty" line:"output" jsonschema_description:"the reader's green light"`
	Beeper hw.Ref `yaml:"beeper,omitempty" line:"output" jsonschema_description:"the reader's beeper"`
	Card37 Format `yaml:"card37,omitempty" jsonschema:"enum=h10304,enum=h10302" jsonschema_description:"what cards of 37 bits are: h10304 with a facility, h10302 without"`
}

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	if c.D0 == "" {
		errs = append(errs, &hw.FieldError{Field: "d0", Problem: "the reader has no wire for its zeros", Remedy: "name both wires, for example d0: gpio:12 and d1: gpio:13"})
	}
	if c.D1 == "" {
		errs = append(errs, &hw.FieldError{Field: "d1", Problem: "the reader has no wire for its ones", Remedy: "name both wires, for example d0: gpio:12 and d1: gpio:13"})
	}
	if c.Card37 != H10304 && c.Card37 != H10302 {
		errs = append(errs, &hw.FieldError{Field: "card37", Problem: "there is no such format of 37 bits", Remedy: "write h10304 or h10302, or leave it out for h10304"})
	}
	return errors.Join(errs...)
}

// Event is what one frame said. One of the three is set.
type Event struct {
	Key  byte // 0 to 9, '*' or '#'
	Card Card
	Err  error // the frame was rejected: forget what was typed before it
}

// Read decodes edges of D0 and D1 until they end. Frames that are over by the kernel's time are told at
// once, the last one when nothing has come for hostQuiet. long is the format of 37 bits.
func Read(ctx context.Context, edges <-chan hw.Edge, long Format) <-chan Event {
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
			case out <- f.event(long):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// event reads a frame, whatever it is. Frames of up to 8 bits are keys.
func (f Frame) event(long Format) Event {
	if f.Err != nil {
		return Event{Err: f.Err}
	}
	if f.Len <= 8 {
		key, err := f.Key()
		return Event{Key: key, Err: err}
	}
	card, err := f.Card(long)
	return Event{Card: card, Err: err}
}
