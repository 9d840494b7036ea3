package wiegand

import (
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/hw"
)

// Times of a frame. Readers pulse for 20 to 100 µs every 200 µs to 20 ms, mostly 50 µs every 1 to 2 ms;
// a kernel adds some tens of µs to both. A pause of 50 ms ends the frame, and a bit that comes when it
// should be over, but is not yet, belongs to nothing.
const (
	MinSpacing = 100 * time.Microsecond // between the starts of two bits
	MaxSpacing = 25 * time.Millisecond
	MaxLow     = time.Millisecond // of one bit
	Quiet      = 50 * time.Millisecond
)

// maxBits is longer than any frame that is understood.
const maxBits = 64

// ErrFrame is wrapped by the error of every frame that is rejected.
var ErrFrame = errors.New("the reader's signal is damaged")

// Frame is what came between two pauses: its bits, the first one highest, or why they are no use.
type Frame struct {
	Bits uint64
	Len  int
	Err  error
}

// Decoder puts the edges of D0 (line 0) and D1 (line 1) together. An edge that is not active is the
// start of a bit. It keeps the kernel's time and has no clock of its own. The zero value is ready.
type Decoder struct {
	frame  Frame
	open   bool // a frame has begun
	last   time.Duration
	begun  bool // last and seq are of an edge
	seq    uint32
	rises  bool             // this source tells the ends of pulses too
	low    [2]bool          // only where rises is true
	lowed  [2]time.Duration // since when
	starts bool             // last was the start of a bit
}

// Edge takes the next edge. It returns the frame that this edge shows to be over.
func (d *Decoder) Edge(e hw.Edge) (Frame, bool) {
	var (
		done Frame
		over bool
	)
	lost := d.begun && e.Seq != d.seq+1
	if lost {
		d.fail("edges were lost")
	}
	if d.open && e.At-d.last >= Quiet {
		done, over = d.Flush()
	}
	if lost {
		d.fail("edges were lost") // they may have been of either frame
		d.low = [2]bool{}
	}
	switch {
	case e.Line < 0 || e.Line > 1:
		d.fail("an edge of a third wire")
	case e.Active:
		d.rise(e)
	default:
		d.fall(e)
	}
	d.seq, d.begun = e.Seq, true
	return done, over
}

// Flush ends the frame because it has been quiet for long enough; false if there was none.
func (d *Decoder) Flush() (Frame, bool) {
	if !d.open {
		return Frame{}, false
	}
	if d.rises && (d.low[0] || d.low[1]) {
		d.fail("a wire stays low")
	}
	f := d.frame
	if f.Err != nil {
		f.Bits, f.Len = 0, 0
	}
	d.frame, d.open, d.low = Frame{}, false, [2]bool{}
	return f, true
}

// fall is the start of a bit.
func (d *Decoder) fall(e hw.Edge) {
	gap := e.At - d.last
	switch {
	case !d.begun || !d.starts:
	case gap < 0:
		d.fail("edges came out of order")
	case gap < MinSpacing:
		d.fail("two bits came too near to each other")
	case gap > MaxSpacing && gap < Quiet:
		d.fail("a bit came late")
	case !d.open && gap < Quiet:
		d.fail("a bit came after the end of its frame")
	}
	if d.rises && (d.low[0] || d.low[1]) {
		d.fail("both wires are low, or a pulse did not end")
	}
	if d.frame.Len == maxBits {
		d.fail("there are too many bits")
	} else {
		d.frame.Bits = d.frame.Bits<<1 | uint64(e.Line)
		d.frame.Len++
	}
	d.open, d.last, d.starts = true, e.At, true
	d.low[e.Line], d.lowed[e.Line] = true, e.At
}

// rise is the end of a bit. Sources that tell starts only have none.
func (d *Decoder) rise(e hw.Edge) {
	width := e.At - d.lowed[e.Line]
	switch {
	case !d.low[e.Line]:
		d.fail("a pulse ended that did not begin")
	case width < 0:
		d.fail("edges came out of order")
	case width > MaxLow:
		d.fail("a pulse was too long")
	}
	d.rises = true
	d.low[e.Line] = false
}

// fail makes the frame, or the one that begins with this, one that is rejected. The first reason stays.
func (d *Decoder) fail(why string) {
	d.open = true
	if d.frame.Err == nil {
		d.frame.Err = fmt.Errorf("%w: %s", ErrFrame, why)
	}
}
