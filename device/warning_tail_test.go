package device

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A door that is closed before its driver comes back has no warning any more that could go off later: the
// rig fails if something is due for ever.
func TestWarnedCloseThatIsOverBeforeTheDriverIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newRig(t, warnedGarage())
		g.warn()
		g.pass(MinWarnTime)
		g.calls(opMove, PlaceOpen)
		if g.w.at.kind != opMove {
			t.Fatalf("the close is not owed: %+v", g.m.e)
		}
		g.see(PlaceBetween)
		g.see(PlaceClosed)
		g.finish(nil, PlaceClosed)
		g.calls(opNone, PlaceClosed)
		g.pass(time.Minute)
		if s := g.m.state(); s.Position != PositionClosed || s.Warning {
			t.Fatalf("%+v", s)
		}
	})
}

// A program that stood still in a warning has not warned anybody meanwhile: the lamp may have been dark.
func TestWarningInWhichTheProgramStoodStill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		still := time.Duration(rapid.IntRange(0, 6000).Draw(t, "still")) * time.Millisecond
		g := newRig(t, warnedGarage())
		g.warn()
		g.pass(time.Second)
		g.now = g.now.Add(still)
		g.m.expire(g.now)
		g.settle()
		for range 20 {
			g.finish(nil, PlaceOpen)
			g.pass(500 * time.Millisecond)
		}
		if closed := g.edges > 0; closed != (still <= warnStill) && (still-warnStill).Abs() > 600*time.Millisecond {
			t.Fatalf("it stood still for %v, and the door closes: %v", still, closed)
		}
	})
}

func warnedGarage() DoorConfig {
	return DoorConfig{
		ID: "garage", Kind: KindSectional, RemoteClose: RemoteCloseWarned, Travel: 2 * time.Second,
		Traits: DoorTraits{Drive: DrivePulse, SensesClosed: true, SensesOpen: true, Warns: true, Refreshes: true},
	}
}

// warn begins the warning of a close.
func (g *rig) warn() {
	g.calls(opNone, PlaceOpen)
	g.see(PlaceOpen)
	g.calls(opNone, PlaceOpen)
	g.command(Command{Action: ActionClose, Cause: Cause{Kind: CauseHomeKit, Actor: "a"}})
	g.calls(opNone, PlaceOpen)
}

func (g *rig) see(at Place) {
	g.m.reading(g.now, Reading{At: at, Obstructed: No, Energised: No, Taken: g.now})
	g.settle()
	g.pass(400 * time.Millisecond)
}

// calls lets calls come back until one of that kind is out.
func (g *rig) calls(until opKind, at Place) {
	for range 20 {
		if g.w.at.kind == until {
			return
		}
		g.finish(nil, at)
	}
}
