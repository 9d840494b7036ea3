package broker

import "time"

// What one client may send: a house with hundreds of sensors stays far below.
const (
	messagesPerSecond = 200
	messagesAtOnce    = 1000
	bytesPerSecond    = 256 << 10
	bytesAtOnce       = 2 << 20
)

// rate is what a client may still send. It belongs to the one goroutine that reads from it.
type rate struct {
	messages, bytes float64
	at              time.Time
}

func newRate(now time.Time) rate {
	return rate{messages: messagesAtOnce, bytes: bytesAtOnce, at: now}
}

func (r *rate) allows(now time.Time, size int) bool {
	passed := max(now.Sub(r.at).Seconds(), 0)
	r.at = now
	r.messages = min(r.messages+passed*messagesPerSecond, messagesAtOnce) - 1
	r.bytes = min(r.bytes+passed*bytesPerSecond, bytesAtOnce) - float64(size)
	return r.messages >= 0 && r.bytes >= 0
}

// What a device says that does not talk much, and how long those are not heard who do, after the house could
// not take in all that was said.
const (
	littlePerSecond = 10
	littleAtOnce    = 50
	crushTime       = time.Second
)

// talk is how much more a client said than a device that says little. It belongs to the one goroutine that
// reads from it.
type talk struct {
	over float64
	at   time.Time
}

// much takes in one more message.
func (t *talk) much(now time.Time) bool {
	t.over = max(t.over-max(now.Sub(t.at).Seconds(), 0)*littlePerSecond, 0) + 1
	t.at = now
	return t.over > littleAtOnce
}
