package gpiolab

import (
	"time"

	"golang.org/x/sys/unix"
)

// Wires are the two lines that a Wiegand reader pulls down: for a zero, and for a one.
type Wires struct {
	Chip      *Chip
	Zero, One int
}

// How a reader sends (SIA AC-01: pulses of 20 to 100 µs, 200 µs to 20 ms apart).
const (
	bitLow   = 50 * time.Microsecond
	bitEvery = time.Millisecond
)

// Rest lets both wires go.
func (w Wires) Rest() {
	w.Chip.Drive(w.Zero, true)
	w.Chip.Drive(w.One, true)
}

// Send sends bits, each 0 or 1.
func (w Wires) Send(bits ...int) {
	for _, bit := range bits {
		wire := w.Zero
		if bit == 1 {
			wire = w.One
		}
		w.Chip.Drive(wire, false)
		Pause(bitLow)
		w.Chip.Drive(wire, true)
		Pause(bitEvery - bitLow)
	}
}

// Type sends digits, * and # as a keypad does, four bits a key, with a pause after each.
func (w Wires) Type(keys string, pause time.Duration) {
	for _, k := range keys {
		n := int(k - '0')
		switch k {
		case '*':
			n = 10
		case '#':
			n = 11
		}
		w.Send(n>>3&1, n>>2&1, n>>1&1, n&1)
		Pause(pause)
	}
}

// Pause is exact: the runtime's own sleep is rounded up to a millisecond.
func Pause(d time.Duration) {
	left := unix.NsecToTimespec(int64(d))
	for unix.Nanosleep(&left, &left) == unix.EINTR {
	}
}
