package unit

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
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
