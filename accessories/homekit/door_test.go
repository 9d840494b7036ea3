package homekit

import (
	"strings"
	"testing"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit/haptest"
)

// awaitValue waits until a controller reads a value.
func (h *home) awaitValue(c *haptest.Client, id haptest.ID, want string) {
	h.t.Helper()
	var last string
	defer func() {
		if h.t.Failed() {
			h.t.Logf("%v was last %s, want %s", id, last, want)
		}
	}()
	h.Await("value", func() bool {
		last = h.value(c, id)
		return last == want
	})
}

func TestWhatADoorShows(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", func(i *Item) { i.DoorFace.ObstructionSensor = true })
	h.open()
	c := h.admin(mainBridge)
	current, target := h.id("gate", "door/current"), h.id("gate", "door/target")

	// Never heard: it does not answer, and the list says stopped and open, never closed.
	for _, id := range []haptest.ID{current, target} {
		if got := h.value(c, id); got != "-70402" {
			t.Errorf("unheard %v reads %s", id, got)
		}
	}
	l := h.list(c)
	for id, want := range map[haptest.ID]string{current: "4", target: "0", h.id("gate", "door/obstructed"): "false", h.id("gate", "obstruction/state"): "0"} {
		if got, ok := l.value(id); !ok || got != want {
			t.Errorf("unheard %v is listed as %s, want %s", id, got, want)
		}
	}

	for _, step := range []struct {
		at              device.Place
		seen            device.Position
		current, target string
	}{
		{device.PlaceClosed, device.PositionClosed, "1", "1"},
		{device.PlaceOpen, device.PositionOpen, "0", "0"},
		{device.PlaceClosed, device.PositionClosed, "1", "1"},
	} {
		h.Put(d, step.at, step.seen)
		h.awaitValue(c, current, step.current)
		h.awaitValue(c, target, step.target)
	}

	h.Openers["gate"].Change(func(r *device.Reading) { r.Obstructed = device.Yes })
	h.awaitValue(c, h.id("gate", "door/obstructed"), "true")
	h.awaitValue(c, h.id("gate", "obstruction/state"), "1")
	h.Openers["gate"].Change(func(r *device.Reading) { r.Obstructed = device.No })
	h.awaitValue(c, h.id("gate", "door/obstructed"), "false")
	h.awaitValue(c, h.id("gate", "obstruction/state"), "0")

	// It goes away: what was last seen stays in the list, reads and writes say that nobody answers.
	h.Openers["gate"].Disconnect()
	h.awaitValue(c, current, "-70402")
	if got, _ := h.list(c).value(current); got != "1" {
		t.Errorf("a door that went away is listed as %s", got)
	}
	if got := h.write(c, target, 0); got != -70402 {
		t.Errorf("write to a door that went away: %d", got)
	}
	if n := len(h.Openers["gate"].Triggers()); n != 0 {
		t.Errorf("%d triggers", n)
	}
	h.Openers["gate"].Connect()
	h.awaitValue(c, current, "1")
}

func TestNoObstructionSensorUnlessWanted(t *testing.T) {
	h := newHome(t, nil)
	h.door("gate", nil)
	h.open()
	for _, a := range h.list(h.admin(mainBridge)).Accessories {
		for _, s := range a.Services {
			if s.Type == "80" {
				t.Error("there is a contact sensor")
			}
		}
	}
}

func TestWritesBecomeCommands(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	current, target := h.id("gate", "door/current"), h.id("gate", "door/target")
	if err := c.Subscribe(true, current, target); err != nil {
		t.Fatal(err)
	}
	h.awaitValue(c, current, "1")

	if got := h.write(c, target, 0); got != 0 {
		t.Fatalf("open: %d", got)
	}
	h.awaitValue(c, current, "0")
	want := device.Cause{Kind: device.CauseHomeKit, Actor: c.Controller.ID, Place: h.bridge(mainBridge).DeviceID}
	rows := h.Journal.Rows(device.EntryIntent)
	if len(rows) != 1 || rows[0].Action != device.ActionOpen || rows[0].Cause != want {
		t.Errorf("%+v, want one open by %+v", rows, want)
	}
	if got := h.write(c, target, 0); got != 0 { // there already: no edge
		t.Errorf("open again: %d", got)
	}
	if n := len(h.Openers["gate"].Triggers()); n != 1 {
		t.Errorf("%d triggers", n)
	}
	if wrong := h.Openers["gate"].Violations(); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// No controller ever sees the target of a door without its position.
func TestPositionAndTargetTravelTogether(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	current, target := h.id("gate", "door/current"), h.id("gate", "door/target")
	h.awaitValue(c, current, "1")
	if err := c.Subscribe(true, current, target); err != nil {
		t.Fatal(err)
	}
	h.Openers["gate"].Put(device.PlaceOpen) // somebody used the wall button
	e, err := c.NextEvent(patience)
	if err != nil {
		t.Fatal(err)
	}
	items, err := haptest.Results(e.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := map[haptest.ID]string{}
	for _, i := range items {
		got[haptest.ID{AID: i.AID, IID: i.IID}] = string(i.Value)
	}
	if len(got) != 2 || got[target] != "0" || got[current] != "0" && got[current] != "2" {
		t.Errorf("%s", e.Body)
	}
}

func TestLockOutIsTheLockOfTheGarage(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	lock, shown, target := h.id("gate", "door/lock-target"), h.id("gate", "door/lock-current"), h.id("gate", "door/target")
	h.awaitValue(c, shown, "0")

	if got := h.write(c, lock, 1); got != 0 {
		t.Fatalf("lock out: %d", got)
	}
	h.awaitValue(c, shown, "1")
	h.awaitValue(c, lock, "1")
	if !d.State().LockedOut {
		t.Error("the door is not locked out")
	}
	if got := h.write(c, target, 0); got != -70401 {
		t.Errorf("open while locked out: %d", got)
	}
	if n := len(h.Openers["gate"].Triggers()); n != 0 {
		t.Errorf("%d triggers", n)
	}
	if got := h.write(c, lock, 0); got != 0 {
		t.Fatalf("end of the lock-out: %d", got)
	}
	h.awaitValue(c, shown, "0")
}

func TestTimedWrites(t *testing.T) {
	h := newHome(t, nil)
	strict := h.door("strict", nil)
	loose := h.door("loose", func(i *Item) { i.Timed = false })
	h.open()
	h.Put(strict, device.PlaceClosed, device.PositionClosed)
	h.Put(loose, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	h.awaitValue(c, h.id("strict", "door/current"), "1")
	h.awaitValue(c, h.id("loose", "door/current"), "1")

	a, b := h.id("strict", "door/target"), h.id("loose", "door/target")
	r, err := c.Put(haptest.Put{AID: a.AID, IID: a.IID, Value: 0}, haptest.Put{AID: b.AID, IID: b.IID, Value: 0})
	if err != nil || len(r) != 2 || *r[0].Status != -70410 || *r[1].Status != 0 {
		t.Errorf("without a prepare: %v %+v", err, r)
	}
	if got := h.status(c.Put(haptest.Put{AID: a.AID, IID: h.id("strict", "door/lock-target").IID, Value: 1})); got != -70410 {
		t.Errorf("lock-out without a prepare: %d", got)
	}
	h.awaitValue(c, h.id("loose", "door/current"), "0")
	if n := len(h.Openers["strict"].Triggers()); n != 0 {
		t.Errorf("%d triggers of the door that wants a prepare", n)
	}
	perms := map[haptest.ID]string{}
	for _, acc := range h.list(c).Accessories {
		for _, s := range acc.Services {
			for _, ch := range s.Characteristics {
				perms[haptest.ID{AID: acc.AID, IID: ch.IID}] = strings.Join(ch.Perms, " ")
			}
		}
	}
	if !strings.Contains(perms[a], "tw") || strings.Contains(perms[b], "tw") {
		t.Errorf("permissions %q and %q", perms[a], perms[b])
	}
}

func TestIdentify(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	l := h.lock("front", nil) // its fake has nothing to show
	h.contact("window", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	h.Turn(l, device.BoltSecured)
	h.Sensors["window"].Set(device.No)
	c := h.admin(mainBridge)
	h.awaitValue(c, h.id("gate", "door/current"), "1")
	h.awaitValue(c, h.id("front", "lock/current"), "1")
	h.awaitValue(c, h.id("window", "contact/state"), "0")
	for _, dev := range []string{"gate", "front", "window", bridgeDevice(mainBridge)} {
		id := h.id(dev, "info/identify")
		if got := h.status(c.Put(haptest.Put{AID: id.AID, IID: id.IID, Value: true})); got != 0 {
			t.Errorf("identify %s: %d", dev, got)
		}
	}
	if n := h.Openers["gate"].Identifies(); n != 1 {
		t.Errorf("the gate showed itself %d times", n)
	}
	if n := len(h.Openers["gate"].Triggers()) + len(h.Bolts["front"].Throws()); n != 0 {
		t.Errorf("identify moved something %d times", n)
	}
}

// A door without permission to close unattended tells so, and does not move.
func TestRefusalReachesTheController(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	h.awaitValue(c, h.id("gate", "door/current"), "1")
	h.Openers["gate"].Fail(device.ErrUnavailable)
	if got := h.write(c, h.id("gate", "door/target"), 0); got != -70402 {
		t.Errorf("a driver that fails: %d", got)
	}
	h.awaitValue(c, h.id("gate", "door/target"), "1") // the target goes back to what is true
	h.Openers["gate"].Fail(nil)
	if got := h.write(c, h.id("gate", "door/target"), 0); got == 0 {
		t.Error("the same target is not held off after a failure")
	}
}
