package message

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"math"
	"sync/atomic"
)

// ErrExhausted is returned when a counter has no value left; its session must end (Matter 1.4 4.6.1).
var ErrExhausted = errors.New("message: counter exhausted")

// Counter numbers the messages that are sent under one key. It may be used by several goroutines.
type Counter struct {
	last  atomic.Uint64
	wraps bool
}

// NewCounter starts at a random value from 1 to 2^28 (Matter 1.4 4.6.1.1).
func NewCounter() *Counter {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return NewCounterAt(binary.LittleEndian.Uint32(b[:])>>4 + 1)
}

// NewCounterAt starts at first.
func NewCounterAt(first uint32) *Counter {
	c := &Counter{}
	c.last.Store(uint64(first) - 1)
	return c
}

// NewPlainCounter is the counter of messages that are not sealed: it may go around.
func NewPlainCounter() *Counter {
	c := NewCounter()
	c.wraps = true
	return c
}

// Next returns the next value.
func (c *Counter) Next() (uint32, error) {
	v := c.last.Add(1)
	if v > math.MaxUint32 && !c.wraps {
		return 0, ErrExhausted
	}
	return uint32(v), nil
}

// windowSize is how many counters before the newest are told apart (Matter 1.4 4.6.5: MSG_COUNTER_WINDOW_SIZE).
const windowSize = 32

// Rule says how counters compare.
type Rule uint8

// The rules (Matter 1.4 4.6.5.1 to 4.6.5.3).
const (
	// Sealed counters never go around: what is older than the window is a duplicate.
	Sealed Rule = iota
	// Plain counters may jump back, when the peer restarted: what is older than the window is new.
	Plain
	// Rolling counters of group messages go around: the nearer half of all values is newer.
	Rolling
)

// Window remembers which counters of one sender came. The zero value takes the first counter it is shown.
type Window struct {
	started bool
	newest  uint32
	seen    uint32 // bit i: newest-1-i came
}

// Fresh says whether the counter is new, and remembers it. It must be shown authentic messages only.
func (w *Window) Fresh(counter uint32, rule Rule) bool {
	if !w.started {
		*w = Window{started: true, newest: counter}
		return true
	}
	if counter == w.newest {
		return false
	}
	ahead := counter - w.newest // modulo 2^32
	newer := counter > w.newest
	if rule == Rolling {
		newer = ahead < 1<<31
	}
	if newer {
		w.advance(ahead)
		w.newest = counter
		return true
	}
	behind := w.newest - counter
	if behind > windowSize {
		if rule != Plain {
			return false
		}
		*w = Window{started: true, newest: counter}
		return true
	}
	bit := uint32(1) << (behind - 1)
	if w.seen&bit != 0 {
		return false
	}
	w.seen |= bit
	return true
}

func (w *Window) advance(n uint32) {
	switch {
	case n > windowSize:
		w.seen = 0
	case n == windowSize:
		w.seen = 1 << (windowSize - 1)
	default:
		w.seen = w.seen<<n | 1<<(n-1)
	}
}
