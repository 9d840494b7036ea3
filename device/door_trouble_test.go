package device_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
)

func TestDoorTrouble(t *testing.T) {
	declared := garage()
	declared.RemoteClose = device.RemoteCloseDeclared
	for _, c := range []doorCase{
		{"two failures suspend", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.opener.Stick(true)
			b.do(device.ActionOpen, by("a"))
			time.Sleep(20 * time.Second)
			b.position(device.PositionClosed, device.TargetClosed)
			_, err := b.do(device.ActionOpen, by("b"))
			code(t, err, device.RefusedFailed)
			time.Sleep(30 * time.Second)
			b.do(device.ActionOpen, by("b"))
			b.pulses(2)
			time.Sleep(60 * time.Second)
			_, err = b.do(device.ActionOpen, by("b"))
			code(t, err, device.RefusedSuspended)
			b.restart(garage())
			time.Sleep(time.Second)
			_, err = b.do(device.ActionOpen, by("b"))
			code(t, err, device.RefusedSuspended)
			a, err := b.do(device.ActionOpen, keypad())
			accepted(t, a, err)
			b.pulses(3)
			time.Sleep(60 * time.Second)
			b.opener.Stick(false)
			a, err = b.confirm(device.ActionOpen, by("b"))
			accepted(t, a, err)
			time.Sleep(20 * time.Second)
			b.position(device.PositionOpen, device.TargetOpen)
			if s := b.door.State(); s.Suspended {
				t.Error("still suspended")
			}
		}},
		{"an unsure driver", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.opener.Stick(true)
			b.opener.Fail(device.ErrUnsure)
			_, err := b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedUnsure)
			b.position(device.PositionClosed, device.TargetClosed)
			for range 3 {
				_, err = b.do(device.ActionOpen, by("a"))
				code(t, err, device.RefusedUnsure)
				_, err = b.do(device.ActionOpen, by("b"))
				code(t, err, device.RefusedUnsure)
				time.Sleep(3 * time.Second)
			}
			b.pulses(1)
			time.Sleep(time.Minute)
			b.rows("intent", "outcome timed-out")
		}},
		{"a failing driver", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.opener.Fail(errors.New("no power"))
			_, err := b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedDriver)
			b.rows("intent", "outcome aborted")
			b.position(device.PositionClosed, device.TargetClosed)
		}},
		{"a warning that does not work, and does again", garage(), device.PlaceOpen, func(t *testing.T, b *bench) {
			told := func(on bool) {
				t.Helper()
				synctest.Wait() // who asked has the answer before everybody is told
				b.mu.Lock()
				defer b.mu.Unlock()
				last := device.Notice{}
				for _, n := range b.notices {
					if n.Code == device.NoticeWarning {
						last = n
					}
				}
				if last.On != on || on && last.Detail != "the lamp is dead" {
					t.Errorf("%+v", b.notices)
				}
			}
			b.opener.Fail(errors.New("the lamp is dead"))
			_, err := b.do(device.ActionClose, by("a"))
			code(t, err, device.RefusedDriver)
			b.pulses(0)
			told(true)
			b.opener.Fail(nil)
			time.Sleep(3 * time.Second)
			a, err := b.do(device.ActionClose, by("a"))
			accepted(t, a, err)
			if !a.Warning {
				t.Errorf("%+v", a)
			}
			told(false)
		}},
		{"a person at the door may try a failed driver again", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.opener.Fail(errors.New("no power"))
			_, err := b.do(device.ActionOpen, keypad())
			code(t, err, device.RefusedDriver)
			b.opener.Fail(nil)
			time.Sleep(3 * time.Second)
			a, err := b.do(device.ActionOpen, keypad())
			accepted(t, a, err)
		}},
		{"refusals fill no disk", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.door.SetLockedOut(context.Background(), true, by("a"))
			for range 1000 {
				_, err := b.do(device.ActionOpen, by("a"))
				code(t, err, device.RefusedLockedOut)
			}
			time.Sleep(time.Second)
			if n := len(b.journal.Rows(device.EntryRefused)); n != 1 {
				t.Errorf("%d rows", n)
			}
		}},
		{"a failing journal", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.journal.Fail(errors.New("disk full"))
			_, err := b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedJournal)
			b.pulses(0)
			b.journal.Fail(nil)
			a, err := b.do(device.ActionOpen, by("a"))
			accepted(t, a, err)
			b.pulses(1)
		}},
		{"a journal that hangs", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			end := b.journal.Stall()
			defer end()
			began := time.Now()
			_, err := b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedJournal)
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("answered after %v", took)
			}
			time.Sleep(4 * time.Second)
			_, err = b.do(device.ActionOpen, by("b"))
			code(t, err, device.RefusedBusy)
			end()
			time.Sleep(time.Second)
			b.pulses(0)
			b.rows("intent", "outcome aborted")
			a, err := b.do(device.ActionOpen, by("a"))
			accepted(t, a, err)
			b.pulses(1)
		}},
		{"an opener that hangs", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			time.Sleep(time.Second)
			end := b.opener.Block()
			defer end()
			began := time.Now()
			_, err := b.do(device.ActionOpen, by("a"))
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("answered after %v", took)
			}
			code(t, err, device.RefusedUnsure)
			end()
			time.Sleep(time.Minute)
			b.pulses(1) // it did act, late
			b.position(device.PositionOpen, device.TargetOpen)
		}},
		{"the driver goes and comes", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.opener.Disconnect()
			time.Sleep(time.Second)
			if s := b.door.State(); s.Available || s.Position != device.PositionClosed {
				t.Errorf("%+v", s)
			}
			_, err := b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedUnavailable)
			b.opener.Connect()
			time.Sleep(10 * time.Second)
			if s := b.door.State(); !s.Available || s.Position != device.PositionClosed {
				t.Errorf("%+v", s)
			}
			b.pulses(0)
		}},
		{"locked out", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			if err := b.door.SetLockedOut(context.Background(), true, by("a")); err != nil {
				t.Fatal(err)
			}
			b.restart(garage())
			time.Sleep(time.Second)
			if !b.door.State().LockedOut {
				t.Error("forgotten over a restart")
			}
			_, err := b.do(device.ActionOpen, by("a"))
			code(t, err, device.RefusedLockedOut)
			a, err := b.do(device.ActionOpen, keypad())
			accepted(t, a, err)
			b.pulses(1)
		}},
		{"an old command", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			_, err := b.door.Command(context.Background(), device.Command{Action: device.ActionOpen, Cause: by("a"), Arrived: time.Now().Add(-6 * time.Second)})
			code(t, err, device.RefusedExpired)
			b.pulses(0)
			b.rows()
		}},
		{"too soon", declared, device.PlaceClosed, func(t *testing.T, b *bench) {
			b.do(device.ActionOpen, by("a"))
			time.Sleep(time.Second)
			_, err := b.do(device.ActionStop, by("a"))
			code(t, err, device.RefusedTooSoon)
			b.pulses(1)
		}},
		{"soon after an edge, but after a warning", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			b.do(device.ActionOpen, by("a"))
			time.Sleep(4 * time.Second)
			a, err := b.do(device.ActionStop, by("a"))
			accepted(t, a, err)
			time.Sleep(time.Second)
			_, err = b.do(device.ActionClose, keypad()) // no warning: the pulse would be too soon
			code(t, err, device.RefusedTooSoon)
			a, err = b.do(device.ActionClose, by("b"))
			accepted(t, a, err)
			if !a.Warning {
				t.Errorf("%+v", a)
			}
			time.Sleep(device.MinWarnTime - 100*time.Millisecond)
			b.pulses(2)
			time.Sleep(200 * time.Millisecond)
			b.pulses(3)
		}},
		{"identify", garage(), device.PlaceClosed, func(t *testing.T, b *bench) {
			if err := b.door.Identify(context.Background()); err != nil || b.opener.Identifies() != 1 {
				t.Errorf("%v, %d", err, b.opener.Identifies())
			}
			b.pulses(0)
		}},
	} {
		c.do(t)
	}
}
