package commission

import (
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/matter"
)

// telling is how often one kind of complaint is written to the log: whoever sends the node rubbish must not fill the disk.
const telling = time.Minute

// complaints are what goes wrong at a node, gathered by kind: the first of a kind is told at once, those of the minute after it together.
type complaints struct {
	log zerolog.Logger

	mu    sync.Mutex
	ended bool
	kinds map[string]*kind
}

// kind is what of one kind has not been told yet.
type kind struct {
	count int
	last  error
	timer *time.Timer // until the minute is over
}

func newComplaints(log zerolog.Logger) *complaints {
	return &complaints{log: log, kinds: map[string]*kind{}}
}

// kindOf is the sort of a complaint.
func kindOf(err error) string {
	switch {
	case errors.Is(err, matter.ErrPasscode):
		return "passcode"
	case errors.Is(err, matter.ErrHandshake):
		return "session"
	case errors.Is(err, matter.ErrInteraction):
		return "interaction"
	}
	return "node"
}

// hear takes a complaint. It never waits.
func (c *complaints) hear(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := kindOf(err)
	k := c.kinds[name]
	switch {
	case c.ended:
	case k == nil:
		c.tell(name, 1, err)
		k = &kind{}
		k.timer = time.AfterFunc(telling, func() { c.over(name, k) })
		c.kinds[name] = k
	default:
		k.count++
		k.last = err
	}
}

// over ends a minute, and begins another one if there was something to tell.
func (c *complaints) over(name string, k *kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	if k.count == 0 {
		delete(c.kinds, name)
		return
	}
	c.tell(name, k.count, k.last)
	k.count = 0
	k.timer.Reset(telling)
}

func (c *complaints) tell(name string, count int, last error) {
	c.log.Info().Str("kind", name).Int("count", count).AnErr("last", last).Msg("Matter: something came to nothing")
}

// end tells what has not been told, and hears no more.
func (c *complaints) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	for name, k := range c.kinds {
		k.timer.Stop()
		if k.count > 0 {
			c.tell(name, k.count, k.last)
		}
	}
}
