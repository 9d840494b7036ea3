package unit

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
)

func builder(t *testing.T) (*Builder, *Unit) {
	t.Helper()
	u := &Unit{ID: "front", settled: make(chan struct{})}
	name := "Front door"
	u.name.Store(&name)
	return &Builder{Board: health.NewBoard(), Zone: func() *time.Location { return time.UTC }, Shown: func(string, api.Device) {}, Log: zerolog.Nop()}, u
}

func raised(b *Builder, code health.Code) bool {
	for _, p := range b.Board.Active() {
		if p.Code == code && p.Subject == "front" {
			return true
		}
	}
	return false
}

// A battery that runs low is told for every kind of device that has one, and a new one ends it.
func TestLowBatteriesAreTold(t *testing.T) {
	b, u := builder(t)
	kinds := map[string]func(device.Battery){
		"door":    func(c device.Battery) { b.publishDoor(u)(device.DoorState{Available: true, Battery: c}) },
		"lock":    func(c device.Battery) { b.publishLock(u)(device.LockState{Available: true, Battery: c}) },
		"contact": func(c device.Battery) { b.publishContact(u)(device.ContactState{Available: true, Battery: c}) },
	}
	for kind, publish := range kinds {
		for _, c := range []device.Battery{{Known: true, Percent: 4, Low: true}, {Known: true, Percent: 100}, {Low: true}} {
			publish(c)
			if told := raised(b, health.BatteryLow); told != (c.Known && c.Low) {
				t.Errorf("%s: %+v is told: %v", kind, c, told)
			}
		}
	}
}

// What a device tells its owner is in the list of what is wrong for as long as it lasts.
func TestNoticesAreTold(t *testing.T) {
	b, u := builder(t)
	for notice, code := range problems() {
		for _, on := range []bool{true, false} {
			if b.notice(u)(device.Notice{Device: "front", Code: notice, On: on}); raised(b, code) != on {
				t.Errorf("%s, on %v: %s is raised: %v", notice, on, code, !on)
			}
		}
	}
	if code := problems()[device.NoticeWarning]; code != health.WarningFailed {
		t.Errorf("a warning that fails is %q", code)
	}
}

// The first answer why hardware is away is often of no use, for when a bridge starts nothing is connected yet:
// it is asked again until it is back, and no longer than the device lives.
func TestWhatIsWrongIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, u := builder(t)
		var asked atomic.Int64
		u.ask = func(context.Context) error {
			if asked.Add(1) == 1 {
				return &hw.OpError{Op: "reach it", Err: errors.New("there is no connection to the broker")}
			}
			return &hw.OpError{Op: "use it", Err: errors.New("the broker keeps an order for it"), Hint: "take it away"}
		}
		var err error
		u.contact, err = device.NewContact(device.ContactConfig{ID: "front"}, nothing[device.ContactReading]{errors.New("away")},
			device.Deps[device.ContactState]{Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}, Publish: b.publishContact(u), Notice: b.notice(u)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			_ = u.Live(ctx)
		}()
		time.Sleep(time.Hour)
		var told []string
		for _, p := range b.Board.Active() {
			told = append(told, p.Detail)
		}
		if len(told) != 1 || told[0] != "use it: the broker keeps an order for it: take it away" {
			t.Errorf("the owner is told %q", told)
		}
		if n := asked.Load(); n < 2 || n > 200 {
			t.Errorf("asked %d times in an hour", n)
		}
		cancel()
		<-over
		before := asked.Load()
		time.Sleep(time.Hour)
		if n := asked.Load(); n != before {
			t.Errorf("asked %d times after its end", n-before)
		}
	})
}
