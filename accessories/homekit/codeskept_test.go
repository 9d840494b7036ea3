package homekit

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit/haptest"
)

// A restart changes no number, and the count of changes goes on; what changed meanwhile is seen.
func TestCodesOutliveARestart(t *testing.T) {
	d := newDisk()
	h, p := codesHome(t, d, "front")
	h.show()
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.ready()
	c := h.admin(mainBridge)
	mine := h.one(c, "front", codeAdd, listedCode{pin: "739154"})
	p.give(t, "Anna", "608231", access.Code{})
	h.settle()
	before, state := h.pins(c, "front"), h.value(c, h.id("front", "codes/state"))
	number := h.configNumber(mainBridge)
	session := h.sessions[mainBridge]
	h.stop()

	h, p = codesHome(t, d, "front")
	h.sessions[mainBridge] = session
	h.open()
	h.Await("announced", func() bool { return h.configNumber(mainBridge) != "" })
	if got := h.configNumber(mainBridge); got != number {
		t.Errorf("configuration number %s, was %s", got, number)
	}
	h.ready()
	c = h.admin(mainBridge)
	if got := h.pins(c, "front"); !maps.Equal(got, before) || len(got) != 2 {
		t.Errorf("%v, was %v", got, before)
	}
	if got := h.value(c, h.id("front", "codes/state")); got != state || state != "2" {
		t.Errorf("state %s, was %s", got, state)
	}
	if got := h.one(c, "front", codeRemove, listedCode{number: mine.number}); got.status != 0 || p.typed(t, "739154", "front") != "" {
		t.Errorf("Home's own, after a restart: %+v", got)
	}
	h.stop()

	h, p = codesHome(t, d, "front")
	for _, code := range p.Codes() {
		if err := p.RemoveCode(code.ID); err != nil {
			t.Fatal(err)
		}
	}
	h.sessions[mainBridge] = session
	h.open()
	h.ready()
	c = h.admin(mainBridge)
	if got := h.value(c, h.id("front", "codes/state")); got != "4" || len(h.pins(c, "front")) != 0 {
		t.Errorf("state %s", got)
	}
}

// While people and codes cannot be read or kept, Home is told of no code, and never that there is none.
func TestCodesThatCannotBeRead(t *testing.T) {
	d := newDisk()
	h, p := codesHome(t, d, "front")
	h.open()
	h.ready()
	c := h.admin(mainBridge)
	if got := h.one(c, "front", codeAdd, listedCode{pin: "739154"}); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	p.fail = errors.New("the key is gone")
	if _, status := h.ask(c, "front", []byte{1, 1, codeList}); status != -70402 {
		t.Errorf("%d", status)
	}
	p.fail = nil
	full := func(on bool) {
		d.codes.Lock()
		defer d.codes.Unlock()
		d.codes.Full = on
	}
	full(true)
	if got := h.one(c, "front", codeAdd, listedCode{pin: "608231"}); got.status != int(codeUnknown) || p.typed(t, "608231", "front") != "" || len(p.People()) != 1 {
		t.Errorf("on a full disk: %+v", got)
	}
	full(false)
	if got := h.pins(c, "front"); len(got) != 1 {
		t.Errorf("%v", got)
	}

	d.codes.Records["door/back"] = []byte("{")
	h.turnedLock("back")
	h.show()
	h.ready()
	if _, status := h.ask(c, "back", []byte{1, 1, codeList}); status != -70402 {
		t.Errorf("a damaged record: %d", status)
	}
}

// The service is there where codes open something, with numbers of its own that never change; where hardware is missing
// it stays.
func TestWhereCodesAreShown(t *testing.T) {
	d := newDisk()
	h, _ := codesHome(t, d)
	h.lock("plain", nil)
	h.show()
	was := h.places()["plain"]
	h.items = nil
	h.lock("plain", keypadLock)
	h.door("gate", keypadLock)
	h.contact("window", nil)
	h.open()
	place := h.numbers.places["plain"]
	if got := h.places()["plain"]; !strings.HasPrefix(got, strings.TrimSuffix(was, "]")) && got == was {
		t.Errorf("%s, was %s", got, was)
	}
	iids := maps.Clone(place.IIDs)
	h.ready()
	h.Put(h.items[1].Door, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	for _, id := range []string{"plain", "gate"} {
		if got := h.pins(c, id); len(got) != 0 {
			t.Errorf("%s: %v", id, got)
		}
	}
	if h.numbers.has("window", "codes") {
		t.Error("a contact has codes")
	}
	for _, tc := range []struct {
		codes, missing, want bool
	}{{false, true, true}, {false, false, false}, {true, false, true}} {
		h.items[0].Codes, h.items[0].Missing = tc.codes, tc.missing
		h.show()
		id := h.id("plain", "codes/state")
		if _, got := h.list(c).value(id); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
	if !maps.Equal(iids, h.numbers.places["plain"].IIDs) {
		t.Errorf("numbers %v, were %v", h.numbers.places["plain"].IIDs, iids)
	}
	body, err := c.Accessories()
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`"type":"45","primary":true,"linked":[%d]`, iids["codes"]); !strings.Contains(string(body), want) {
		t.Errorf("no %s in %s", want, body)
	}
}

// A change that somebody else makes is an event, at once.
func TestHomeHearsOfCodes(t *testing.T) {
	h, p := codesHome(t, nil, "front")
	p.Watch(h.CodesChanged)
	h.open()
	h.ready()
	c := h.admin(mainBridge)
	state := h.id("front", "codes/state")
	if err := c.Subscribe(true, state); err != nil {
		t.Fatal(err)
	}
	following, done := t.Context(), make(chan struct{})
	go func() { defer close(done); h.FollowCodes(following) }()
	t.Cleanup(func() { <-done })
	for want, pin := range []string{"739154", "608231"} {
		p.give(t, "Anna", pin, access.Code{})
		e, err := c.NextEvent(patience)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := haptest.Results(e.Body); err != nil || len(r) != 1 || r[0].IID != state.IID || string(r[0].Value) != fmt.Sprint(want+1) {
			t.Errorf("%s, %v", e.Body, err)
		}
	}
	if got := h.pins(c, "front"); len(got) != 2 {
		t.Errorf("%v", got)
	}
}
