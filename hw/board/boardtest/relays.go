package boardtest

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Relays are the relays and inputs of a simulated board, by the numbers of its lines. The zero value has all of them
// low.
type Relays struct {
	mu     sync.Mutex
	high   map[int]bool
	rest   map[int]bool
	inputs map[int]bool
	timers map[int]*time.Timer
	clicks int
	heard  []string
}

// Order carries out an order, and returns where the relay was: it goes back by itself after back, if that is not 0.
func (r *Relays) Order(n int, high bool, back time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.obey(n, high, back)
}

// obey is Order for who holds mu. A timer that an order has overtaken does nothing, also where it came due before.
func (r *Relays) obey(n int, high bool, back time.Duration) bool {
	order := fmt.Sprintf("%d %v", n, high)
	if back > 0 {
		order += " " + back.String()
	}
	r.heard = append(r.heard, order)
	was := r.high[n]
	if high != was && high != r.rest[n] {
		r.clicks++
	}
	if timer := r.timers[n]; timer != nil {
		timer.Stop()
	}
	put(&r.high, n, high)
	put(&r.timers, n, nil)
	if back <= 0 {
		return was
	}
	var timer *time.Timer
	timer = time.AfterFunc(back, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.timers[n] == timer {
			r.high[n] = !high
		}
	})
	r.timers[n] = timer
	return was
}

// Turn moves a relay without an order, as somebody at the board does.
func (r *Relays) Turn(n int, high bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	put(&r.high, n, high)
}

// High tells the level of a relay.
func (r *Relays) High(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.high[n]
}

// Drive sets the level of an input.
func (r *Relays) Drive(n int, high bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	put(&r.inputs, n, high)
}

// Input tells the level of an input.
func (r *Relays) Input(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inputs[n]
}

// Wired implements Peer: the board is told nothing, as by the wires of a relay.
func (r *Relays) Wired(n int, rest bool, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	put(&r.rest, n, rest)
}

// Clicks counts the orders that took a relay away from rest.
func (r *Relays) Clicks() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clicks
}

// Orders lists what was ordered, as "0 true 500ms,0 false".
func (r *Relays) Orders() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.heard, ",")
}

func put[V any](to *map[int]V, n int, v V) {
	if *to == nil {
		*to = make(map[int]V)
	}
	(*to)[n] = v
}
