package store

import (
	"sync/atomic"
	"time"
)

// numbers hands out the numbers of rows. A number is never used again, also when the row is lost to a
// power cut: loquet.db always says "up to here" ahead of time. Only rows that were kept aside because
// the disk could not be written at all, and that were lost with the power, leave no trace of theirs.
type numbers struct {
	next     int64         // of whoever has the turn
	reserved atomic.Int64  // loquet.db says so
	want     chan struct{} // holds one: more should be reserved
	granted  chan struct{} // holds one: more were reserved
}

const (
	numberBlock = 1000 // reserved at a time
	numberAhead = 1500 // fewer left than that: reserve more
	// numberLeap is how far to leap where nothing says up to where numbers were used.
	numberLeap = 10_000
)

func newNumbers(next, reserved int64) *numbers {
	n := &numbers{next: next, want: make(chan struct{}, 1), granted: make(chan struct{}, 1)}
	n.reserved.Store(reserved)
	return n
}

// take returns the next number. It waits only when somebody writes thousands of rows faster than the
// disk can note one number down, and then no longer than a second.
func (n *numbers) take(state *condition) int64 {
	seq := n.next
	n.next++
	if left := n.reserved.Load() - seq; left < numberAhead {
		signal(n.want)
	}
	if seq <= n.reserved.Load() {
		return seq
	}
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	for seq > n.reserved.Load() && state.refuse() == nil {
		select {
		case <-n.granted:
		case <-patience.C:
			return seq
		}
	}
	return seq
}

// more returns up to where the next reservation should reach.
func (n *numbers) more() int64 { return n.reserved.Load() + 2*numberBlock }

func (n *numbers) grant(upto int64) {
	n.reserved.Store(upto)
	signal(n.granted)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
