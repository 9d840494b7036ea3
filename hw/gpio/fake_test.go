package gpio

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// fakeKernel is a machine with chips that a test plugs in and out.
type fakeKernel struct {
	mu     sync.Mutex
	chips  []*fakeChip
	start  time.Time
	denied bool
	keeps  bool
}

type fakeChip struct {
	k           *fakeKernel
	path, label string
	names       map[int]string
	high        []bool
	users       []*fakeRequest // by line
	others      map[int]string // lines that other programs hold
	refuse      error          // for the next requests
	mute        bool           // cannot tell of edges
	broken      error          // of get and set
	requests    []lineRequest  // all there were
	sets        int
	rises       int // orders that took an output from rest
	since       time.Time
	worst       time.Duration // the longest that an order lasted
}

func machine() *fakeKernel { return &fakeKernel{start: time.Now()} }

func (k *fakeKernel) plug(path, label string, lines int, names map[int]string) *fakeChip {
	c := &fakeChip{k: k, path: path, label: label, names: names, high: make([]bool, lines), users: make([]*fakeRequest, lines), others: map[int]string{}}
	k.replug(c)
	return c
}

func (k *fakeKernel) replug(c *fakeChip) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.chips = append(k.chips, c)
}

func (k *fakeKernel) unplug(c *fakeChip) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.chips = slices.DeleteFunc(k.chips, func(o *fakeChip) bool { return o == c })
	for i, r := range c.users {
		if r != nil {
			r.dead = true
		}
		c.users[i], c.high[i] = nil, false
	}
}

func (k *fakeKernel) board(t *testing.T, c Config) *Board {
	b := newBoard(k, c, zerolog.Nop())
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (k *fakeKernel) paths() ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var paths []string
	for _, c := range k.chips {
		paths = append(paths, c.path)
	}
	return paths, nil
}

func (k *fakeKernel) open(path string) (chip, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.chips {
		if c.path == path && k.denied {
			return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}
		}
		if c.path == path {
			return c, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
}

func (k *fakeKernel) clock() time.Duration { return time.Since(k.start) }
func (k *fakeKernel) keepsOutputs() bool   { return k.keeps }

func (c *fakeChip) info() (chipInfo, error) {
	i := chipInfo{Lines: uint32(len(c.high))}
	copy(i.Name[:], c.path[len("/dev/"):])
	copy(i.Label[:], c.label)
	return i, nil
}

func (c *fakeChip) line(offset uint32) (lineInfo, error) {
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	i := lineInfo{Offset: offset}
	copy(i.Name[:], c.names[int(offset)])
	if who, ok := c.others[int(offset)]; ok {
		i.Flags = flagUsed
		copy(i.Consumer[:], who)
	}
	if r := c.users[offset]; r != nil {
		i.Flags, i.Consumer = flagUsed|r.ask.Config.Flags, r.ask.Consumer
	}
	return i, nil
}

func (c *fakeChip) request(ask lineRequest) (request, error) {
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	c.requests = append(c.requests, ask)
	switch {
	case c.refuse != nil:
		return nil, fmt.Errorf("%s: %w", c.path, c.refuse)
	case c.mute && ask.Config.Flags&flagEdges != 0:
		return nil, syscall.ENXIO
	}
	r := &fakeRequest{chip: c, ask: ask, wake: make(chan struct{}, 1), closed: make(chan struct{}), count: make([]uint32, ask.NumLines)}
	for _, offset := range ask.Offsets[:ask.NumLines] {
		if c.users[offset] != nil || c.others[int(offset)] != "" {
			return nil, syscall.EBUSY
		}
	}
	for i, offset := range ask.Offsets[:ask.NumLines] {
		c.users[offset] = r
		if ask.Config.Flags&flagOutput != 0 {
			active := ask.Config.Attrs[0].Attr.Value>>i&1 == 1
			c.high[offset] = active != r.low()
		}
	}
	return r, nil
}

func (c *fakeChip) Close() error { return nil }

// drive sets the voltage of a pin from outside; lose leaves out the edge.
func (c *fakeChip) drive(offset int, high, lose bool) {
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	was := c.high[offset]
	c.high[offset] = high
	if r := c.users[offset]; r != nil && was != high {
		r.edge(offset, high, lose)
	}
}

func (c *fakeChip) level(offset int) bool {
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	return c.high[offset]
}

// tally is how many orders changed lines, and how many took one from rest.
func (c *fakeChip) tally() (sets, rises int) {
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	return c.sets, c.rises
}

func (c *fakeChip) breaks(err error) {
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	c.broken = err
}

// asked is the newest request.
func (c *fakeChip) asked() lineRequest {
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	return c.requests[len(c.requests)-1]
}

// fakeRequest is guarded by its kernel.
type fakeRequest struct {
	chip   *fakeChip
	ask    lineRequest
	queue  []lineEvent
	wake   chan struct{}
	closed chan struct{}
	seq    uint32
	count  []uint32
	dead   bool // its chip was unplugged
	shut   bool
}

func (r *fakeRequest) low() bool { return r.ask.Config.Flags&flagActiveLow != 0 }

func (r *fakeRequest) edge(offset int, high, lose bool) {
	i := slices.Index(r.ask.Offsets[:], uint32(offset))
	if flags := r.ask.Config.Flags; flags&flagEdges == flagFalling && high != r.low() {
		return
	}
	r.seq++
	r.count[i]++
	e := lineEvent{Time: uint64(r.chip.k.clock()), ID: eventFalling, Offset: uint32(offset), Seq: r.seq, LineSeq: r.count[i]}
	if high != r.low() {
		e.ID = eventRising
	}
	if lose || r.ask.Config.Flags&flagEdges == 0 {
		return
	}
	r.queue = append(r.queue, e)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *fakeRequest) usable() error {
	switch {
	case r.shut:
		return os.ErrClosed
	case r.dead:
		return syscall.ENODEV
	}
	return r.chip.broken
}

func (r *fakeRequest) get(mask uint64) (uint64, error) {
	r.chip.k.mu.Lock()
	defer r.chip.k.mu.Unlock()
	var bits uint64
	for i, offset := range r.ask.Offsets[:r.ask.NumLines] {
		if mask>>i&1 == 1 && r.chip.high[offset] != r.low() {
			bits |= 1 << i
		}
	}
	return bits, r.usable()
}

func (r *fakeRequest) set(bits, mask uint64) error {
	r.chip.k.mu.Lock()
	defer r.chip.k.mu.Unlock()
	if err := r.usable(); err != nil {
		return err
	}
	for i, offset := range r.ask.Offsets[:r.ask.NumLines] {
		if mask>>i&1 == 0 {
			continue
		}
		r.chip.sets++
		active := bits>>i&1 == 1
		rest := r.ask.Config.Attrs[0].Attr.Value>>i&1 == 1
		if high := active != r.low(); high != r.chip.high[offset] {
			r.chip.high[offset] = high
			if active != rest {
				r.chip.rises++
				r.chip.since = time.Now()
			} else {
				r.chip.worst = max(r.chip.worst, time.Since(r.chip.since))
			}
		}
	}
	return nil
}

func (r *fakeRequest) events(buf []lineEvent, wait time.Duration) (int, error) {
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		r.chip.k.mu.Lock()
		n := copy(buf, r.queue)
		r.queue = r.queue[n:]
		r.chip.k.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-r.wake:
		case <-r.closed:
			return 0, os.ErrClosed
		case <-late.C: // also when the chip is gone: it wakes nobody
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (r *fakeRequest) file() *os.File { return nil }

func (r *fakeRequest) Close() error {
	r.chip.k.mu.Lock()
	defer r.chip.k.mu.Unlock()
	if r.shut {
		return os.ErrClosed
	}
	r.shut = true
	close(r.closed)
	for _, offset := range r.ask.Offsets[:r.ask.NumLines] {
		if r.chip.users[offset] == r {
			r.chip.users[offset] = nil
		}
	}
	return nil
}
