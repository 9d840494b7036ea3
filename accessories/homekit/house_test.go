package homekit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/homekit/haptest"
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

// What is there before the first controller reads is the truth, also for a device that comes at run time.
func TestANewDeviceIsNeverShownOpenByMistake(t *testing.T) {
	h := newHome(t, nil)
	h.contact("window", nil)
	h.open()
	c := h.admin(mainBridge)
	for k := range 20 {
		id := fmt.Sprintf("gate-%d", k)
		d := h.door(id, nil)
		h.Put(d, device.PlaceClosed, device.PositionClosed)
		stop, seen := make(chan struct{}), make(chan string)
		go func() {
			wrong := ""
			for {
				select {
				case <-stop:
					seen <- wrong
					return
				default:
				}
				h.numbers.mu.Lock()
				p := h.numbers.places[id]
				var at haptest.ID
				if p != nil {
					at = haptest.ID{AID: p.AID, IID: p.IIDs["door/current"]}
				}
				h.numbers.mu.Unlock()
				if v, ok := h.list(c).value(at); ok && v != "1" {
					wrong = v
				}
			}
		}()
		h.show()
		close(stop)
		if wrong := <-seen; wrong != "" {
			t.Fatalf("a closed door was shown as %s", wrong)
		}
	}
}

// An actor that tells of a change never waits for somebody who changes the house.
func TestChangedNeverWaitsForTheHouse(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	h.awaitValue(c, h.id("gate", "door/current"), "1")
	h.House.mu.Lock()
	h.Put(d, device.PlaceOpen, device.PositionOpen)
	h.House.mu.Unlock()
	h.awaitValue(c, h.id("gate", "door/current"), "0")
}

// States that change while the house is rebuilt again and again: the last one is what is shown.
func TestTheNewestStateIsTheLastShown(t *testing.T) {
	h := newHome(t, nil)
	h.contact("window", nil)
	h.open()
	c := h.admin(mainBridge)
	done := make(chan error)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := h.SetItems(context.Background(), h.items); err != nil {
				done <- err
				return
			}
		}
	}()
	for k := range 8 {
		open := []device.Tri{device.No, device.Yes}[k%2]
		h.Sensors["window"].Set(open)
		h.awaitValue(c, h.id("window", "contact/state"), fmt.Sprint(k%2))
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// halting is a thing whose first reading is held up between being read and being shown.
type halting struct {
	thing
	values chan []homekit.Value // one for each reading
	read   chan struct{}        // told of each
	halt   chan struct{}
	once   sync.Once
}

func (t *halting) now() ([]homekit.Value, bool) {
	v := <-t.values
	t.read <- struct{}{}
	t.once.Do(func() { <-t.halt })
	return v, true
}

func TestAnOldReadingIsNotShownAfterANewOne(t *testing.T) {
	h := newHome(t, nil)
	h.contact("window", nil)
	h.open()
	s := (*h.shown.Load())["window"]
	at := h.id("window", "contact/state")
	value := func(v int) []homekit.Value { return []homekit.Value{{AID: at.AID, IID: at.IID, Value: v}} }
	slow := &halting{thing: s.thing, values: make(chan []homekit.Value, 2), read: make(chan struct{}, 2), halt: make(chan struct{})}
	slow.values <- value(0)
	slow.values <- value(1)
	var both sync.WaitGroup
	both.Go(func() { h.House.show(shown{s.face, slow}) })
	<-slow.read
	both.Go(func() { h.House.show(shown{s.face, slow}) })
	select {
	case <-slow.read:
		t.Error("the second reading did not wait for the first one to be shown")
	case <-time.After(100 * time.Millisecond):
	}
	close(slow.halt)
	both.Wait()
	if got, _ := s.face.server.Load().Value(at.AID, at.IID); string(got) != "1" {
		t.Errorf("shown %s, the newest is 1", got)
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

// breakListener shuts the socket of this process that listens on an address down, as a broken network would.
func breakListener(t *testing.T, addr string) {
	t.Helper()
	for fd := 3; fd < 1024; fd++ {
		on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if err != nil || on == 0 {
			continue
		}
		name, err := syscall.Getsockname(fd)
		if in4, ok := name.(*syscall.SockaddrInet4); err == nil && ok && strings.HasSuffix(addr, fmt.Sprintf(":%d", in4.Port)) {
			if err := syscall.Shutdown(fd, syscall.SHUT_RDWR); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("nobody listens on %s", addr)
}

func TestAServerThatEndsIsOpenedAgain(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	h.awaitValue(c, h.id("gate", "door/current"), "1")
	before := h.bridge(mainBridge)
	breakListener(t, before.Addr)
	h.Await("trouble and its end", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.troubles) > 1 && strings.HasPrefix(h.troubles[len(h.troubles)-2], "main: homekit: accept") && h.troubles[len(h.troubles)-1] == "main: <nil>"
	})
	after := h.bridge(mainBridge)
	if after.DeviceID != before.DeviceID || after.Addr != before.Addr || !after.Paired {
		t.Errorf("%+v was %+v", after, before)
	}
	again := h.admin(mainBridge)
	h.awaitValue(again, h.id("gate", "door/current"), "1")
	if got := h.write(again, h.id("gate", "door/target"), 0); got != 0 {
		t.Errorf("open: %d", got)
	}
	h.awaitValue(again, h.id("gate", "door/current"), "0")
}

func TestStopIsForGood(t *testing.T) {
	h := newHome(t, nil)
	h.door("gate", nil)
	h.open()
	addr := h.bridge(mainBridge).Addr
	h.Await("announced", func() bool { return h.configNumber(mainBridge) != "" })
	h.stop()
	h.stop()
	if err := h.SetItems(context.Background(), h.items); !errors.Is(err, errStopped) {
		t.Errorf("%v", err)
	}
	if err := h.Start(context.Background()); !errors.Is(err, errStopped) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if c, err := haptest.Dial(ctx, addr); err == nil {
		c.Close()
		t.Error("it still listens")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ads) != 0 || !slices.Contains(h.goodbyes, mainBridge) {
		t.Errorf("announced %v, goodbyes %v", h.ads, h.goodbyes)
	}
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

// A server that cannot open at run time changes nothing.
func TestAServerThatCannotOpenChangesNothing(t *testing.T) {
	h := newHome(t, nil)
	h.door("gate", nil)
	h.open()
	c := h.admin(mainBridge)
	h.lock("front", func(i *Item) { i.LockFace.OwnTile = true })
	h.door("side", nil)
	addr := h.opts.Addr
	h.opts.Addr = "192.0.2.1:0" // not ours: nothing can listen there
	if err := h.SetItems(context.Background(), h.items); err == nil {
		t.Fatal("no error")
	}
	h.opts.Addr = addr
	if bs := h.Bridges(); len(bs) != 1 || bs[0].Accessories != 2 {
		t.Errorf("%+v", bs)
	}
	if aids := h.list(c).aids(); len(aids) != 2 {
		t.Errorf("%v", aids)
	}
	h.show()
	if bs := h.Bridges(); len(bs) != 2 || bs[0].Accessories != 3 {
		t.Errorf("%+v", bs)
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
