package homekit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/homekit/haptest"
)

func TestNumbersOutliveEverything(t *testing.T) {
	d := newDisk()
	h := newHome(t, d)
	h.door("garage", nil)
	h.door("gate", nil)
	h.lock("front", nil)
	h.contact("window", nil)
	h.open()
	h.Await("announced", func() bool { return h.configNumber(mainBridge) == "1" })
	first := h.places()
	h.stop()

	h = newHome(t, d) // another order
	h.contact("window", nil)
	h.lock("front", nil)
	h.door("gate", nil)
	h.door("garage", nil)
	h.open()
	if !maps.Equal(first, h.places()) {
		t.Error("another order changed the numbers")
	}
	h.Await("announced", func() bool { return h.configNumber(mainBridge) == "1" })

	gate := h.items[2]
	h.without("gate") // gone
	h.show()
	h.Await("announced", func() bool { return h.configNumber(mainBridge) == "2" })
	h.show() // nothing new
	h.door("side", nil)
	h.show()
	h.Await("announced", func() bool { return h.configNumber(mainBridge) == "3" })
	if side := h.places()["side"]; slices.Contains(slices.Collect(maps.Values(first)), side) || strings.HasPrefix(side, "main1") || strings.HasPrefix(side, "main3 ") {
		t.Errorf("a new device has a number that was used: %s", side)
	}
	h.items = append(h.items, gate) // and back
	h.show()
	now := h.places()
	delete(now, "side")
	if !maps.Equal(first, now) {
		t.Error("a device that came back has other numbers")
	}
}

// The place of a device that left for a tile of its own stays free: the bridge can take it back.
func TestAFullBridgeKeepsThePlaceOfATile(t *testing.T) {
	h := newHome(t, nil)
	h.lock("front", nil)
	for i := range homekit.MaxAccessories - 2 {
		h.contact(fmt.Sprintf("c-%d", i), nil)
	}
	h.show()
	h.items[0].LockFace.OwnTile = true
	h.contact("late", nil)
	h.show()
	if p := h.places()["late"]; !strings.HasPrefix(p, "main-2") {
		t.Errorf("a late device went to %s", p)
	}
	h.items[0].LockFace.OwnTile = false
	h.show()
	if b := h.bridge(mainBridge); b.Accessories != homekit.MaxAccessories {
		t.Errorf("%+v", b)
	}
}

func TestHiddenDevicesKeepTheirPlace(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.lock("front", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	at := h.id("gate", "door/current")
	gate := h.items[0]
	h.without("gate") // homekit: false
	h.show()
	if r, err := c.Get(at); err != nil || *r[0].Status != -70409 {
		t.Errorf("%v %+v", err, r)
	}
	h.Put(d, device.PlaceOpen, device.PositionOpen) // its actor goes on telling
	h.items = append(h.items, gate)
	h.show()
	if got := h.id("gate", "door/current"); got != at {
		t.Errorf("%v, was %v", got, at)
	}
	h.awaitValue(c, at, "0")
}

// A damaged identity keeps its own server closed, never becomes a new one, and keeps nobody else out.
func TestADamagedIdentity(t *testing.T) {
	d := newDisk()
	h := newHome(t, d)
	h.lock("front", func(i *Item) { i.LockFace.OwnTile = true })
	h.door("gate", nil)
	h.open()
	h.admin(mainBridge)
	id := h.bridge(mainBridge).DeviceID
	h.stop()

	space := d.space(mainBridge)
	space.Lock()
	keys := slices.Collect(maps.Keys(space.Records))
	saved := maps.Clone(space.Records)
	space.Damaged = map[string]bool{}
	for _, k := range keys {
		space.Damaged[k] = true
	}
	space.Unlock()
	h = newHome(t, d)
	h.lock("front", func(i *Item) { i.LockFace.OwnTile = true })
	h.door("gate", nil)
	h.open()
	if bs := h.Bridges(); len(bs) != 1 || bs[0].Word != ownBridge("front") {
		t.Errorf("%+v", bs)
	}
	h.mu.Lock()
	troubles := strings.Join(h.troubles, "\n")
	h.mu.Unlock()
	if !strings.Contains(troubles, "main: homekit: the identity is damaged") {
		t.Errorf("troubles: %s", troubles)
	}
	h.stop()

	space.Lock()
	space.Damaged = nil
	if !maps.EqualFunc(saved, space.Records, slices.Equal) {
		t.Error("the damaged records were changed")
	}
	space.Unlock()
	h = newHome(t, d)
	h.door("gate", nil)
	h.open()
	if b := h.bridge(mainBridge); b.DeviceID != id || !b.Paired {
		t.Errorf("%+v, was %s", b, id)
	}
}

// A disk that takes nothing keeps nobody out who was in before.
func TestNumbersOnAFullDisk(t *testing.T) {
	d := newDisk()
	h := newHome(t, d)
	h.door("gate", nil)
	h.open()
	c := h.admin(mainBridge)
	at := h.id("gate", "door/current")
	before := h.list(c).aids()

	d.numbers.Lock()
	d.numbers.Full = true
	d.numbers.Unlock()
	h.door("new", nil)
	if err := h.SetItems(context.Background(), h.items); err == nil {
		t.Error("a device whose number cannot be kept was taken")
	}
	if now := h.list(c).aids(); !slices.Equal(now, before) {
		t.Errorf("refused and changed: %v, was %v", now, before)
	}
	h.stop()

	h = newHome(t, d)
	h.door("new", nil)
	h.door("gate", nil)
	h.open()
	if got := h.bridge(mainBridge).Accessories; got != 2 {
		t.Errorf("%d accessories, want the bridge and the gate", got)
	}
	if got := h.id("gate", "door/current"); got != at {
		t.Errorf("%v, was %v", got, at)
	}
	d.numbers.Lock()
	d.numbers.Full = false
	d.numbers.Unlock()
	h.show()
	if got := h.bridge(mainBridge).Accessories; got != 3 {
		t.Errorf("%d accessories once the disk is well", got)
	}
}

func TestDamagedNumbersAreNotMadeUp(t *testing.T) {
	for name, record := range map[string]string{
		"torn": `{"bridge":"main","aid":2,"ii`, "empty": ``, "no bridge": `{"aid":2,"iids":{},"next":1}`,
		"no aid": `{"bridge":"main","iids":{},"next":1}`, "no iids": `{"bridge":"main","aid":2}`,
	} {
		m := haptest.NewMemory()
		m.Records["device/gate"] = []byte(record)
		if err := New(Options{Numbers: m}).SetItems(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "gate") {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := haptest.NewMemory()
	m.Records["next-aid/main"] = []byte("x")
	if err := New(Options{Numbers: m}).SetItems(t.Context(), nil); err == nil {
		t.Error("a torn mark was taken")
	}
}
