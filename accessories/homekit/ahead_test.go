package homekit

import (
	"fmt"
	"testing"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit/haptest"
)

// again is the same house in the next process, which has not been told of its devices yet.
func again(t *testing.T, d *disk) (*home, chan struct{}) {
	h := newHome(t, d)
	settled := make(chan struct{})
	h.opts.Settled = settled
	t.Cleanup(h.stop)
	return h, settled
}

// A controller that is paired proves who it is before there is any device. What it asks then waits, and
// is answered with what was observed.
func TestAControllerIsAhead(t *testing.T) {
	h := newHome(t, nil)
	h.door("gate", nil)
	h.open()
	h.admin(mainBridge)
	addr, paired := h.bridge(mainBridge).Addr, h.sessions[mainBridge]
	h.stop()

	next, settled := again(t, h.disk)
	next.sessions[mainBridge] = paired
	next.Ahead(t.Context())
	if b := next.bridge(mainBridge); b.Addr != addr || !b.Paired || b.Accessories != 0 {
		t.Fatalf("ahead of its devices: %+v, was at %s", b, addr)
	}
	c := next.admin(mainBridge)
	gate := next.door("gate", nil)
	next.Openers["gate"].Put(device.PlaceClosed)
	if err := next.read(); err != nil {
		t.Fatal(err)
	}
	id := next.id("gate", "door/current")
	if err := c.Send(haptest.Request("GET", fmt.Sprintf("/characteristics?id=%d.%d", id.AID, id.IID), "", nil)); err != nil {
		t.Fatal(err)
	}
	next.show()
	if err := next.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	next.Await("the gate is seen closed", func() bool { return currentDoor(gate.State().Position) == doorClosed })
	close(settled)
	r, err := c.ReadResponse()
	if want := fmt.Sprintf(`{"characteristics":[{"aid":%d,"iid":%d,"value":1}]}`, id.AID, id.IID); err != nil || string(r.Body) != want {
		t.Errorf("%v %d %s, want %s", err, r.Status, r.Body, want)
	}
	if b := next.bridge(mainBridge); b.Addr != addr || b.Accessories != 2 {
		t.Errorf("with its devices: %+v", b)
	}
}

// A house without controllers opens when its devices are there: a stranger must not be the first who
// comes in.
func TestNobodyIsAheadOfAnUnpairedHouse(t *testing.T) {
	for name, d := range map[string]*disk{"new": nil, "used": func() *disk {
		h := newHome(t, nil)
		h.door("gate", nil)
		h.open()
		h.stop()
		return h.disk
	}()} {
		h, _ := again(t, d)
		h.Ahead(t.Context())
		if b := h.Bridges(); len(b) != 0 {
			t.Errorf("%s: %+v", name, b)
		}
		h.door("gate", nil)
		h.show()
		if err := h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b := h.bridge(mainBridge); b.Addr == "" || b.Paired {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

// Ahead, a disk that takes no new numbers keeps only new devices out.
func TestAheadOnAFullDisk(t *testing.T) {
	h := newHome(t, nil)
	h.door("gate", nil)
	h.open()
	h.admin(mainBridge)
	h.stop()

	next, _ := again(t, h.disk)
	next.Ahead(t.Context())
	next.door("gate", nil)
	next.door("barn", nil)
	next.disk.numbers.Full = true
	next.show()
	if b := next.bridge(mainBridge); b.Accessories != 2 {
		t.Errorf("%d accessories, want the bridge and the gate", b.Accessories)
	}
}
