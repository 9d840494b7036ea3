package alerts

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/health"
)

// sender takes alerts to one place.
type sender interface {
	// send delivers one alert, or says why not. An error that wraps errRefused is not worth another
	// attempt with the same alert.
	send(ctx context.Context, a Alert) error
}

// errRefused: the receiver understood the alert and does not take it.
var errRefused = errors.New("refused by the receiver")

// Limits of what waits for a receiver.
const (
	maxWaiting  = 100
	attemptTime = 20 * time.Second
	firstPause  = 5 * time.Second
	longPause   = 15 * time.Minute
	giveUpAfter = 24 * time.Hour
)

// courier keeps the alerts for one receiver and tries until they are taken. An alert moves nothing, so it
// may be tried as often as it takes; a receiver that got one twice can tell by its ID.
type courier struct {
	name   string
	sender sender
	board  *health.Board
	log    zerolog.Logger

	mu      sync.Mutex
	waiting []waiting
	nudge   chan struct{}
}

type waiting struct {
	alert Alert
	until time.Time
}

func newCourier(name string, s sender, board *health.Board, log zerolog.Logger) *courier {
	return &courier{name: name, sender: s, board: board, log: log.With().Str("receiver", name).Logger(), nudge: make(chan struct{}, 1)}
}

// take puts an alert at the end of the row. When the row is full the oldest one that can wait goes first.
func (c *courier) take(a Alert) {
	c.mu.Lock()
	c.waiting = append(c.waiting, waiting{a, time.Now().Add(giveUpAfter)})
	if len(c.waiting) > maxWaiting {
		c.drop()
	}
	c.mu.Unlock()
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}

func (c *courier) drop() {
	at := 0
	for i, w := range c.waiting {
		if !w.alert.Urgent {
			at = i
			break
		}
	}
	c.log.Warn().Str("alert", c.waiting[at].alert.ID).Msg("an alert was dropped, too many wait")
	c.waiting = append(c.waiting[:at], c.waiting[at+1:]...)
}

func (c *courier) next() (waiting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) > 0 {
		first := c.waiting[0]
		if time.Now().Before(first.until) {
			return first, true
		}
		c.waiting = c.waiting[1:]
	}
	return waiting{}, false
}

// done drops the alert, which may have been dropped already.
func (c *courier) done(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.waiting {
		if w.alert.ID == id {
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			return
		}
	}
}

// run delivers until ctx ends.
func (c *courier) run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		first, ok := c.next()
		if !ok {
			select {
			case <-ctx.Done():
			case <-c.nudge:
			}
			continue
		}
		err := c.attempt(ctx, first.alert)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			c.board.Clear(health.AlertUndelivered, c.name)
			c.log.Info().Str("alert", first.alert.ID).Msg("alert delivered")
		} else {
			c.board.Raise(health.AlertUndelivered, c.name, err.Error())
			c.log.Warn().Err(err).Str("alert", first.alert.ID).Msg("alert not delivered")
		}
		if err == nil || errors.Is(err, errRefused) {
			c.done(first.alert.ID)
			pause = firstPause
			continue
		}
		select { // a new alert is no reason to hurry: the receiver does not answer
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

func (c *courier) attempt(ctx context.Context, a Alert) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	return c.sender.send(ctx, a)
}
