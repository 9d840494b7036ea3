package tasmota

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board"
)

const (
	name    = "the Tasmota" // in sentences
	noRelay = "correct the line, and see that the device is not set up with shutters"
)

// Board is one device with Tasmota. It may go and come back.
type Board struct {
	*board.Board
	ear *ear
}

// newBoard begins to listen. Lines are counted as the device does, from 1.
func newBoard(log zerolog.Logger, c Config, m hw.MQTT) *Board {
	e := listen(c, m)
	return &Board{ear: e, Board: board.New(log, board.Plan{
		Name: name, Reach: "see that it has power, is in the network and knows this MQTT broker, and that topic is its own",
		Relays: board.Lines{Prefix: "relay-", First: 1, Count: c.Relays, Missing: noRelay},
		Inputs: board.Lines{Prefix: "switch-", First: 1, Count: c.Switches, Missing: "set a pin of the device up as a switch, and SwitchMode to 1 or 2"},
		Falls:  true, Poll: c.Poll, Retry: 250 * time.Millisecond, LastRetry: 2 * time.Second,
		Connect: func(context.Context, bool) (board.Link, error) { return e.begin() }, Come: e.come,
	})}
}

// Close implements hw.Board.
func (b *Board) Close() error {
	err := b.Board.Close()
	b.ear.close()
	return err
}

// Ask implements board.Link. A device without switches answers for them as well: with its time.
func (l *link) Ask(ctx context.Context, what board.Asked) (board.Status, error) {
	s := board.Status{At: time.Now()}
	if what.Relays {
		said, err := l.ask(ctx, "STATUS", "11", func(s said) bool { return s.answers == statusSTS })
		if err != nil {
			return s, err
		}
		s.Relays = said.relays
	}
	if what.Inputs {
		said, err := l.ask(ctx, "STATUS", "10", func(s said) bool { return s.answers == statusSNS })
		if err != nil {
			return s, err
		}
		s.Inputs = said.switches
	}
	return s, nil
}

// Rest implements board.Link. A device that does not end each pulse itself, or would move the relay by itself, is left
// alone.
func (l *link) Rest(ctx context.Context, r board.Relay) error {
	s, err := l.Ask(ctx, board.Asked{Relays: true, Inputs: true})
	if err != nil {
		return err
	}
	high, told := s.Relays[r.N]
	if !told {
		return strange(noRelay, "it has no relay-%d", r.N)
	}
	set, err := l.settings(ctx, r.N)
	if err != nil {
		return err
	}
	set.switches = len(s.Inputs) > 0
	if err := set.wrong(r.N, r.Rest, r.Cap); err != nil {
		return err
	}
	l.mu.Lock()
	l.pulses[r.N] = pulse(set.pulse)
	l.mu.Unlock()
	if high == r.Rest {
		return nil
	}
	return l.set(ctx, r.N, r.Rest)
}

// Set implements board.Link. Once it is under way it does not matter that ctx ends: the answer may come after the pulse.
func (l *link) Set(ctx context.Context, o board.Order) error {
	l.mu.Lock()
	timer := l.pulses[o.N]
	l.mu.Unlock()
	if o.High != o.Rest && o.Max > timer {
		return strange(fmt.Sprintf("enter PulseTime%d %d in the device's console; nothing was energised", o.N, pulseFor(o.Max)),
			"relay-%d is to be held for %v, and the device lets go after %v", o.N, o.Max, timer)
	}
	return l.set(context.WithoutCancel(ctx), o.N, o.High)
}

// Changed implements board.Link.
func (l *link) Changed() <-chan struct{} { return l.push }

// Gone implements board.Link.
func (l *link) Gone() <-chan struct{} { return l.over }

// Close implements board.Link.
func (l *link) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.ended = true
		close(l.over)
	}
}

// errGone is why a device that went away is not used.
var errGone = fmt.Errorf("%w: the device went away", device.ErrUnavailable)

// strange is a device that is there and must not be used, with what to do about it.
func strange(hint, format string, args ...any) error {
	return board.Unusable(name, hint, format, args...)
}
