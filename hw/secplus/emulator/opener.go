// Package emulator is a Chamberlain opener with a garage door behind it, for tests: it speaks Security+ 2.0 or 1.0 on
// any number of connections, which are one wire, and counts what it was told. A wall panel of Security+ 1.0 may be on
// the wire too.
package emulator

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/loquet/loquet/hw/secplus/frames"
)

// Options say what opener it is.
type Options struct {
	Version int           // of Security+: 1 or 2
	Travel  time.Duration // from end to end; 0: so long that nobody sees the end
	Echo    bool          // what is sent on the wire is heard again by who sent it
	Panel   byte          // of Security+ 1.0: frames.AskDoor for a panel that asks, frames.OldQuestion for an old one; 0: none
	Every   time.Duration // how often the panel speaks; 0: 250 ms
}

// State is what the opener knows and has seen.
type State struct {
	At            float64 // 0 is closed, 1 is open
	Moving        int
	Light, Locked bool
	Held          bool   // the button is pressed, as far as it knows
	Presses       []byte // of the door's button: the action (2.0), or frames.PressDoor
	LetGo         int
	Asked         int // questions for the door
	Dropped       int // frames with a code that did not rise
	Others        int // orders of any other kind
	Senders       int // different numbers, 2.0
}

// Opener is the opener. Its memory of codes outlives a power cut.
type Opener struct {
	o Options

	mu      sync.Mutex
	d       door
	seen    State
	told    byte // the place it told last, 2.0
	last    map[uint64]frames.Message
	rolling uint32
	heldAt  time.Time // the button for the lock
	off     bool
	deaf    bool
	lazy    bool
	panel   bool // the panel is plugged in
	step    int
	wires   map[*line]struct{}
}

// line is one connection. What the opener says waits in it, so that it hears on meanwhile.
type line struct {
	w   io.Writer
	out chan []byte
}

const (
	tick = 10 * time.Millisecond
	ever = 1000 * time.Hour
)

// New returns an opener whose door is closed.
func New(o Options) *Opener {
	if o.Travel == 0 {
		o.Travel = ever
	}
	if o.Every == 0 {
		o.Every = 250 * time.Millisecond
	}
	return &Opener{o: o, d: door{travel: o.Travel, last: Down, since: time.Now()}, panel: o.Panel != 0, told: 2,
		last: map[uint64]frames.Message{}, rolling: 5000, wires: map[*line]struct{}{}}
}

// Run lets time pass until ctx ends: the door moves, the opener says so, the panel asks.
func (p *Opener) Run(ctx context.Context) {
	t, panel := time.NewTicker(tick), time.NewTicker(p.o.Every)
	defer t.Stop()
	defer panel.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			p.do(func() {})
		case <-panel.C:
			p.do(p.poll)
		}
	}
}

// Serve is one connection to the wire, until it breaks.
func (p *Opener) Serve(conn io.ReadWriter) {
	l := &line{w: conn, out: make(chan []byte, 1024)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := range l.out {
			if _, err := conn.Write(b); err != nil {
				break
			}
		}
		for range l.out { //nolint:revive // the rest is for nobody
		}
	}()
	p.do(func() { p.wires[l] = struct{}{} })
	defer func() {
		p.do(func() { delete(p.wires, l); close(l.out) })
		<-done
	}()
	var s frames.Stream
	b := make([]byte, 64)
	for {
		n, err := conn.Read(b)
		p.do(func() {
			if p.o.Echo && n > 0 {
				l.say(b[:n])
			}
			if p.off {
				return
			}
			if p.o.Version == 2 {
				for _, m := range s.Take(b[:n]) {
					p.take(m)
				}
				return
			}
			for _, one := range b[:n] {
				p.hear(one)
			}
		})
		if err != nil {
			return
		}
	}
}

// do changes the opener, and lets it say where the door is if that has changed.
func (p *Opener) do(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.d.advance(time.Now())
	f()
	if p.o.Version == 2 && p.place() != p.told {
		p.tell()
	}
}

func (l *line) say(b []byte) {
	select {
	case l.out <- slices.Clone(b):
	default: // nobody reads for a long time
	}
}

func (p *Opener) say(b ...byte) {
	for l := range p.wires {
		l.say(b)
	}
}

// Look returns what the opener knows.
func (p *Opener) Look() (s State) {
	p.do(func() {
		s = p.seen
		s.Presses = slices.Clone(s.Presses)
		s.At, s.Moving, s.Senders = p.d.at, p.d.moving, len(p.last)
	})
	return s
}

// Put puts the door anywhere, at rest or on its way.
func (p *Opener) Put(at float64, moving int) {
	p.do(func() {
		p.d.at = at
		if p.d.moving = moving; moving != Still {
			p.d.last = moving
		}
	})
}

// Wall is somebody at another button of the opener.
func (p *Opener) Wall() { p.do(p.d.toggle) }

// Obstruct puts something in the way, or takes it out.
func (p *Opener) Obstruct(on bool) {
	p.do(func() {
		p.d.blocked = on
		p.told = 0 // it says so at once
	})
}

// Power cuts the power of the opener, or gives it back. The door stops; the codes are kept.
func (p *Opener) Power(on bool) {
	p.do(func() {
		if p.off = !on; p.off {
			p.d.head(Still)
			p.seen.Held = false
		}
	})
}

// Deaf lets the opener say nothing more, or speak again. It does what it is told.
func (p *Opener) Deaf(on bool) { p.do(func() { p.deaf = on }) }

// Lazy lets the opener take orders and obey none.
func (p *Opener) Lazy(on bool) { p.do(func() { p.lazy = on }) }

// Panel plugs the wall panel in, or pulls it out.
func (p *Opener) Panel(in bool) { p.do(func() { p.panel = in }) }
