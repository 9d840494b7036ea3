package years

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/sim"
)

// book holds what was recorded and what happened against each other.
type book struct {
	h          *house
	mu         sync.Mutex
	seq        int64
	life       int
	fail       error
	intents    map[int64]device.Entry // of this life
	open       map[string]int64       // the newest intent of a door without an order, in this life
	started    map[int64]bool         // of this life
	asked      map[string]bool        // doors that somebody asked to act in this life
	last       map[string]time.Time   // the last order to a relay
	ordered    map[string]time.Time   // the last order to any relay of a door
	pressed    map[string]time.Time   // when somebody else last moved a door, or let it go
	confirmed  time.Time              // the last intent that a person answered for
	unfinished map[string]int64       // the newest intent of a door without an outcome, over all lives
	orders     int
	commands   int
}

func newBook(h *house) *book {
	return &book{h: h, last: map[string]time.Time{}, pressed: map[string]time.Time{}, ordered: map[string]time.Time{}, unfinished: map[string]int64{}}
}

func (b *book) born(life int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.life = life
	b.intents, b.open, b.started, b.asked = map[int64]device.Entry{}, map[string]int64{}, map[int64]bool{}, map[string]bool{}
}

func (b *book) wrong(format string, args ...any) {
	b.h.t.Errorf("seed %d, %s: %s", b.h.seed, time.Now().UTC().Format("2006-01-02 15:04:05.000"), fmt.Sprintf(format, args...))
}

// journal records for one life.
type journal struct{ l *life }

var errKilled = errors.New("killed")

// Record implements device.Journal.
func (j *journal) Record(_ context.Context, e device.Entry) (int64, error) {
	b := j.l.h.book
	time.Sleep(2 * time.Millisecond)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return 0, b.fail
	}
	if j.l.over() {
		return 0, errKilled
	}
	b.seq++
	switch e.Kind {
	case device.EntryIntent:
		b.intents[b.seq], b.open[e.Device] = e, b.seq
		if e.Confirmed {
			b.confirmed = time.Now()
		}
		if e.Cause.Actor == late {
			b.wrong("%s: an intent for a command that came too late", e.Device)
		}
		b.unfinished[e.Device] = b.seq
	case device.EntryStarted:
		b.started[e.Intent] = true
	case device.EntryOutcome:
		if b.unfinished[e.Device] == e.Intent {
			delete(b.unfinished, e.Device)
		}
	default:
	}
	if len(b.intents) > 1000 {
		clear(b.intents)
		clear(b.started)
	}
	return b.seq, nil
}

// order judges an order that has reached a relay: what the world was before and is after.
func (b *book) order(l *life, id, line string, before, after sim.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders++
	now := time.Now()
	seq := b.open[id]
	delete(b.open, id)
	e := b.intents[seq]
	s, fault := b.h.spec(id), b.h.faults[id]
	if seq == 0 {
		b.wrong("%s: an order without an intent of its own", id)
		return
	}
	if gap := now.Sub(b.last[line]); !b.last[line].IsZero() && gap < 2*time.Second {
		b.wrong("%s: two edges %v apart (%+v, life of %v)", line, gap, e, now.Sub(l.born))
	}
	b.last[line], b.ordered[id] = now, now
	if !b.asked[id] && (s.autoClose == 0 || now.Sub(l.born) < s.autoClose) {
		b.wrong("%s: an order %v after the start that nobody asked for (%+v)", id, now.Sub(l.born), e)
	}
	if blind := fault.heard(); !s.Discrete && !e.Confirmed && blind > 2500*time.Millisecond {
		b.wrong("%s: an order on sensors of which nothing was heard for %v", id, blind)
	}
	quiet := now.Sub(b.pressed[id]) > 3*time.Second && fault.sound(5*time.Second) // nobody else is at it
	shown := l.doors[id].State()
	known := shown.Confidence == device.ConfidenceSensed && shown.Available && fault.given().Sub(shown.Since) > time.Second
	if known && (e.Action == device.ActionOpen && shown.Position == device.PositionOpen ||
		e.Action == device.ActionClose && shown.Position == device.PositionClosed) {
		b.wrong("%s: an order to %v although it is so (%+v, %+v)", id, e.Action, e, shown)
	}
	heading := map[device.Position]string{device.PositionOpening: "up", device.PositionClosing: "down"}[shown.Position]
	if heading != "" && before.Moving != heading || e.Action == device.ActionStop && before.Moving == "no" {
		quiet = false // somebody else stopped or turned it, unseen: what a button means then, nobody can know
	}
	b.warned(s, id, e, after, quiet, before)
	if e.Action == device.ActionOpen && !e.Confirmed {
		b.trap(l, id)
	}
}

// warned requires light and sound before a door closes that no person stands at.
func (b *book) warned(s spec, id string, e device.Entry, after sim.Status, quiet bool, before sim.Status) {
	began := after.LastMove
	closes := began.Direction == "down" && began.Cause == "relay" && began != before.LastMove
	if !closes || e.Cause.AtTheDoor() || s.remote == device.RemoteCloseDeclared || !quiet {
		return
	}
	if e.Action == device.ActionOpen && e.Confirmed {
		return // a person looked at it and answers for it
	}
	if s.remote == device.RemoteCloseNo {
		b.wrong("%s: it closes, which it may not with nobody there (%+v)", id, e)
	}
	if began.Lamp < 5*time.Second || began.Beeper < 5*time.Second {
		b.wrong("%s: it closes after %v of light and %v of sound (%+v)", id, began.Lamp, began.Beeper, e)
	}
}

// trap requires that no other door of a mantrap is open when one opens.
func (b *book) trap(l *life, id string) {
	for _, s := range b.h.specs {
		other := b.h.truth(s.ID)
		calm := b.h.faults[s.ID].sound(5*time.Second) && time.Since(b.pressed[s.ID]) > 3*time.Second
		// By a person, who answers for it, until the sensors of that door tell something new.
		st := l.doors[s.ID].State()
		freed := b.confirmed.After(l.born) && (b.confirmed.After(st.Since) || st.Confidence != device.ConfidenceSensed ||
			b.confirmed.UnixNano() > other.LastMove.UnixNS)
		if s.ID != id && calm && !freed && other.Position > 0.2 {
			b.wrong("%s opens while %s stands at %.2f (%+v)", id, s.ID, other.Position, st)
		}
	}
}

// shown judges a state that was published.
func (b *book) shown(l *life, id string, st device.DoorState) {
	if l.over() {
		return
	}
	now := b.h.truth(id)
	b.mu.Lock()
	defer b.mu.Unlock()
	if st.Position == device.PositionClosed && st.Available && now.Position > 0.2 && b.h.faults[id].sound(2*time.Second) && time.Since(b.pressed[id]) > 5*time.Second {
		b.wrong("%s: told to be closed, and it stands at %.2f (%+v)", id, now.Position, st)
	}
	warned := st.Warning && st.Target == device.TargetClosed
	switch {
	case warned:
	case st.Position == device.PositionClosed && st.Target == device.TargetUnknown,
		st.Position == device.PositionOpen && st.Target == device.TargetUnknown,
		st.Position == device.PositionStopped && st.Target == device.TargetUnknown:
		b.wrong("%s: %v with no target", id, st.Position)
	}
}

// look judges what is shown when nothing has happened for a while.
func (b *book) look(l *life, id string) {
	st, now := l.doors[id].State(), b.h.truth(id)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.h.faults[id].sound(5*time.Second) || now.Moving != "no" || !st.Available || time.Since(b.pressed[id]) < time.Minute || time.Since(b.ordered[id]) < time.Minute {
		return
	}
	switch at := st.Position; {
	case at == device.PositionClosed && now.Position > 0.1, at == device.PositionOpen && st.Confidence == device.ConfidenceSensed && now.Position < 0.95:
		b.wrong("%s: shown %v, and it stands at %.2f (%+v, %+v)", id, at, now.Position, st, b.h.spec(id))
	case at == device.PositionOpening || at == device.PositionClosing:
		b.wrong("%s: shown %v, and it has rested for a while", id, at)
	case at == device.PositionClosed && st.Target != device.TargetClosed && !st.Warning,
		at == device.PositionOpen && st.Target != device.TargetOpen && !st.Warning:
		b.wrong("%s: shown %v with target %v", id, at, st.Target)
	}
}

// answered judges the answer to a command.
func (b *book) answered(l *life, id string, c device.Command, a device.Answer, err error, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if took > 3*time.Second {
		b.wrong("%s: %v was answered after %v", id, c.Action, took)
	}
	if err != nil || a.Already || a.Warning || l.number != b.life {
		return
	}
	if _, ok := b.intents[a.Intent]; !ok && !l.over() {
		b.wrong("%s: %v was answered with intent %d, which is not in the journal", id, c.Action, a.Intent)
	}
}

func (h *house) spec(id string) spec {
	for _, s := range h.specs {
		if s.ID == id {
			return s
		}
	}
	return spec{}
}

// memory outlives all lives.
type memory struct {
	mu   sync.Mutex
	kept map[string]device.Remembered
}

// Recall implements device.Memory.
func (m *memory) Recall(_ context.Context, id string) (device.Remembered, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[id], nil
}

// Remember implements device.Memory.
func (m *memory) Remember(_ context.Context, id string, r device.Remembered) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string]device.Remembered{}
	}
	m.kept[id] = r
	return nil
}
