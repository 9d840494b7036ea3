package homekit

import (
	"encoding/base64"
	"testing"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit/haptest"
)

func TestWhatALockShows(t *testing.T) {
	h := newHome(t, nil)
	l := h.lock("front", nil)
	h.open()
	c := h.admin(mainBridge)
	current, target, door := h.id("front", "lock/current"), h.id("front", "lock/target"), h.id("front", "contact/state")
	list := h.list(c)
	for id, want := range map[haptest.ID]string{current: "3", target: "0", door: "1", h.id("front", "management/action"): "10"} {
		if got, ok := list.value(id); !ok || got != want {
			t.Errorf("unheard %v is listed as %s, want %s", id, got, want)
		}
	}
	h.Turn(l, device.BoltSecured)
	for id, want := range map[haptest.ID]string{current: "1", target: "1", door: "0"} {
		h.awaitValue(c, id, want)
	}
	h.Bolts["front"].Door(device.Yes)
	h.awaitValue(c, door, "1")
	h.Turn(l, device.BoltUnsecured)
	for id, want := range map[haptest.ID]string{current: "0", target: "0"} {
		h.awaitValue(c, id, want)
	}
}

func TestLockLastKnownAction(t *testing.T) {
	h := newHome(t, nil)
	l := h.lock("front", nil)
	h.open()
	h.Turn(l, device.BoltSecured)
	c := h.admin(mainBridge)
	action, target := h.id("front", "management/action"), h.id("front", "lock/target")
	h.awaitValue(c, h.id("front", "lock/current"), "1")
	if err := c.Subscribe(true, action); err != nil {
		t.Fatal(err)
	}
	if got := h.write(c, target, 0); got != 0 {
		t.Fatalf("unlock: %d", got)
	}
	h.awaitValue(c, action, "7") // unsecured remotely
	if rows := h.Journal.Rows(device.EntryIntent); len(rows) != 1 || rows[0].Cause.Actor != c.Controller.ID || rows[0].Action != device.ActionUnlock {
		t.Errorf("%+v", rows)
	}
	h.Turn(l, device.BoltSecured) // by hand
	h.awaitValue(c, action, "9")
	e, err := c.NextEvent(patience)
	if err != nil {
		t.Fatal(err)
	}
	if items, err := haptest.Results(e.Body); err != nil || len(items) != 1 || items[0].IID != action.IID {
		t.Errorf("%s, %v", e.Body, err)
	}
}

func TestAJammedLock(t *testing.T) {
	h := newHome(t, nil)
	l := h.lock("front", nil)
	h.open()
	h.Turn(l, device.BoltSecured)
	c := h.admin(mainBridge)
	h.awaitValue(c, h.id("front", "lock/current"), "1")
	h.Bolts["front"].Put(device.BoltJammed)
	h.awaitValue(c, h.id("front", "lock/current"), "2")
}

// The control point of lock management has no public layout: it accepts nothing.
func TestLockControlPointAcceptsNothing(t *testing.T) {
	h := newHome(t, nil)
	l := h.lock("front", nil)
	h.open()
	h.Turn(l, device.BoltSecured)
	c := h.admin(mainBridge)
	h.awaitValue(c, h.id("front", "lock/current"), "1")
	id := h.id("front", "management/control")
	for _, raw := range [][]byte{{}, {0, 1, 1}, {1, 0}} {
		if got := h.status(c.Put(haptest.Put{AID: id.AID, IID: id.IID, Value: base64.StdEncoding.EncodeToString(raw)})); got != -70410 {
			t.Errorf("%x: %d", raw, got)
		}
	}
	if n := len(h.Bolts["front"].Throws()); n != 0 {
		t.Errorf("%d throws", n)
	}
}

func TestBattery(t *testing.T) {
	h := newHome(t, nil)
	l := h.lock("front", func(i *Item) { i.LockFace.Battery = true })
	h.lock("back", nil)
	h.open()
	h.Turn(l, device.BoltSecured)
	c := h.admin(mainBridge)
	level, low := h.id("front", "battery/level"), h.id("front", "battery/low")
	h.Bolts["front"].Change(func(r *device.LockReading) { r.Battery = device.Battery{Known: true, Percent: 64} })
	h.awaitValue(c, level, "64")
	h.awaitValue(c, low, "0")
	h.Bolts["front"].Change(func(r *device.LockReading) { r.Battery = device.Battery{Known: true, Percent: 4, Low: true} })
	h.awaitValue(c, level, "4")
	h.awaitValue(c, low, "1")
	if got := h.value(c, h.id("front", "battery/charging")); got != "2" {
		t.Errorf("charging state %s: it is not chargeable", got)
	}
	if _, ok := h.numbers.places["back"].IIDs["battery"]; ok {
		t.Error("a lock without a battery has one")
	}
}

func TestContact(t *testing.T) {
	h := newHome(t, nil)
	h.contact("window", func(i *Item) { i.ContactFace.Battery = true })
	h.open()
	c := h.admin(mainBridge)
	state, active := h.id("window", "contact/state"), h.id("window", "contact/active")
	if got, _ := h.list(c).value(state); got != "1" {
		t.Errorf("a contact that nobody heard is listed as %s", got)
	}
	h.Sensors["window"].Set(device.No)
	h.awaitValue(c, state, "0")
	h.awaitValue(c, active, "true")
	h.Sensors["window"].Set(device.Yes)
	h.awaitValue(c, state, "1")
	h.Sensors["window"].Set(device.Unknown)
	h.awaitValue(c, active, "false")
	h.awaitValue(c, state, "1")
}
