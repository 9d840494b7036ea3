package homekit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
)

func (h *home) configNumber(bridge string) string {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, kv := range h.ads[bridge].TXT {
		if n, ok := strings.CutPrefix(kv, "c#="); ok {
			return n
		}
	}
	return ""
}

// without removes devices from what is shown next.
func (h *home) without(ids ...string) {
	h.items = slices.DeleteFunc(h.items, func(i Item) bool { return slices.Contains(ids, i.id()) })
}

func (h *home) places() map[string]string {
	h.numbers.mu.Lock()
	defer h.numbers.mu.Unlock()
	out := map[string]string{}
	for id, p := range h.numbers.places {
		out[id] = fmt.Sprint(p.Bridge, p.AID, p.IIDs)
	}
	return out
}

func TestMoreDevicesThanABridgeHolds(t *testing.T) {
	d := newDisk()
	h := newHome(t, d)
	for i := range 320 {
		h.contact(fmt.Sprintf("c-%d", i), nil)
	}
	h.open()
	var counts []int
	names := map[string]string{}
	ids := map[string]bool{}
	codes := map[string]bool{}
	for _, b := range h.Bridges() {
		counts = append(counts, b.Accessories)
		names[b.Word] = b.Name
		ids[b.DeviceID], codes[b.SetupCode] = true, true
	}
	if !slices.Equal(counts, []int{150, 150, 23}) || len(ids) != 3 || len(codes) != 3 {
		t.Errorf("%v accessories, %d ids, %d codes", counts, len(ids), len(codes))
	}
	if want := map[string]string{"main": "Villa Rose", "main-2": "Villa Rose 2", "main-3": "Villa Rose 3"}; !maps.Equal(names, want) {
		t.Errorf("%v", names)
	}
	for word, n := range map[string]int{"main": 150, "main-2": 150, "main-3": 23} {
		if got := len(h.list(h.admin(word)).Accessories); got != n {
			t.Errorf("%s lists %d", word, got)
		}
	}
	before, bridges := h.places(), h.Bridges()
	h.stop()

	// The other way round, and with one less: everybody stays where he was, on the same ports.
	again := newHome(t, d)
	for i := range 320 {
		if i != 7 {
			again.contact(fmt.Sprintf("c-%d", 319-i), nil)
		}
	}
	again.contact("late", nil)
	again.open()
	after := again.places()
	if late := after["late"]; !strings.HasPrefix(late, "main-3") {
		t.Errorf("a late device went to %s", late)
	}
	delete(after, "late")
	if !maps.Equal(before, after) {
		t.Error("a device has another place than before")
	}
	for i, b := range again.Bridges() {
		if b.DeviceID != bridges[i].DeviceID || b.Addr != bridges[i].Addr || b.Word != bridges[i].Word {
			t.Errorf("%+v was %+v", b, bridges[i])
		}
	}
}

func TestOwnTileInsteadOfTheBridge(t *testing.T) {
	h := newHome(t, nil)
	l := h.lock("front", nil)
	h.door("gate", nil)
	h.open()
	h.Turn(l, device.BoltSecured)
	c := h.admin(mainBridge)
	inBridge := h.id("front", "lock/target")
	if _, ok := h.list(c).value(inBridge); !ok || len(h.Bridges()) != 1 {
		t.Fatal("the lock is not in the bridge")
	}

	h.items[0].LockFace.OwnTile = true
	h.show()
	own := ownBridge("front")
	b := h.bridge(own)
	if b.Accessories != 1 || b.Name != "front" || b.Paired || b.SetupCode == "" || b.DeviceID == h.bridge(mainBridge).DeviceID {
		t.Errorf("%+v", b)
	}
	if _, ok := h.list(c).value(inBridge); ok {
		t.Error("the lock is in the bridge as well")
	}
	h.Await("announced as a lock", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Contains(h.ads[own].TXT, "ci=6") && slices.Contains(h.ads[mainBridge].TXT, "ci=2")
	})
	tile := h.admin(own)
	if aids := h.list(tile).aids(); !slices.Equal(aids, []uint64{1}) {
		t.Errorf("accessories %v", aids)
	}
	h.awaitValue(tile, h.id("front", "lock/current"), "1")
	if got := h.write(tile, h.id("front", "lock/target"), 0); got != 0 {
		t.Errorf("unlock: %d", got)
	}
	h.awaitValue(tile, h.id("front", "lock/current"), "0")

	h.items[0].LockFace.OwnTile = false // back to its old number
	h.show()
	if got := h.id("front", "lock/target"); got != inBridge {
		t.Errorf("%v, was %v", got, inBridge)
	}
	h.awaitValue(c, h.id("front", "lock/current"), "0")
	if err := tile.Closed(patience); err != nil {
		t.Errorf("the tile's session: %v", err)
	}
	h.mu.Lock()
	goodbyes, announced := h.goodbyes, h.ads[own].Port
	h.mu.Unlock()
	if !slices.Contains(goodbyes, own) || announced != 0 {
		t.Errorf("goodbyes %v, still announced on %d", goodbyes, announced)
	}

	h.items[0].LockFace.OwnTile = true // the tile keeps its identity, its pairing and its port
	h.show()
	if again := h.bridge(own); again.DeviceID != b.DeviceID || !again.Paired || again.Addr != b.Addr {
		t.Errorf("%+v was %+v", again, b)
	}
	h.awaitValue(h.admin(own), h.id("front", "lock/current"), "0")
}

func TestReloadKeepsSessionsAndSubscriptions(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	current := h.id("gate", "door/current")
	h.awaitValue(c, current, "1")
	if err := c.Subscribe(true, current); err != nil {
		t.Fatal(err)
	}
	h.Await("announced", func() bool { return h.configNumber(mainBridge) == "1" })

	h.items[0].Name = "Back gate" // a name is no change of structure
	h.show()
	if got := h.value(c, h.id("gate", "info/name")); got != `"Back gate"` {
		t.Errorf("name %s", got)
	}
	h.lock("front", nil)
	h.show()
	h.Await("announced", func() bool { return h.configNumber(mainBridge) == "2" })
	if aids := h.list(c).aids(); len(aids) != 3 {
		t.Errorf("%v", aids)
	}
	h.Openers["gate"].Put(device.PlaceOpen)
	for {
		e, err := c.NextEvent(patience)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(e.Body), fmt.Sprintf(`"iid":%d,"value":0`, current.IID)) {
			break
		}
	}
}

func TestRevokeAndControllers(t *testing.T) {
	h := newHome(t, nil)
	h.door("gate", nil)
	h.open()
	c := h.admin(mainBridge)
	u := h.user(c, mainBridge)
	id := h.bridge(mainBridge).DeviceID
	var got []string
	for _, x := range h.Controllers() {
		got = append(got, fmt.Sprint(x.ID, x.Bridge == id, x.Admin, x.Sessions))
	}
	slices.Sort(got)
	want := []string{fmt.Sprint(c.Controller.ID, true, true, 1), fmt.Sprint(u.Controller.ID, true, false, 1)}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if err := h.Revoke("00:00:00:00:00:00", u.Controller.ID); err == nil {
		t.Error("revoked from a bridge that is not there")
	}
	if err := h.Revoke(id, u.Controller.ID); err != nil {
		t.Fatal(err)
	}
	if err := u.Closed(patience); err != nil {
		t.Error(err)
	}
	if n := len(h.Controllers()); n != 1 {
		t.Errorf("%d controllers", n)
	}
	if err := h.Revoke(id, c.Controller.ID); err != nil { // the last admin: it can pair again
		t.Fatal(err)
	}
	if b := h.bridge(mainBridge); b.Paired || b.SetupCode == "" {
		t.Errorf("%+v", b)
	}
	h.Arm(time.Minute)
	if d := h.Damaged(); len(d) != 0 {
		t.Errorf("%v", d)
	}
}

func TestLongAndOddNamesAreServed(t *testing.T) {
	h := newHome(t, nil)
	h.door("gate", func(i *Item) {
		i.Name = strings.Repeat("Großes Tor ", 9)
		i.DoorFace.ObstructionSensor = true
	})
	h.lock("front", func(i *Item) { i.Name = "-=[ 🚪 ]=-"; i.LockFace.OwnTile = true })
	h.open()
	if got := h.value(h.admin(mainBridge), h.id("gate", "info/name")); got != `"`+strings.Repeat("Großes Tor ", 5)+`Gro"` {
		t.Errorf("%s", got)
	}
	if b := h.bridge(ownBridge("front")); b.Name != "Loquet" {
		t.Errorf("%+v", b)
	}
}
