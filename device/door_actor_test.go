package device_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
)

// doorCase is something that happens to a door on a bench.
type doorCase struct {
	name string
	cfg  device.DoorConfig
	at   device.Place
	run  func(t *testing.T, b *bench)
}

func (c doorCase) do(t *testing.T) {
	bubble(t, c.name, func(t *testing.T) {
		b := newBench(t, c.cfg, c.at)
		c.run(t, b)
		b.stop()
		for _, err := range b.opener.Violations() {
			t.Error(err)
		}
	})
}

func TestDoorBehaviour(t *testing.T) {
	oneContact := garage()
	oneContact.Traits.SensesOpen = false
	unlearned := garage()
	unlearned.Travel = 0
	atDoorOnly := garage()
	atDoorOnly.RemoteClose = device.RemoteCloseNo
	declared := garage()
	declared.RemoteClose = device.RemoteCloseDeclared
	reverses := declared
	reverses.Traits.Cycle = device.CycleReversesOnClose
	onePiece := garage()
	onePiece.Kind = device.KindOnePiece

	for _, c := range []doorCase{
		{"close on closed is no pulse", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			a, err := b.do(device.ActionClose, by("a"))
			if err != nil || !a.Already {
				t.Fatalf("%+v, %v", a, err)
			}
			b.pulses(0)
		}},
		{"contacts that disagree", declared, device.PlaceOpen, func(t *testing.T, b *bench) {
			b.opener.Change(func(r *device.Reading) { r.At, r.Fault = device.PlaceUnknown, "closed and open at once" })
			time.Sleep(time.Second)
			b.position(device.PositionUnknown, device.TargetUnknown)
			_, err := b.do(device.ActionClose, by("a"))
			code(t, err, device.RefusedUnknown)
			_, err = b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedUnknown)
			b.pulses(0)
			a, err := b.confirm(device.ActionOpen, by("a"))
			accepted(t, a, err)
			b.pulses(1)
			if rows := b.journal.Rows(device.EntryIntent); !rows[0].Confirmed {
				t.Error("the intent does not say that it was confirmed")
			}
		}},
		{"bouncing for 400 ms", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			defer b.bounce(8)()
			time.Sleep(10 * time.Millisecond)
			began := time.Now()
			a, err := b.do(device.ActionOpen, by("a"))
			accepted(t, a, err)
			if took := time.Since(began); took < 600*time.Millisecond || took > 2*time.Second {
				t.Errorf("decided after %v", took)
			}
			b.pulses(1)
		}},
		{"bouncing for ever", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			defer b.bounce(200)()
			time.Sleep(10 * time.Millisecond)
			began := time.Now()
			_, err := b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedBouncing)
			if took := time.Since(began); took != 2*time.Second {
				t.Errorf("refused after %v", took)
			}
			b.pulses(0)
		}},
		{"a restart in mid-travel", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.do(device.ActionOpen, by("a"))
			time.Sleep(4 * time.Second)
			b.restart(garage())
			b.pulses(1)
			time.Sleep(time.Second)
			b.position(device.PositionUnknown, device.TargetUnknown)
			_, err := b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedMoving)
			time.Sleep(9 * time.Second)
			b.position(device.PositionOpen, device.TargetOpen)
			b.pulses(1)
		}},
		{"a restart half-way at rest", unlearned, device.PlaceBetween, func(t *testing.T, b *bench) {
			b.position(device.PositionUnknown, device.TargetUnknown)
			time.Sleep(28 * time.Second)
			b.position(device.PositionUnknown, device.TargetUnknown)
			time.Sleep(2 * time.Second)
			b.position(device.PositionStopped, device.TargetOpen)
			b.pulses(0)
		}},
		{"half-way, open warns first and is not corrected", garage(), device.PlaceBetween, func(t *testing.T, b *bench) {
			time.Sleep(20 * time.Second)
			b.position(device.PositionStopped, device.TargetOpen)
			a, err := b.do(device.ActionOpen, by("a")) // the opener will close
			accepted(t, a, err)
			if !a.Warning {
				t.Fatalf("%+v", a)
			}
			b.pulses(0)
			time.Sleep(6 * time.Second)
			b.pulses(1)
			b.position(device.PositionUnknown, device.TargetOpen)
			time.Sleep(time.Minute)
			b.position(device.PositionClosed, device.TargetClosed)
			b.rows("warning", "intent", "started", "released", "outcome contradicted")
			b.pulses(1)
		}},
		{"half-way, close", garage(), device.PlaceBetween, func(t *testing.T, b *bench) {
			time.Sleep(20 * time.Second)
			a, err := b.do(device.ActionClose, by("a"))
			accepted(t, a, err)
			time.Sleep(time.Minute)
			b.position(device.PositionClosed, device.TargetClosed)
			b.rows("warning", "intent", "started", "released", "outcome reached")
		}},
		{"half-way without permission", atDoorOnly, device.PlaceBetween, func(t *testing.T, b *bench) {
			time.Sleep(20 * time.Second)
			for _, a := range []device.Action{device.ActionOpen, device.ActionClose} {
				_, err := b.do(a, by("a"))
				code(t, err, device.RefusedUnattended)
			}
			b.pulses(0)
			a, err := b.do(device.ActionClose, keypad())
			accepted(t, a, err)
			b.pulses(1)
		}},
		{"stop while opening, and on", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.do(device.ActionOpen, by("a"))
			time.Sleep(4 * time.Second)
			a, err := b.do(device.ActionStop, by("a"))
			accepted(t, a, err)
			b.pulses(2)
			b.position(device.PositionStopped, device.TargetOpen)
			a, err = b.do(device.ActionStop, by("a"))
			if err != nil || !a.Already {
				t.Fatalf("%+v, %v", a, err)
			}
			b.pulses(2)
			time.Sleep(30 * time.Second)
			b.position(device.PositionStopped, device.TargetOpen)
			a, err = b.do(device.ActionClose, by("a"))
			accepted(t, a, err)
			time.Sleep(20 * time.Second)
			b.position(device.PositionClosed, device.TargetClosed)
			b.pulses(3)
		}},
		{"stop while closing", declared, device.PlaceOpen, func(t *testing.T, b *bench) {
			a, err := b.do(device.ActionClose, by("a"))
			accepted(t, a, err)
			b.pulses(1)
			time.Sleep(4 * time.Second)
			a, err = b.do(device.ActionStop, by("a"))
			accepted(t, a, err)
			time.Sleep(time.Minute)
			b.position(device.PositionStopped, device.TargetOpen)
			b.pulses(2)
		}},
		{"stop while closing would reverse", reverses, device.PlaceOpen, func(t *testing.T, b *bench) {
			b.do(device.ActionClose, by("a"))
			time.Sleep(4 * time.Second)
			_, err := b.do(device.ActionStop, by("a"))
			code(t, err, device.RefusedNoStop)
			b.pulses(1)
			a, err := b.do(device.ActionOpen, by("a"))
			accepted(t, a, err)
			b.pulses(2)
			time.Sleep(time.Minute)
			b.position(device.PositionOpen, device.TargetOpen)
		}},
		{"close while opening is refused", declared, device.PlaceClosed, func(t *testing.T, b *bench) {
			b.do(device.ActionOpen, by("a"))
			time.Sleep(4 * time.Second)
			_, err := b.do(device.ActionClose, by("a"))
			code(t, err, device.RefusedMoving)
			b.pulses(1)
		}},
		{"obstruction in the warning", garage(), device.PlaceOpen, func(t *testing.T, b *bench) {
			for _, want := range []device.RefusalCode{device.RefusedObstructed, device.RefusedSuspended} {
				a, err := b.do(device.ActionClose, by("a"))
				accepted(t, a, err)
				time.Sleep(3 * time.Second)
				b.opener.Change(func(r *device.Reading) { r.Obstructed = device.Yes })
				b.position(device.PositionOpen, device.TargetOpen)
				_, err = b.do(device.ActionClose, by("b"))
				code(t, err, want)
				b.opener.Change(func(r *device.Reading) { r.Obstructed = device.No })
				time.Sleep(time.Second)
			}
			b.pulses(0)
			_, err := b.do(device.ActionClose, by("a"))
			code(t, err, device.RefusedSuspended)
			a, err := b.do(device.ActionClose, keypad())
			accepted(t, a, err)
			b.pulses(1)
			if w := b.opener.Warnings(); !slices.Equal(w, []bool{true, false, true, false}) {
				t.Errorf("warnings %v", w)
			}
		}},
		{"open or stop in the warning", garage(), device.PlaceOpen, func(t *testing.T, b *bench) {
			for _, act := range []device.Action{device.ActionOpen, device.ActionStop} {
				a, err := b.do(device.ActionClose, by("a"))
				accepted(t, a, err)
				time.Sleep(3 * time.Second)
				a, err = b.do(act, by("b"))
				if err != nil || !a.Already {
					t.Fatalf("%v: %+v, %v", act, a, err)
				}
				b.position(device.PositionOpen, device.TargetOpen)
			}
			time.Sleep(time.Minute)
			b.pulses(0)
			b.rows("warning", "outcome aborted", "warning", "outcome aborted")
		}},
		{"the door moves in the warning", garage(), device.PlaceOpen, func(t *testing.T, b *bench) {
			b.do(device.ActionClose, by("a"))
			time.Sleep(3 * time.Second)
			b.opener.WallButton()
			time.Sleep(time.Minute)
			b.pulses(0)
			b.position(device.PositionClosed, device.TargetClosed)
		}},
		{"the contact twitches in the warning", garage(), device.PlaceOpen, func(t *testing.T, b *bench) {
			b.do(device.ActionClose, by("a"))
			time.Sleep(time.Second)
			b.opener.Change(func(r *device.Reading) { r.At = device.PlaceBetween })
			synctest.Wait()
			if b.door.State().Warning {
				t.Error("the warning goes on")
			}
			b.opener.Put(device.PlaceOpen)
			time.Sleep(time.Minute)
			b.pulses(0)
		}},
		{"the contact twitches while the intent is written", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			end := b.journal.Stall()
			defer end()
			go func() {
				time.Sleep(500 * time.Millisecond)
				b.opener.Change(func(r *device.Reading) { r.At = device.PlaceBetween })
				time.Sleep(time.Millisecond)
				b.opener.Change(func(r *device.Reading) { r.At = device.PlaceClosed })
				time.Sleep(500 * time.Millisecond)
				end()
			}()
			_, err := b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedAborted)
			b.pulses(0)
			b.rows("intent", "outcome aborted")
		}},
		{"the intent of a warned close takes longer than a second", garage(), device.PlaceOpen, func(t *testing.T, b *bench) {
			b.do(device.ActionClose, by("a"))
			time.Sleep(4 * time.Second)
			end := b.journal.Stall()
			defer end()
			time.Sleep(2100 * time.Millisecond)
			end()
			time.Sleep(time.Minute)
			b.pulses(0)
			b.position(device.PositionOpen, device.TargetOpen)
		}},
		{"stop of a door that has not begun to move", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.opener.Stick(true)
			b.do(device.ActionOpen, by("a"))
			time.Sleep(3 * time.Second)
			_, err := b.do(device.ActionStop, by("a"))
			code(t, err, device.RefusedUnknown)
			b.pulses(1)
		}},
		{"stop where the door may have arrived", oneContact, device.PlaceClosed, func(t *testing.T, b *bench) {
			b.do(device.ActionOpen, by("a"))
			time.Sleep(11 * time.Second)
			_, err := b.do(device.ActionStop, by("a"))
			code(t, err, device.RefusedUnknown)
			b.pulses(1)
		}},
		{"one contact only", oneContact, device.PlaceClosed, func(t *testing.T, b *bench) {
			a, err := b.do(device.ActionOpen, by("a"))
			accepted(t, a, err)
			time.Sleep(17 * time.Second)
			b.position(device.PositionOpening, device.TargetOpen)
			time.Sleep(time.Second)
			b.position(device.PositionOpen, device.TargetOpen)
			if s := b.door.State(); s.Confidence != device.ConfidenceInferred {
				t.Errorf("confidence %v", s.Confidence)
			}
			a, err = b.do(device.ActionClose, by("b"))
			accepted(t, a, err)
			time.Sleep(30 * time.Second)
			b.position(device.PositionClosed, device.TargetClosed)
			b.pulses(2)
			b.rows("intent", "started", "released", "outcome reached", "warning", "intent", "started", "released", "outcome reached")
		}},
		{"one contact only, moved by hand", oneContact, device.PlaceClosed, func(t *testing.T, b *bench) {
			b.opener.WallButton()
			time.Sleep(time.Second)
			b.position(device.PositionUnknown, device.TargetUnknown)
			_, err := b.do(device.ActionClose, by("a"))
			code(t, err, device.RefusedMoving)
			time.Sleep(18 * time.Second)
			b.position(device.PositionOpen, device.TargetOpen)
			if s := b.door.State(); s.Cause.Kind != device.CauseOutside {
				t.Errorf("cause %v", s.Cause.Kind)
			}
		}},
		{"no kind, no close", atDoorOnly, device.PlaceOpen, func(t *testing.T, b *bench) {
			_, err := b.do(device.ActionClose, by("a"))
			code(t, err, device.RefusedUnattended)
			_, err = b.confirm(device.ActionClose, by("a"))
			code(t, err, device.RefusedUnattended)
			b.pulses(0)
		}},
		{"a one-piece door is never closed from afar", onePiece, device.PlaceOpen, func(t *testing.T, b *bench) {
			_, err := b.do(device.ActionClose, by("a"))
			code(t, err, device.RefusedUnattended)
		}},
	} {
		c.do(t)
	}
}

// bounce lets the closed contact chatter, so many times 50 ms; the function waits for its end.
func (b *bench) bounce(times int) (wait func()) {
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range times {
			at := device.PlaceBetween
			if i%2 == 1 {
				at = device.PlaceClosed
			}
			b.opener.Change(func(r *device.Reading) { r.At = at })
			time.Sleep(50 * time.Millisecond)
		}
	})
	return wg.Wait
}
