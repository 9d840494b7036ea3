package hw

import (
	"context"
	"errors"
	"time"
)

// Level is what a line was seen at.
type Level struct {
	Active bool      // logical: active-low is already applied
	At     time.Time // when it was asked, or when the edge came, by the kernel's or the device's time
	Seq    uint64    // counts the edges of this line; a gap says that some were missed
	Fault  string    // what the board knows to be wrong with the line; empty if nothing is
}

// Output is a line that a driver may energise.
type Output interface {
	// Set drives the line and returns when it has changed. Away from rest it stays for at most max; a
	// momentary output (OutputOptions.Cap) is bounded by its cap whatever max is, a maintained one
	// stays for ever when max is 0. Going to rest always works and may be repeated.
	//
	// An error says that nothing was energised, unless it is device.ErrUnsure. ErrStillOn: the
	// momentary output is away from rest already; there was no edge, and it will not stay longer.
	Set(ctx context.Context, active bool, max time.Duration) error
	// Last returns the level the line was last known at; false while the board does not answer.
	Last() (Level, bool)
	// Watch delivers the level, the first one on subscription, the newest to a slow reader. The channel
	// is closed when the line becomes unavailable or ctx ends; a new subscription stays silent until
	// the line is back.
	Watch(ctx context.Context) <-chan Level
	// Close drives the line to rest and gives it back. An error says that it may not be at rest.
	Close() error
}

// Reasoned is an Output of a board that knows why it cannot be used, with what to do.
type Reasoned interface {
	// Why is nil while it can be used.
	Why() error
}

// Why is the reason for which an output cannot be used now; nil where nobody knows one.
func Why(out Output) error {
	if r, ok := out.(Reasoned); ok {
		return r.Why()
	}
	return nil
}

// Input is a line that a driver reads.
type Input interface {
	// Read asks for the level now. Level.At is never before the call.
	Read(ctx context.Context) (Level, error)
	// Watch works as Output.Watch does.
	Watch(ctx context.Context) <-chan Level
	Close() error
}

// Edge is one change of one line among several that are watched together.
type Edge struct {
	Line   int           // its index in the request
	Active bool          // logical
	At     time.Duration // monotonic time of the kernel or the device, from a start of its own
	Seq    uint32        // counts the edges of all lines of the request; a gap says that some were lost
}

// Edges are lines requested together, so that their edges can be put in order (Wiegand's two wires).
type Edges interface {
	// Watch delivers every edge in the order seen. What a slow reader misses shows as a gap in Seq.
	// The channel is closed when the lines become unavailable or ctx ends.
	Watch(ctx context.Context) <-chan Edge
	Close() error
}

// OutputOptions say how an output is requested.
type OutputOptions struct {
	Rest      bool          // the level it is requested with, left at, and returns to by itself
	Cap       time.Duration // momentary: the longest it may be away from rest; 0: maintained
	ActiveLow bool
	Consumer  string // who asks, for the board's own listings; at most 31 bytes reach a kernel
}

// InputOptions say how an input is requested.
type InputOptions struct {
	ActiveLow bool
	Consumer  string
	// Falling is for EdgeBoard.Edges: only edges to inactive are told and counted. Pulses of some 20 µs
	// are over before a kernel looks which way the edge went; who asks for one way is told no other.
	Falling bool
}

// Board provides lines. It is safe for concurrent use, and a request does not wait for a peer that does
// not answer: an output of such a board refuses orders, an input has nothing to read, until it is back.
type Board interface {
	Output(ctx context.Context, line string, o OutputOptions) (Output, error)
	Input(ctx context.Context, line string, o InputOptions) (Input, error)
	Close() error
}

// EdgeBoard is a Board that can watch several lines in one request.
type EdgeBoard interface {
	Edges(ctx context.Context, lines []string, o InputOptions) (Edges, error)
}

// NamingBoard is a Board on which a line has several names. Canonical maps them to one, so that Env
// sees that "17" and "pinctrl-bcm2835/17" are the same line.
type NamingBoard interface {
	Canonical(line string) (string, error)
}

// Sentinels of lines.
var (
	// ErrStillOn: a momentary output is away from rest already. No edge was made.
	ErrStillOn = errors.New("still energised from the order before")
	// ErrInUse: somebody else holds the line.
	ErrInUse = errors.New("in use")
	// ErrNoLine: the board has no such line.
	ErrNoLine = errors.New("no such line")
	// ErrClosed: the line or board was closed.
	ErrClosed = errors.New("closed")
)
