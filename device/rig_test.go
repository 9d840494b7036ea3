package device

import (
	"errors"
	"time"

	"pgregory.net/rapid"
)

// rig runs a door's machine without goroutines: the test says when time passes, when calls come back
// and with what. It checks every effect against the promises.
type rig struct {
	t   *rapid.T
	m   *doorMachine
	w   worker[Reading]
	now time.Time
	seq int64

	open     map[uint64]time.Time // requests without an answer, and when they came
	gone     map[uint64]bool      // whose asker went away
	ids      uint64
	intents  map[uint64]bool // errands whose intent is recorded
	moved    map[uint64]bool
	lastEdge time.Time
	warnedAt time.Time // light and sound are on since
	edges    int
}

func newRig(t *rapid.T, cfg DoorConfig) *rig {
	g := &rig{
		t: t, m: newDoorMachine(cfg, capabilities{refresh: true, warn: true}, nil), now: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC),
		open: map[uint64]time.Time{}, gone: map[uint64]bool{}, intents: map[uint64]bool{}, moved: map[uint64]bool{},
	}
	g.w.jobs = make(chan op, 1)
	g.m.begin(g.now)
	g.settle()
	return g
}

// settle takes the effects as the actor does.
func (g *rig) settle() {
	fx := g.m.effects()
	for {
		for _, o := range fx.ops {
			g.w.add(o)
		}
		fx.ops = fx.ops[:0]
		for _, r := range fx.replies {
			g.reply(r)
		}
		fx.replies = fx.replies[:0]
		refused, any := g.w.kick(g.now)
		select {
		case o := <-g.w.jobs:
			g.sent(o)
		default:
		}
		if !any {
			break
		}
		g.m.done(g.now, refused)
	}
	fx.clear()
	g.check()
}

func (g *rig) reply(r reply) {
	if r.id == 0 {
		return
	}
	at, ok := g.open[r.id]
	if !ok && g.gone[r.id] {
		return
	}
	if !ok {
		g.t.Fatalf("request %d was answered twice or never asked", r.id)
	}
	delete(g.open, r.id)
	if took := g.now.Sub(at); took > commandTime {
		g.t.Fatalf("request %d was answered after %v", r.id, took)
	}
	if r.err != nil {
		if ref := (*Refusal)(nil); !errors.As(r.err, &ref) || ref.Code == "" {
			g.t.Fatalf("request %d was refused with %v", r.id, r.err)
		}
	}
}

// sent checks what goes to the worker: the promises of the actuation.
func (g *rig) sent(o op) {
	switch o.kind {
	case opWarn:
		if !o.on {
			g.warnedAt = time.Time{}
		}
	case opMove, opStop:
		g.edge(o)
	default:
	}
}

func (g *rig) edge(o op) {
	e, m := &g.m.e, g.m
	g.edges++
	switch {
	case o.errand == 0 || o.errand != e.id:
		g.t.Fatalf("an edge that belongs to no errand")
	case !g.intents[o.errand]:
		g.t.Fatalf("an edge without an intent")
	case g.moved[o.errand]:
		g.t.Fatalf("a second edge for one intent")
	case !g.lastEdge.IsZero() && g.now.Sub(g.lastEdge) < edgeGap:
		g.t.Fatalf("an edge %v after the one before", g.now.Sub(g.lastEdge))
	case !e.timer && !e.confirm && g.now.Sub(e.first.entered) > expiry && !e.warned:
		g.t.Fatalf("an edge for a command that is %v old", g.now.Sub(e.first.entered))
	case e.timer && m.mem.Suspended:
		g.t.Fatalf("the timer moves a suspended door")
	}
	g.moved[o.errand], g.lastEdge = true, g.now
	if e.attended() {
		return
	}
	known := m.place.settled && m.up && (m.place.truth == PlaceClosed || m.place.truth == PlaceOpen || m.place.truth == PlaceBetween && (m.moving.IsZero() || e.action == ActionStop))
	if !known {
		g.t.Fatalf("a pulse from %v, settled %v, moving %v, up %v, state %+v, errand %+v, move %+v", m.place.truth, m.place.settled, m.moving, m.up, m.st, m.e, m.mv)
	}
	if m.mem.Suspended && e.action != ActionStop {
		g.t.Fatalf("a remote pulse while suspended")
	}
	if m.mem.LockedOut && !e.timer {
		g.t.Fatalf("a remote pulse while locked out")
	}
	if e.action == ActionStop || e.action == ActionOpen && m.place.truth == PlaceClosed {
		return
	}
	if e.action == ActionOpen && m.mv.live {
		return // a cycle that surely reverses
	}
	if m.cfg.RemoteClose != RemoteCloseDeclared && (g.warnedAt.IsZero() || g.now.Sub(g.warnedAt) < MinWarnTime) {
		g.t.Fatalf("an unattended close without a warning of %v", MinWarnTime)
	}
	if m.cfg.RemoteClose == RemoteCloseWarned && g.now.Sub(g.warnedAt) > m.cfg.WarnTime+startTime {
		g.t.Fatalf("an unattended close %v after its warning began", g.now.Sub(g.warnedAt))
	}
	if !m.mayClose() {
		g.t.Fatalf("an unattended close of a door that must not")
	}
	if m.r.Obstructed == Yes {
		g.t.Fatalf("an unattended close on an obstruction")
	}
}

// check looks at what everybody can see.
func (g *rig) check() {
	s := g.m.state()
	for id, at := range g.open {
		if g.now.Sub(at) > commandTime {
			g.t.Fatalf("request %d has no answer after %v", id, g.now.Sub(at))
		}
	}
	resting := !g.m.mv.live && !s.Warning
	switch {
	case s.Position == PositionClosed && resting && s.Target != TargetClosed, s.Position == PositionOpen && resting && s.Target != TargetOpen:
		g.t.Fatalf("%v with target %v", s.Position, s.Target)
	case s.Position == PositionClosed && g.m.place.truth != PlaceClosed:
		g.t.Fatalf("closed, but not seen so")
	case s.Position == PositionUnknown && resting && s.Target != TargetUnknown:
		g.t.Fatalf("unknown with target %v", s.Target)
	}
}

// finish lets the call in flight come back.
func (g *rig) finish(err error, at Place) {
	if g.w.at.kind == opNone {
		return
	}
	o := g.w.at
	r := result[Reading]{op: o, err: err}
	if err == nil {
		switch o.kind {
		case opRecord:
			g.seq++
			r.seq = g.seq
		case opRefresh:
			r.reading = g.m.r
			r.reading.At, r.reading.Taken = at, g.now
		default:
		}
	}
	r = g.w.returned(r)
	if err == nil && !r.late && o.kind == opRecord && o.entry.Kind == EntryIntent {
		g.intents[o.errand] = true
	}
	if err == nil && !r.late && o.kind == opWarn && o.on {
		g.warnedAt = g.now
	}
	g.m.done(g.now, r)
	g.settle()
}

// pass lets time go by, with everything that is due on the way.
func (g *rig) pass(d time.Duration) {
	end := g.now.Add(d)
	for range 10000 {
		at := earlier(g.m.next(), g.w.deadline())
		if at.IsZero() || at.After(end) {
			g.now = end
			return
		}
		if at.After(g.now) {
			g.now = at
		}
		if r, ok := g.w.overdue(g.now); ok {
			g.m.done(g.now, r)
			g.settle()
		}
		g.m.expire(g.now)
		g.settle()
	}
	g.t.Fatalf("expire is due for ever: %v at %v, errand %+v", g.m.next(), g.now, g.m.e)
}

func (g *rig) command(c Command) {
	g.ids++
	g.open[g.ids] = g.now
	g.m.command(g.now, request{id: g.ids, cmd: c, entered: g.now})
	g.settle()
}
