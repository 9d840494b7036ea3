package device

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawConfig(t *rapid.T) DoorConfig {
	return DoorConfig{
		ID:   "garage",
		Kind: DoorKind(rapid.IntRange(0, 6).Draw(t, "kind")),
		Traits: DoorTraits{
			Drive: DrivePulse, Cycle: Cycle(rapid.IntRange(0, 2).Draw(t, "cycle")),
			SensesClosed: true, SensesOpen: rapid.Bool().Draw(t, "two contacts"),
		},
		Travel:      time.Duration(rapid.IntRange(0, 20).Draw(t, "travel")) * time.Second,
		RemoteClose: RemoteClose(rapid.IntRange(0, 2).Draw(t, "remote close")),
		AutoClose:   AutoClose{After: time.Duration(rapid.IntRange(0, 30).Draw(t, "auto close")) * time.Second, Outside: rapid.Bool().Draw(t, "outside")},
	}
}

func drawCause(t *rapid.T) Cause {
	return rapid.SampledFrom([]Cause{
		{Kind: CauseHomeKit, Actor: "a"}, {Kind: CauseHomeKit, Actor: "b"}, {Kind: CauseConsole, Actor: "c"}, {Kind: CauseCode, Actor: "d"},
	}).Draw(t, "cause")
}

// TestDoorPromises lets everything happen in any order. The rig checks at every effect that there is
// at most one edge for an intent and none without, two seconds between edges, no pulse on a guess, no
// unattended close without its warning, one answer for each command in time.
func TestDoorPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newRig(t, drawConfig(t))
		places := []Place{PlaceClosed, PlaceOpen, PlaceBetween, PlaceUnknown}
		if !g.m.cfg.Traits.SensesOpen {
			places = []Place{PlaceClosed, PlaceBetween, PlaceBetween, PlaceUnknown}
		}
		at := rapid.SampledFrom(places).Draw(t, "start")
		failures := []error{nil, nil, nil, nil, errors.New("broken"), ErrUnsure, ErrUnavailable}
		tell := func(change func(*Reading)) {
			r := g.m.r
			r.At, r.Taken = at, g.now
			if change != nil {
				change(&r)
			}
			g.m.reading(g.now, r)
			g.settle()
		}
		drain := func() {
			for i := 0; i < 50 && g.w.at.kind != opNone; i++ {
				g.finish(nil, at)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"command": func(t *rapid.T) {
				g.command(Command{
					Action:  Action(rapid.IntRange(1, 4).Draw(t, "action")),
					Cause:   drawCause(t),
					Confirm: rapid.IntRange(0, 9).Draw(t, "confirm") == 0,
				})
			},
			"command and go": func(t *rapid.T) {
				tell(nil)
				g.command(Command{Action: Action(rapid.IntRange(1, 3).Draw(t, "action")), Cause: drawCause(t)})
				drain()
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
			"move": func(t *rapid.T) {
				at = rapid.SampledFrom(places).Draw(t, "at")
				tell(nil)
			},
			"repeat": func(*rapid.T) { tell(nil) },
			"obstruct": func(t *rapid.T) {
				v := Tri(rapid.IntRange(0, 2).Draw(t, "obstructed"))
				tell(func(r *Reading) { r.Obstructed = v })
			},
			"energise": func(t *rapid.T) {
				v := Tri(rapid.IntRange(0, 2).Draw(t, "energised"))
				tell(func(r *Reading) { r.Energised = v })
			},
			"finish": func(t *rapid.T) { g.finish(rapid.SampledFrom(failures).Draw(t, "error"), at) },
			"drain":  func(*rapid.T) { drain() },
			"lost": func(*rapid.T) {
				g.m.lost(g.now)
				g.settle()
			},
			"sleep": func(*rapid.T) {
				g.m.suspended(g.now)
				g.settle()
			},
			"lock out": func(t *rapid.T) {
				g.ids++
				g.open[g.ids] = g.now.Add(time.Hour) // it waits for the memory
				g.m.lockOut(g.now, rapid.IntRange(0, 3).Draw(t, "on") == 0, drawCause(t), g.ids)
				g.settle()
			},
			"a moment": func(t *rapid.T) { g.pass(time.Duration(rapid.IntRange(1, 400).Draw(t, "ms")) * time.Millisecond) },
			"a while":  func(t *rapid.T) { g.pass(time.Duration(rapid.IntRange(1, 40).Draw(t, "s")) * time.Second) },
			"a while with readings": func(t *rapid.T) {
				for range rapid.IntRange(1, 10).Draw(t, "s") {
					g.pass(time.Second)
					tell(nil)
					drain()
				}
			},
		})
		g.pass(time.Hour)
		drain()
		g.m.end(g.now)
		g.settle()
	})
}

// TestNothingMovesByItself sends everything but a command: no edge.
func TestNothingMovesByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := drawConfig(t)
		cfg.AutoClose = AutoClose{}
		g := newRig(t, cfg)
		t.Repeat(map[string]func(*rapid.T){
			"reading": func(t *rapid.T) {
				g.m.reading(g.now, Reading{
					At: Place(rapid.IntRange(0, 3).Draw(t, "at")), Obstructed: Tri(rapid.IntRange(0, 2).Draw(t, "obstructed")),
					Moving: Target(rapid.IntRange(0, 2).Draw(t, "moving")), Energised: Tri(rapid.IntRange(0, 2).Draw(t, "energised")), Taken: g.now,
				})
				g.settle()
			},
			"lost":   func(*rapid.T) { g.m.lost(g.now); g.settle() },
			"sleep":  func(*rapid.T) { g.m.suspended(g.now); g.settle() },
			"finish": func(*rapid.T) { g.finish(nil, g.m.r.At) },
			"pass":   func(t *rapid.T) { g.pass(time.Duration(rapid.IntRange(1, 60000).Draw(t, "ms")) * time.Millisecond) },
		})
		if g.edges != 0 {
			t.Fatalf("%d edges", g.edges)
		}
	})
}
