package board

import (
	"context"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
)

// Why a board that was up is looked at from the start.
var (
	errGone        = fmt.Errorf("%w: it went away", device.ErrUnavailable)
	errUnconfirmed = fmt.Errorf("%w: an order was not confirmed", device.ErrUnavailable)
)

// run keeps the board known.
func (b *Board) run() {
	defer close(b.done)
	retry, said := b.p.Retry, ""
	for {
		err := b.visit(func() { retry, said = b.p.Retry, "" })
		b.end(err)
		if b.ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			b.log.Warn().Err(err).Str("board", b.p.Name).Msg("the board cannot be used")
			said = text
		}
		select {
		case <-time.After(retry):
			retry = min(2*retry, b.p.LastRetry)
		case <-b.p.Come:
		case <-b.ctx.Done():
			return
		}
	}
}

// visit connects, and serves until something is wrong, which it returns.
func (b *Board) visit(begun func()) error {
	l, err := b.p.Connect(b.ctx, b.away())
	if err != nil {
		return err
	}
	defer l.Close()
	if err := b.begin(l); err != nil {
		return err
	}
	begun()
	b.log.Info().Str("board", b.p.Name).Msg("the board answers")
	return b.watch(l)
}

// begin brings every relay that is lent to rest, looks where everything is, and only then lets orders through.
func (b *Board) begin(l Link) error {
	if err := b.take(b.ctx); err != nil {
		return err
	}
	defer b.give()
	rested := make(map[*output]bool)
	settle := func(next func() *output) error {
		for o := next(); o != nil; o = next() {
			if err := b.rest(l, o); err != nil {
				return err
			}
			rested[o] = true
		}
		return nil
	}
	if err := settle(func() *output { return b.next(rested) }); err != nil {
		return err
	}
	s, err := b.ask(l, true)
	if err != nil {
		return err
	}
	return settle(func() *output { return b.open(l, s, rested) })
}

// next is an output that was not brought to rest yet.
func (b *Board) next(rested map[*output]bool) *output {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unrested(rested)
}

// unrested is next for who holds mu.
func (b *Board) unrested(rested map[*output]bool) *output {
	for _, o := range b.outs {
		if !rested[o] {
			return o
		}
	}
	return nil
}

// open lets orders through, unless an output was lent since that is not at rest yet: it returns that.
func (b *Board) open(l Link, s Status, rested map[*output]bool) *output {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o := b.unrested(rested); o != nil {
		return o
	}
	b.up, b.trip, b.told, b.why = l, make(chan struct{}), true, nil
	for _, o := range b.outs {
		o.Back()
	}
	b.heard(s)
	return nil
}

// ask asks for what somebody wants to know, and finds relays that are not where they were left.
func (b *Board) ask(l Link, relays bool) (Status, error) {
	b.mu.Lock()
	what := Asked{Relays: relays && b.p.Poll > 0 && b.p.Relays.Count > 0, Inputs: len(b.ins) > 0 || b.p.Relays.Count == 0}
	b.mu.Unlock()
	if what == (Asked{}) {
		return Status{}, nil
	}
	s, err := l.Ask(b.ctx, what)
	if err != nil {
		return s, err
	}
	return s, b.compare(s)
}

// watch asks the board again and again until something is wrong, and says what.
func (b *Board) watch(l Link) error {
	b.mu.Lock()
	trip := b.trip
	b.mu.Unlock()
	var tick <-chan time.Time
	if b.p.Poll > 0 {
		ticker := time.NewTicker(b.p.Poll)
		defer ticker.Stop()
		tick = ticker.C
	}
	looked := time.Now()
	for {
		select {
		case <-tick:
		case <-b.wake:
		case <-l.Changed():
		case <-l.Gone():
			return errGone
		case <-trip:
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.why
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
		look := time.Since(looked) >= b.p.Look
		s, err := b.ask(l, look)
		if err != nil {
			return err
		}
		if look {
			looked = time.Now()
		}
		b.mu.Lock()
		if b.up == l {
			b.heard(s)
		}
		b.mu.Unlock()
	}
}

// compare finds relays that are not where they were left: the board started again and has forgotten, or somebody else
// switched them.
func (b *Board) compare(s Status) error {
	if s.Relays == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, o := range b.outs {
		high, told := s.Relays[n]
		switch {
		case !told:
			return Unusable(b.p.Name, b.p.Relays.Missing, "it has no %s", b.p.Relays.name(n))
		case o.since.IsZero() || o.since.After(s.At) || o.timed || high == o.want:
			continue
		}
		return fmt.Errorf("%w: %s is not where it was left: somebody else switched it, or the board started again", device.ErrUnavailable, b.p.Relays.name(n))
	}
	return nil
}

// heard tells inputs what the board says. The caller holds mu.
func (b *Board) heard(s Status) {
	if s.Inputs == nil {
		return
	}
	for in := range b.ins {
		if high, told := s.Inputs[in.n]; told {
			in.seen(high, s.At)
		} else {
			in.lost()
		}
	}
}

// end tells everybody that the board is away, and why.
func (b *Board) end(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up, b.why = nil, why
	if b.told {
		for _, o := range b.outs {
			o.Lost()
		}
	}
	b.told = false
	for in := range b.ins {
		in.lost()
	}
}

// away says whether a relay of ours is away from rest, or perhaps.
func (b *Board) away() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.outs {
		if o.away {
			return true
		}
	}
	return false
}

// order switches a relay, if the board is there.
func (b *Board) order(ctx context.Context, o *output, high bool, max time.Duration) error {
	limit := answerWithin
	if max > 0 {
		limit = min(limit, max)
	}
	until := time.Now().Add(limit)
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if _, err := b.link(); err != nil {
		return err
	}
	if err := b.take(waiting); err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: %s is busy", device.ErrUnavailable, b.p.Name)
		}
		return err
	}
	defer b.give()
	l, err := b.link()
	if err != nil {
		return err
	}
	return b.moved(l, o, high, max, func() error { return l.Set(ctx, Order{Relay: o.Relay, High: high, Max: max, Until: until}) })
}

// rest brings a relay to rest over a new connection, or a relay that is new.
func (b *Board) rest(l Link, o *output) error {
	return b.moved(l, o, o.Rest, 0, func() error { return l.Rest(b.ctx, o.Relay) })
}
