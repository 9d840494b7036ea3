package matter

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/accessories/hometest"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/conformance"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// street is a home with everything there is: doors in each shape, locks with and without users, batteries.
func street(t *testing.T, d *disk) *home {
	t.Helper()
	h := newHome(t, d)
	h.door("garage", nil)
	h.door("gate", func(i *Item) { i.DoorFace = DoorFace{Shape: ShapeClosure, Battery: true} })
	h.door("shed", func(i *Item) { i.DoorFace.Shape = ShapeContact })
	h.lock("front", func(i *Item) { i.LockFace = LockFace{Codes: true, Battery: true} })
	h.lock("back", nil)
	h.contact("letterbox", func(i *Item) { i.ContactFace.Battery = true })
	people := newLedger(t)
	return h.open(func(c *Config) {
		c.Register = &Register{Ledger: func() (Ledger, error) { return people, nil }, Group: "home", Clock: noon{}, Zone: paris}
	})
}

// devices are the endpoints below the aggregator.
func (h *home) devices() (out []*model.Endpoint) {
	for _, e := range h.server.Node().Endpoints() {
		if e.Parent() == 1 {
			out = append(out, e)
		}
	}
	return out
}

func TestEverythingConforms(t *testing.T) {
	h := street(t, nil)
	found, err := conformance.Check(h.server.Node(), conformance.Options{Conditions: []string{"Ethernet"}})
	must(t, err)
	for _, f := range found {
		t.Error(f)
	}
	if n := len(h.devices()); n != 7 {
		t.Errorf("%d endpoints", n)
	}
}

// Apple looks at the first device type only, and whitelists pairs of type and revision.
func TestThePrimaryTypeComesFirstAndBridgedNodeLast(t *testing.T) {
	known := []model.DeviceType{{ID: 0x0A, Revision: 4}, {ID: 0x15, Revision: 2}, {ID: 0x0202, Revision: 6}, {ID: 0x0230, Revision: 1}}
	for _, e := range street(t, nil).devices() {
		types := e.DeviceTypes()
		if !slices.Contains(known, types[0]) || types[len(types)-1] != (model.DeviceType{ID: 0x13, Revision: 3}) {
			t.Errorf("endpoint %d: %v", e.ID(), types)
		}
		for _, between := range types[1 : len(types)-1] {
			if between != (model.DeviceType{ID: 0x11, Revision: 1}) {
				t.Errorf("endpoint %d: %v", e.ID(), types)
			}
		}
	}
}

func TestTheAggregatorIsEndpointOneAndIdentifyIsEverywhere(t *testing.T) {
	h := street(t, nil)
	if e, ok := h.server.Node().Endpoint(1); !ok || e.DeviceTypes()[0] != (model.DeviceType{ID: 0x0E, Revision: 2}) {
		t.Error("no aggregator on endpoint 1")
	}
	for _, e := range h.server.Node().Endpoints()[1:] {
		if _, ok := e.Cluster(cluster.IdentifyID); !ok {
			t.Errorf("endpoint %d cannot be identified", e.ID())
		}
	}
}

// An unknown cluster, or one that is not of the device type, makes some controllers refuse the endpoint.
func TestNoClusterIsUnknown(t *testing.T) {
	known := []uint32{0x03, 0x1D, 0x2F, 0x39, 0x45, 0x0101, 0x0102, 0x0104}
	for _, e := range street(t, nil).devices() {
		for _, c := range e.Clusters() {
			if !slices.Contains(known, c.Class().ID) {
				t.Errorf("endpoint %d has cluster %#x", e.ID(), c.Class().ID)
			}
		}
	}
}

func TestNamesAreNotEmptyAndStayOverARestart(t *testing.T) {
	d := newDisk()
	names := func(h *home) (out []string) {
		c := h.controller()
		for _, e := range h.devices() {
			for _, id := range []uint32{1, 3, 15, 18} {
				at := model.Change{Endpoint: e.ID(), Cluster: cluster.BridgedID, Attribute: id}
				r, err := c.Read(t.Context(), c.session, at)
				must(t, err)
				text, err := r.Values[at].Text()
				must(t, err)
				if text == "" || len(text) > 32 || strings.Contains(text, "gate") {
					t.Errorf("%v: %q", at, text)
				}
				out = append(out, text)
			}
		}
		h.leave()
		return out
	}
	first := names(street(t, d))
	again := newHome(t, d)
	for _, id := range []string{"letterbox", "stable"} { // another order, and a new one
		again.contact(id, nil)
	}
	again.door("garage", nil)
	again.open(nil)
	if n := again.endpoint("garage"); n != 2 || again.endpoint("letterbox") != 8 || again.endpoint("stable") != 9 {
		t.Errorf("garage %d, letterbox %d, stable %d", n, again.endpoint("letterbox"), again.endpoint("stable"))
	}
	second := names(again)
	if second[3] != first[3] || !slices.Contains(first, second[len(second)-5]) {
		t.Errorf("%v, then %v", first, second)
	}
}

// A binary door with positions gets a slider, and "half" closes it.
func TestADoorHasNoSlider(t *testing.T) {
	h := street(t, nil)
	c := h.controller()
	if f := c.number("garage", cluster.WindowCoveringID, model.FeatureMap); f != 1 {
		t.Errorf("features %b", f)
	}
	if _, err := c.invoke("garage", cluster.WindowCoveringID, 5, false, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 5000) }); !errors.Is(err, model.UnsupportedCommand) {
		t.Errorf("half open: %v", err)
	}
}

// A closure is there only where its owner wants one: few ecosystems know the type.
func TestAClosureIsOptIn(t *testing.T) {
	h := newHome(t, nil)
	h.door("garage", nil)
	h.open(nil)
	for _, e := range h.devices() {
		if e.DeviceTypes()[0].ID == 0x0230 {
			t.Error("a closure that nobody asked for")
		}
	}
}

func TestWhatOpensIsTimed(t *testing.T) {
	h := street(t, nil)
	c := h.controller()
	for _, tt := range []struct {
		id               string
		cluster, command uint32
	}{{"front", doorlock.ID, 0}, {"front", doorlock.ID, 1}, {"front", doorlock.ID, 0x27}, {"front", doorlock.ID, 0x1A}, {"front", doorlock.ID, 0x1D},
		{"front", doorlock.ID, 0x22}, {"front", doorlock.ID, 0x26}, {"gate", cluster.ClosureControlID, 1}} {
		if _, err := c.invoke(tt.id, tt.cluster, tt.command, false, nil); !errors.Is(err, model.NeedsTimedInteraction) {
			t.Errorf("%s %#x: %v", tt.id, tt.command, err)
		}
	}
	if n := len(h.Bolts["front"].Throws()) + len(h.Openers["gate"].Triggers()); n != 0 {
		t.Errorf("%d moves", n)
	}
}

func TestALabelIsKeptUntilTheOwnerRenames(t *testing.T) {
	d := newDisk()
	label := func(h *home, c *guest) string {
		text, err := c.read("letterbox", cluster.BridgedID, 5).Text()
		must(t, err)
		return text
	}
	h := newHome(t, d)
	h.contact("letterbox", func(i *Item) { i.Name = "Letterbox" })
	h.open(nil)
	c := h.controller()
	at := model.Change{Endpoint: h.endpoint("letterbox"), Cluster: cluster.BridgedID, Attribute: 5}
	must(t, c.Write(t.Context(), c.session, at, func(w *tlv.Writer, tag tlv.Tag) { w.Text(tag, "Post") }, false))
	for _, bad := range []string{strings.Repeat("x", 33), "two\nlines"} {
		if err := c.Write(t.Context(), c.session, at, func(w *tlv.Writer, tag tlv.Tag) { w.Text(tag, bad) }, false); !errors.Is(err, model.ConstraintError) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if got := label(h, c); got != "Post" {
		t.Errorf("label %q", got)
	}
	h.leave()
	for name, want := range map[string]string{"Letterbox": "Post", "Mail": "Mail"} {
		again := newHome(t, d)
		again.contact("letterbox", func(i *Item) { i.Name = name })
		again.open(nil)
		c := again.controller()
		if got := label(again, c); got != want {
			t.Errorf("%s: label %q, want %q", name, got, want)
		}
		again.leave()
	}
}

func TestIdentifyMovesNothing(t *testing.T) {
	h := street(t, nil)
	c := h.controller()
	shown := make(chan struct{}, 2)
	h.Openers["garage"].TellIdentifies(shown)
	for range 2 {
		_, err := c.invoke("garage", cluster.IdentifyID, 0, false, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 3) })
		must(t, err)
	}
	select {
	case <-shown:
	case <-time.After(hometest.Patience):
		t.Error("the garage did not show itself")
	}
	h.Close() // what it does by itself has ended
	if n := len(h.Openers["garage"].Triggers()); n != 0 {
		t.Errorf("%d triggers", n)
	}
}

func TestDevicesComeAndGo(t *testing.T) {
	h := street(t, nil)
	before := h.devices()
	if err := h.SetItems(h.items[1:]); err != nil {
		t.Fatal(err)
	}
	if n := len(h.devices()); n != len(before)-2 { // the garage was two
		t.Errorf("%d endpoints", n)
	}
	for _, e := range h.devices() {
		if !slices.Contains(before, e) {
			t.Errorf("endpoint %d was made anew", e.ID())
		}
	}
	must(t, h.SetItems(h.items))
	if e := h.devices(); len(e) != len(before) || e[0].ID() != before[0].ID() {
		t.Errorf("%d endpoints", len(e))
	}
	h.Openers["garage"].Put(device.PlaceClosed)
	h.Await("shown again", func() bool { return h.items[0].Door.State().Position == device.PositionClosed })
	h.Close()
	if err := h.SetItems(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
