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
		g := newRig(t, DoorConfig{
			ID: "garage", Kind: KindSectional, RemoteClose: RemoteCloseWarned, Travel: 2 * time.Second,
			Traits: DoorTraits{Drive: DrivePulse, SensesClosed: true, SensesOpen: true, Warns: true, Refreshes: true},
		})
		see := func(at Place) {
			g.m.reading(g.now, Reading{At: at, Obstructed: No, Energised: No, Taken: g.now})
			g.settle()
			g.pass(400 * time.Millisecond)
		}
		calls := func(until opKind, at Place) {
			for range 20 {
				if g.w.at.kind == until {
					return
				}
				g.finish(nil, at)
			}
		}
		calls(opNone, PlaceOpen)
		see(PlaceOpen)
		calls(opNone, PlaceOpen)
		g.command(Command{Action: ActionClose, Cause: Cause{Kind: CauseHomeKit, Actor: "a"}})
		calls(opNone, PlaceOpen)
		g.pass(MinWarnTime)
		calls(opMove, PlaceOpen)
		if g.w.at.kind != opMove {
			t.Fatalf("the close is not owed: %+v", g.m.e)
		}
		see(PlaceBetween)
		see(PlaceClosed)
		g.finish(nil, PlaceClosed)
		calls(opNone, PlaceClosed)
		g.pass(time.Minute)
		if s := g.m.state(); s.Position != PositionClosed || s.Warning {
			t.Fatalf("%+v", s)
		}
	})
}
