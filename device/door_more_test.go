package device_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
)

func TestSlowDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := garage()
		cfg.Travel = 0
		b := newBench(t, cfg, device.PlaceClosed)
		b.opener.Travel = 40 * time.Second
		a, err := b.do(device.ActionOpen, by("a"))
		accepted(t, a, err)
		time.Sleep(35 * time.Second)
		b.position(device.PositionStopped, device.TargetOpen)
		_, err = b.do(device.ActionOpen, by("b"))
		code(t, err, device.RefusedFailed)
		time.Sleep(10 * time.Second)
		b.position(device.PositionOpen, device.TargetOpen)
		b.rows("intent", "started", "released", "outcome timed-out")
		if rows := b.journal.Rows(device.EntryObserved); len(rows) != 1 || rows[0].Detail != "late" {
			t.Errorf("rows %+v", rows)
		}
		kept, _ := b.memory.Recall(t.Context(), "garage")
		if kept.Failures != 0 || len(kept.Opens) != 1 || kept.Opens[0].Round(time.Second) != 40*time.Second {
			t.Errorf("kept %+v", kept)
		}
		b.stop()
	})
}

func TestObstructedWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := garage()
		cfg.RemoteClose = device.RemoteCloseDeclared
		b := newBench(t, cfg, device.PlaceOpen)
		for i := range 2 {
			a, err := b.do(device.ActionClose, by("a"))
			accepted(t, a, err)
			b.position(device.PositionClosing, device.TargetClosed)
			time.Sleep(4 * time.Second)
			b.opener.Change(func(r *device.Reading) { r.Obstructed = device.Yes })
			synctest.Wait()
			if b.door.State().Obstructed != device.Yes {
				t.Fatal("the obstruction is not shown")
			}
			time.Sleep(time.Second)
			b.opener.Put(device.PlaceOpen) // the opener reverses by itself
			time.Sleep(time.Second)
			b.position(device.PositionOpen, device.TargetOpen)
			b.opener.Change(func(r *device.Reading) { r.Obstructed = device.No })
			b.pulses(i + 1)
			time.Sleep(40 * time.Second)
		}
		if s := b.door.State(); !s.Suspended {
			t.Error("two obstructed closes did not suspend")
		}
		_, err := b.do(device.ActionClose, by("a"))
		code(t, err, device.RefusedSuspended)
		b.stop()
	})
}

// TestFewSensors are doors that loquet is told of rather than sees.
func TestFewSensors(t *testing.T) {
	blind := device.DoorConfig{ID: "gate", Kind: device.KindGateSliding, RemoteClose: device.RemoteCloseDeclared, Travel: 10 * time.Second,
		Traits: device.DoorTraits{Drive: device.DriveCommanded}}
	openOnly := blind
	openOnly.Traits.SensesOpen = true
	bubble(t, "none", func(t *testing.T) {
		b := newBench(t, blind, device.PlaceUnknown)
		b.position(device.PositionUnknown, device.TargetUnknown)
		a, err := b.do(device.ActionOpen, by("a"))
		accepted(t, a, err)
		b.position(device.PositionOpening, device.TargetOpen)
		time.Sleep(16 * time.Second)
		b.position(device.PositionOpen, device.TargetOpen)
		if c := b.door.State().Confidence; c != device.ConfidenceTimed {
			t.Errorf("confidence %v", c)
		}
		a, err = b.do(device.ActionClose, by("a"))
		accepted(t, a, err)
		time.Sleep(16 * time.Second)
		b.position(device.PositionClosed, device.TargetClosed)
		b.pulses(2)
		b.stop()
	})
	bubble(t, "open only", func(t *testing.T) {
		b := newBench(t, openOnly, device.PlaceOpen)
		b.opener.Travel = 10 * time.Second
		a, err := b.do(device.ActionClose, by("a"))
		accepted(t, a, err)
		time.Sleep(16 * time.Second)
		b.position(device.PositionClosed, device.TargetClosed)
		if c := b.door.State().Confidence; c != device.ConfidenceTimed {
			t.Errorf("confidence %v", c)
		}
		b.opener.Disconnect()
		b.opener.Connect()
		time.Sleep(time.Minute)
		b.position(device.PositionUnknown, device.TargetUnknown)
		b.stop()
	})
}

func TestDiscreteTurnsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := device.DoorConfig{ID: "gate", Kind: device.KindGateSliding, RemoteClose: device.RemoteCloseDeclared, Travel: 12 * time.Second,
			Traits: device.DoorTraits{Drive: device.DriveDiscrete, SensesClosed: true, SensesOpen: true, Stops: true, Refreshes: true}}
		b := newBench(t, cfg, device.PlaceClosed)
		a, err := b.do(device.ActionOpen, by("a"))
		accepted(t, a, err)
		time.Sleep(time.Second)
		a, err = b.do(device.ActionClose, by("b")) // another relay: two seconds need not pass
		accepted(t, a, err)
		b.position(device.PositionClosing, device.TargetClosed)
		time.Sleep(500 * time.Millisecond)
		a, err = b.do(device.ActionStop, by("b"))
		accepted(t, a, err)
		b.position(device.PositionStopped, device.TargetOpen)
		time.Sleep(30 * time.Second)
		b.position(device.PositionStopped, device.TargetOpen)
		a, err = b.do(device.ActionOpen, by("a"))
		accepted(t, a, err)
		time.Sleep(20 * time.Second)
		b.position(device.PositionOpen, device.TargetOpen)
		b.pulses(4)
		b.stop()
	})
}

func TestManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, garage(), device.PlaceClosed)
		end := b.journal.Stall()
		var wg sync.WaitGroup
		refused := make(chan device.RefusalCode, 64)
		for i := range 40 {
			act := device.ActionOpen
			if i > 0 {
				act = device.ActionClose
			}
			wg.Go(func() {
				_, err := b.door.Command(context.Background(), device.Command{Action: act, Cause: by("a")})
				var ref *device.Refusal
				if errors.As(err, &ref) {
					refused <- ref.Code
				}
			})
			synctest.Wait()
		}
		time.Sleep(500 * time.Millisecond)
		end()
		wg.Wait()
		close(refused)
		count := map[device.RefusalCode]int{}
		for c := range refused {
			count[c]++
		}
		if count[device.RefusedBusy] != 40-1-16 || count[device.RefusedMoving] != 16 {
			t.Errorf("refused %v", count)
		}
		b.pulses(1)
		b.stop()
	})
}

func TestSharedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, garage(), device.PlaceClosed)
		end := b.journal.Stall()
		var wg sync.WaitGroup
		answers := make(chan device.Answer, 8)
		for i := range 8 {
			wg.Go(func() {
				a, err := b.do(device.ActionOpen, by(string(rune('a'+i))))
				if err != nil {
					t.Error(err)
				}
				answers <- a
			})
		}
		time.Sleep(time.Second)
		end()
		wg.Wait()
		close(answers)
		for a := range answers {
			if a != (device.Answer{Intent: 1}) {
				t.Errorf("answer %+v", a)
			}
		}
		b.pulses(1)
		b.stop()
	})
}

func TestOppositeIsDecidedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, garage(), device.PlaceOpen)
		a, err := b.do(device.ActionClose, by("a"))
		accepted(t, a, err)
		end := b.journal.Stall()
		time.Sleep(5100 * time.Millisecond) // the intent of the close is being written
		var wg sync.WaitGroup
		wg.Go(func() {
			a, err := b.do(device.ActionOpen, by("b"))
			if err != nil || !a.Already {
				t.Errorf("%+v, %v", a, err)
			}
		})
		synctest.Wait()
		end()
		wg.Wait()
		b.pulses(0)
		b.position(device.PositionOpen, device.TargetOpen)
		time.Sleep(time.Minute)
		b.pulses(0)
		b.stop()
	})
}

func TestMantrapIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := garage()
		cfg.Interlock = device.NewInterlock()
		b := newBench(t, cfg, device.PlaceClosed)
		b.opener.Put(device.PlaceOpen)
		time.Sleep(4 * time.Minute)
		held := func() (on bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, n := range b.notices {
				if n.Code == device.NoticeInterlock {
					on = n.On
				}
			}
			return on
		}
		if held() {
			t.Error("held after four minutes")
		}
		time.Sleep(2 * time.Minute)
		if !held() {
			t.Error("not held after six minutes")
		}
		b.opener.Put(device.PlaceClosed)
		time.Sleep(time.Second)
		if held() {
			t.Error("still held")
		}
		b.stop()
	})
}
