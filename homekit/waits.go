package homekit

import (
	"slices"
	"time"
)

// Answers is how long a controller waited for its last answers, up to 256 of them: from the end of its
// request to its answer on the way. What the network takes is not in it.
type Answers struct {
	Count         int // of answers that the figures are of
	P50, P99, Max time.Duration
}

// waits remembers the last of them, in microseconds.
type waits struct {
	last  [256]uint32
	count int // of all there ever were
}

func (w *waits) add(d time.Duration) {
	w.last[w.count%len(w.last)] = uint32(min(max(d.Microseconds(), 0), 1<<32-1))
	w.count++
}

func (w *waits) figures() Answers {
	n := min(w.count, len(w.last))
	if n == 0 {
		return Answers{}
	}
	sorted := slices.Sorted(slices.Values(w.last[:n]))
	at := func(part int) time.Duration { // the smallest that so many hundredths are not above
		return time.Duration(sorted[(n*part+99)/100-1]) * time.Microsecond
	}
	return Answers{Count: n, P50: at(50), P99: at(99), Max: at(100)}
}
