package shelly

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw/board"
)

const (
	name    = "the Shelly" // in sentences
	noRelay = "correct the line, and see that the device is not set up as a roller"
)

// newBoard starts to connect. Lines are called as the device's own components are.
func newBoard(log zerolog.Logger, c Config) *board.Board {
	return board.New(log, board.Plan{
		Name: name, Reach: "see that it has power and is in the network, and that url is its address",
		Relays: board.Lines{Prefix: "switch-", Count: c.Relays, Missing: noRelay},
		Inputs: board.Lines{Prefix: "input-", Count: c.Inputs, Missing: "set the input up as a switch on the device's own page"},
		Falls:  true, Poll: c.Poll, Retry: 250 * time.Millisecond, LastRetry: 2 * time.Second, // it is back within 5 s of its network
		Connect: func(ctx context.Context, _ bool) (board.Link, error) {
			p, err := c.connect(ctx)
			if err != nil {
				return nil, err
			}
			return link{p, c.mac()}, nil
		},
	})
}

// link is a connection to the device that is meant, and to no other one.
type link struct {
	peer
	mac string
}

// Ask implements board.Link. The address may be another device's by now.
func (l link) Ask(ctx context.Context, _ board.Asked) (board.Status, error) {
	s, err := l.status(ctx)
	if err == nil && s.mac != l.mac {
		err = anotherAnswers(s.mac)
	}
	return s.Status, err
}

// Rest implements board.Link. A device that would move the relay by itself is left alone.
func (l link) Rest(ctx context.Context, r board.Relay) error {
	s, err := l.Ask(ctx, board.Asked{Relays: true})
	if err != nil {
		return err
	}
	high, told := s.Relays[r.N]
	if !told {
		return strange(noRelay, "it has no switch-%d", r.N)
	}
	set, err := l.settings(ctx, r.N)
	if err != nil {
		return err
	}
	if err := set.wrong(r); err != nil {
		return err
	}
	if high == r.Rest {
		return nil
	}
	return l.set(ctx, r.N, r.Rest, 0)
}

// wrong says which setting keeps a relay from being used; nil if none does.
func (s settings) wrong(r board.Relay) error {
	level := map[bool]string{true: "on", false: "off"}[r.Rest]
	switch {
	case s.powerOn != level:
		return strange(fmt.Sprintf("set the power-on default of this relay to %s on the device's own page", level),
			"switch-%d would move when power comes back (its power-on default is %q)", r.N, board.Clip(s.powerOn))
	case !s.detached:
		return strange("set the input mode of this relay to detached on the device's own page", "the device's own input switches switch-%d past loquet", r.N)
	case s.autoOn:
		return strange("switch auto-on off on the device's own page", "switch-%d switches on by itself (auto-on)", r.N)
	}
	return nil
}

// Set implements board.Link. Once it is under way it does not matter that ctx ends: the answer may come after the pulse.
func (l link) Set(ctx context.Context, o board.Order) error {
	return l.set(context.WithoutCancel(ctx), o.N, o.High, o.Max)
}

// strange is a device that is there and must not be used, with what to do about it.
func strange(hint, format string, args ...any) error {
	return board.Unusable(name, hint, format, args...)
}

// anotherAnswers is a device that is not the one that is meant.
func anotherAnswers(mac string) error {
	return strange("correct url: give the device a fixed address in the router", "another device answers, with the MAC address %s", board.Clip(mac))
}
