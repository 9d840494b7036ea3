package modbus

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	dialWithin   = 3 * time.Second
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// bus is a line with one or several boards, which is connected for as long as anybody uses it.
type bus struct {
	dial    func(context.Context) (conn, error)
	framing func() framing
	gap     time.Duration // silence between two frames
	log     zerolog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	session *session           // nil while there is no connection
	changed chan struct{}      // closed when session changes
	held    map[byte]time.Time // until when relays of a unit may be away from rest
	answers map[byte]bool      // the units that are there
}

func newBus(log zerolog.Logger, u address) *bus {
	b := &bus{
		dial: u.dial, framing: u.framing, gap: u.gap(), log: log,
		done: make(chan struct{}), changed: make(chan struct{}), held: make(map[byte]time.Time),
		answers: make(map[byte]bool),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b
}

// Close ends the connection.
func (b *bus) Close() error {
	b.cancel()
	<-b.done
	return nil
}

// run keeps the line connected.
func (b *bus) run() {
	defer close(b.done)
	backoff := firstBackoff
	for b.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(b.ctx, dialWithin)
		c, err := b.dial(ctx)
		cancel()
		if err == nil {
			s := newSession(c, b.framing(), b.gap)
			b.set(s)
			if s.serve(b.ctx) {
				backoff = firstBackoff
			}
			b.set(nil)
		} else if backoff == firstBackoff && b.ctx.Err() == nil {
			b.log.Warn().Err(err).Msg("the Modbus line cannot be used")
		}
		select {
		case <-time.After(backoff):
			backoff = min(2*backoff, lastBackoff)
		case <-b.ctx.Done():
		}
	}
}

func (b *bus) set(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session = s
	close(b.changed)
	b.changed = make(chan struct{})
}

// wait returns the connection as soon as there is one.
func (b *bus) wait(ctx context.Context) (*session, error) {
	for {
		b.mu.Lock()
		s, changed := b.session, b.changed
		b.mu.Unlock()
		if s != nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-b.ctx.Done():
			return nil, b.ctx.Err()
		}
	}
}

// hold says that a relay of a unit is away from rest until then, so that nobody occupies the line when it
// is to be released.
func (b *bus) hold(unit byte, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.held[unit]) {
		b.held[unit] = until
	}
}

// calm is how long relays of other units may be away from rest.
func (b *bus) calm(unit byte) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var longest time.Duration
	for other, until := range b.held {
		if other != unit {
			longest = max(longest, time.Until(until))
		}
	}
	return longest
}

// known says whether a unit answers.
func (b *bus) known(unit byte, answers bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers[unit] = answers
}

// answered says whether a unit was last seen to answer.
func (b *bus) answered(unit byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answers[unit]
}

// others says whether another unit answers, which must not wait for one that does not.
func (b *bus) others(unit byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for other, answers := range b.answers {
		if answers && other != unit {
			return true
		}
	}
	return false
}
