package gpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Board lends the lines of all chips of this machine.
type Board struct {
	kernel kernel
	config Config
	log    zerolog.Logger
	warn   sync.Once
	guard  *guard // nil: there is none
	report func(p hw.Problem, detail string, on bool)
	began  time.Time     // one moment,
	origin time.Duration // and what the kernel's clock said at it

	mu     sync.Mutex
	closed bool
	lent   map[io.Closer]struct{}
}

var (
	_ hw.Board       = (*Board)(nil)
	_ hw.EdgeBoard   = (*Board)(nil)
	_ hw.NamingBoard = (*Board)(nil)
)

func newBoard(k kernel, c Config, log zerolog.Logger) *Board {
	b := &Board{kernel: k, config: c, log: log, report: func(hw.Problem, string, bool) {}, lent: make(map[io.Closer]struct{})}
	b.began, b.origin = align(k)
	return b
}

// align reads both clocks at one moment: of several tries, the one in which least time went by.
func align(k kernel) (now time.Time, clock time.Duration) {
	best := time.Duration(math.MaxInt64)
	for range 10 {
		before := k.clock()
		n := time.Now()
		if after := k.clock(); after-before < best {
			best, now, clock = after-before, n, before
		}
	}
	return now, clock
}

// at turns the kernel's time of an edge into one that others can compare. Only differences of monotonic
// times go into it, so that neither a clock that is set nor a busy machine makes an edge older or newer.
func (b *Board) at(event uint64) time.Time {
	now := time.Now()
	clock := b.origin + now.Sub(b.began)
	return now.Add(time.Duration(event) - clock)
}

// Canonical implements hw.NamingBoard.
func (b *Board) Canonical(line string) (string, error) {
	p, err := b.find(line)
	return p.String(), err
}

// Output implements hw.Board. The kernel is asked for the line and its rest level in one call.
func (b *Board) Output(_ context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	p, err := b.find(line)
	if err != nil {
		return nil, err
	}
	b.warn.Do(b.warnOfKept)
	rest := uint64(0)
	if o.Rest {
		rest = 1
	}
	flags := uint64(flagOutput)
	if o.ActiveLow {
		flags |= flagActiveLow
	}
	h, err := b.hold([]place{p}, newRequest([]uint32{p.offset}, o.Consumer, flags).with(attrValues, rest))
	if err != nil {
		return nil, err
	}
	return lend(b, newOutput(h, o))
}

// Input implements hw.Board. A chip that cannot tell of edges is asked for the level again and again.
func (b *Board) Input(_ context.Context, line string, o hw.InputOptions) (hw.Input, error) {
	p, err := b.find(line)
	if err != nil {
		return nil, err
	}
	ask := newRequest([]uint32{p.offset}, o.Consumer, b.inputFlags(o)|flagEdges)
	if b.config.Debounce > 0 {
		ask = ask.with(attrDebounce, uint64(b.config.Debounce.Microseconds()))
	}
	h, err := b.hold([]place{p}, ask)
	if mute(err) {
		ask.Config.Flags &^= flagEdges
		ask.EventBuffer = 0
		h, err = b.hold([]place{p}, ask.without(attrDebounce))
	}
	if err != nil {
		return nil, err
	}
	in, err := newInput(h, ask.Config.Flags&flagEdges == 0)
	if err != nil {
		return nil, err
	}
	return lend(b, in)
}

// Edges implements hw.EdgeBoard. There is no debounce: pulses of 20 µs count.
func (b *Board) Edges(_ context.Context, lines []string, o hw.InputOptions) (hw.Edges, error) {
	if len(lines) == 0 || len(lines) > maxLines {
		return nil, fmt.Errorf("%w: %d lines in one request, 1 to %d are possible", hw.ErrNoLine, len(lines), maxLines)
	}
	var (
		places  []place
		offsets []uint32
	)
	for _, line := range lines {
		p, err := b.find(line)
		if err != nil {
			return nil, err
		}
		if len(places) > 0 && places[0].path != p.path {
			return nil, &hw.OpError{Op: "watch lines together", Err: fmt.Errorf("%w: %s and %s are on two chips", hw.ErrRef, places[0], p),
				Hint: "wire them to one chip: only that can put their edges in order"}
		}
		if slices.Contains(offsets, p.offset) {
			return nil, fmt.Errorf("%w: %s is there twice", hw.ErrInUse, p)
		}
		places, offsets = append(places, p), append(offsets, p.offset)
	}
	ways := uint64(flagEdges)
	if o.Falling {
		ways = flagFalling
	}
	h, err := b.hold(places, newRequest(offsets, o.Consumer, b.inputFlags(o)|ways))
	if err != nil {
		return nil, err
	}
	return lend(b, newEdges(h))
}

func (b *Board) inputFlags(o hw.InputOptions) uint64 {
	flags, _ := b.config.bias(o.ActiveLow != o.Falling) // wires that pulse to inactive rest active
	flags |= flagInput
	if o.ActiveLow {
		flags |= flagActiveLow
	}
	return flags
}

// Close gives all lines back, outputs at rest.
func (b *Board) Close() error {
	b.mu.Lock()
	lent := b.lent
	b.lent, b.closed = nil, true
	b.mu.Unlock()
	var errs []error
	for c := range lent {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// lend remembers what to give back with the board.
func lend[L interface {
	io.Closer
	comparable
}](b *Board, l L) (L, error) {
	b.mu.Lock()
	if !b.closed {
		b.lent[l] = struct{}{}
		b.mu.Unlock()
		return l, nil
	}
	b.mu.Unlock()
	var none L
	return none, errors.Join(fmt.Errorf("%w: the board is %w", device.ErrUnavailable, hw.ErrClosed), l.Close())
}

func (b *Board) forget(c io.Closer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.lent, c)
}

// warnOfKept tells of a kernel on which a relay stays energised when the program is killed.
func (b *Board) warnOfKept() {
	if b.kernel.keepsOutputs() {
		b.log.Warn().Str("remedy", "add dtparam=strict_gpiod to config.txt and start the machine again").
			Msg("this kernel leaves outputs as they are when the program is killed")
		b.report(hw.OutputsKept, "", true)
	}
}
