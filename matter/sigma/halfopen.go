package sigma

import (
	"context"
	"slices"
	"sync"
	"time"
)

// patience is how long a handshake is safe from giving up its place to another.
const patience = 2 * time.Second

// halfOpen holds the handshakes that have begun. A first message that somebody recorded and sends again begins one
// that never ends by itself: it must not keep others out.
type halfOpen struct {
	limit int

	mu  sync.Mutex
	all []*handshake // oldest first
}

type handshake struct {
	begun time.Time
	end   context.CancelFunc
}

// enter takes a place, if need be that of the oldest. The context ends when the place is lost; leave gives it back.
func (h *halfOpen) enter(ctx context.Context) (inside context.Context, leave func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) >= h.limit {
		oldest := h.all[0]
		if time.Since(oldest.begun) < patience {
			return nil, nil, false
		}
		oldest.end()
		h.all = h.all[1:]
	}
	inside, end := context.WithCancel(ctx)
	mine := &handshake{time.Now(), end}
	h.all = append(h.all, mine)
	return inside, func() {
		end()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = slices.DeleteFunc(h.all, func(o *handshake) bool { return o == mine })
	}, true
}
