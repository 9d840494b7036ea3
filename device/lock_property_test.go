package device

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// lockRig is the rig of a lock.
type lockRig struct {
	t       *rapid.T
	m       *lockMachine
	w       worker[LockReading]
	now     time.Time
	seq     int64
	ids     uint64
	open    map[uint64]time.Time
	gone    map[uint64]bool
	intents map[uint64]bool
	moved   map[uint64]bool
	edges   map[int]time.Time
	count   int
}

func newLockRig(t *rapid.T, cfg LockConfig) *lockRig {
	g := &lockRig{
		t: t, m: newLockMachine(cfg, true, nil), now: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC),
		open: map[uint64]time.Time{}, gone: map[uint64]bool{}, intents: map[uint64]bool{}, moved: map[uint64]bool{}, edges: map[int]time.Time{},
	}
	g.w.jobs = make(chan op, 1)
	g.m.begin(g.now)
	g.settle()
	return g
}

func (g *lockRig) settle() {
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
			if o.kind == opMove {
				g.edge(o)
			}
		default:
		}
		if !any {
			break
		}
		g.m.done(g.now, refused)
	}
	fx.clear()
	for id, at := range g.open {
		if g.now.Sub(at) > commandTime {
			g.t.Fatalf("request %d has no answer after %v", id, g.now.Sub(at))
		}
	}
	if s := g.m.state(); s.Bolt == BoltSecured && g.m.cfg.Traits.SensesBolt && g.m.bolt.truth != BoltSecured {
		g.t.Fatalf("secured, but not seen so")
	}
}

func (g *lockRig) reply(r reply) {
	if r.id == 0 || g.gone[r.id] {
		return
	}
	at, ok := g.open[r.id]
	if !ok {
		g.t.Fatalf("request %d was answered twice or never asked", r.id)
	}
	if took := g.now.Sub(at); took > commandTime {
		g.t.Fatalf("request %d was answered after %v", r.id, took)
	}
	delete(g.open, r.id)
}

func (g *lockRig) edge(o op) {
	g.count++
	i := g.m.relay(BoltTarget(o.target))
	switch last := g.edges[i]; {
	case o.errand == 0 || o.errand != g.m.e.id:
		g.t.Fatalf("an edge that belongs to no errand")
	case !g.intents[o.errand] || g.moved[o.errand]:
		g.t.Fatalf("an edge without an intent of its own")
	case !last.IsZero() && g.now.Sub(last) < edgeGap:
		g.t.Fatalf("an edge %v after the one before", g.now.Sub(last))
	case g.m.strike() && BoltTarget(o.target) == BoltTargetUnsecured && g.m.rel.intent != 0:
		g.t.Fatalf("a strike that is released is released again")
	case BoltTarget(o.target) == BoltTargetSecured && !g.m.strike() && !g.m.cfg.BoltOnOpenDoor && g.m.r.DoorOpen == Yes:
		g.t.Fatalf("a bolt is thrown on an open door")
	case BoltTarget(o.target) == BoltTargetUnsecured && g.m.mem.LockedOut && !g.m.e.cause.AtTheDoor():
		g.t.Fatalf("unlocked from afar while locked out")
	}
	g.moved[o.errand], g.edges[i] = true, g.now
}

func (g *lockRig) finish(err error, reading LockReading) {
	o := g.w.at
	if o.kind == opNone {
		return
	}
	r := result[LockReading]{op: o, err: err}
	if err == nil {
		switch o.kind {
		case opRecord:
			g.seq++
			r.seq = g.seq
		case opRefresh:
			reading.Taken = g.now
			r.reading = reading
		default:
		}
	}
	r = g.w.returned(r)
	if err == nil && !r.late && o.kind == opRecord && o.entry.Kind == EntryIntent {
		g.intents[o.errand] = true
	}
	g.m.done(g.now, r)
	g.settle()
}

func (g *lockRig) pass(d time.Duration) {
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
	g.t.Fatalf("expire is due for ever")
}

func TestLockPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := LockConfig{
			ID: "lock", Traits: BoltTraits{
				Drive:      BoltDrive(rapid.IntRange(1, 4).Draw(t, "drive")),
				SensesBolt: rapid.Bool().Draw(t, "senses bolt"), SensesDoor: rapid.Bool().Draw(t, "senses door"),
				Hold: 5 * time.Second,
			},
			AutoRelock:     time.Duration(rapid.IntRange(0, 20).Draw(t, "relock")) * time.Second,
			BoltOnOpenDoor: rapid.Bool().Draw(t, "bolt on open door"),
		}
		g := newLockRig(t, cfg)
		var r LockReading
		tell := func() {
			r.Taken = g.now
			g.m.reading(g.now, r)
			g.settle()
		}
		drain := func() {
			for i := 0; i < 50 && g.w.at.kind != opNone; i++ {
				g.finish(nil, r)
			}
		}
		failures := []error{nil, nil, nil, nil, errors.New("broken"), ErrUnsure}
		commands := 0
		t.Repeat(map[string]func(*rapid.T){
			"command": func(t *rapid.T) {
				g.ids++
				commands++
				g.open[g.ids] = g.now
				g.m.command(g.now, request{id: g.ids, entered: g.now, cmd: Command{
					Action: Action(rapid.IntRange(3, 5).Draw(t, "action")), Cause: drawCause(t), Confirm: rapid.IntRange(0, 9).Draw(t, "confirm") == 0,
				}})
				g.settle()
				if rapid.Bool().Draw(t, "go") {
					drain()
				}
			},
			"withdraw": func(t *rapid.T) {
				if g.ids == 0 {
					return
				}
				id := uint64(rapid.IntRange(1, int(g.ids)).Draw(t, "id"))
				delete(g.open, id)
				g.gone[id] = true
				g.m.withdraw(g.now, id)
				g.settle()
			},
			"bolt":     func(t *rapid.T) { r.Bolt = BoltPosition(rapid.IntRange(0, 3).Draw(t, "bolt")); tell() },
			"door":     func(t *rapid.T) { r.DoorOpen = Tri(rapid.IntRange(0, 2).Draw(t, "open")); tell() },
			"energise": func(t *rapid.T) { r.Energised = Tri(rapid.IntRange(0, 2).Draw(t, "energised")); tell() },
			"repeat":   func(*rapid.T) { tell() },
			"finish":   func(t *rapid.T) { g.finish(rapid.SampledFrom(failures).Draw(t, "error"), r) },
			"drain":    func(*rapid.T) { drain() },
			"lost":     func(*rapid.T) { g.m.lost(g.now); g.settle() },
			"sleep":    func(*rapid.T) { g.m.suspended(g.now); g.settle() },
			"lock out": func(t *rapid.T) {
				g.ids++
				g.open[g.ids] = g.now.Add(time.Hour)
				g.m.lockOut(g.now, rapid.IntRange(0, 3).Draw(t, "on") == 0, drawCause(t), g.ids)
				g.settle()
			},
			"a moment": func(t *rapid.T) { g.pass(time.Duration(rapid.IntRange(1, 400).Draw(t, "ms")) * time.Millisecond) },
			"a while":  func(t *rapid.T) { g.pass(time.Duration(rapid.IntRange(1, 40).Draw(t, "s")) * time.Second) },
		})
		if g.count > 0 && commands == 0 && cfg.AutoRelock == 0 {
			t.Fatalf("%d edges and no command", g.count)
		}
		g.pass(time.Hour)
	})
}
