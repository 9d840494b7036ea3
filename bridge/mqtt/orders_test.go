package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/roster"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/broker"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
)

// doors are what orders come to.
type doors struct {
	mu      sync.Mutex
	done    []string
	refused []string
	answer  func(ctx context.Context, id string) error
}

func (d *doors) command(ctx context.Context, id string, c device.Command) (device.Answer, error) {
	d.mu.Lock()
	d.done = append(d.done, strings.Join([]string{id, api.ActionWord(c.Action), api.CauseWord(c.Cause.Kind), c.Cause.Actor}, " "))
	answer := d.answer
	d.mu.Unlock()
	if c.Confirm || c.Arrived.IsZero() {
		return device.Answer{}, errors.New("nobody confirmed it, and it came at some time")
	}
	if answer == nil {
		return device.Answer{}, nil
	}
	return device.Answer{}, answer(ctx, id)
}

func (d *doors) refuse(e device.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = append(d.refused, strings.Join([]string{e.Device, api.ActionWord(e.Action), string(e.Code), e.Cause.Actor}, " "))
}

func (d *doors) all() (done, refused []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.done), slices.Clone(d.refused)
}

const orderNode = "loquet/loquet-villa/"

// ordered is a house that takes orders, with a garage, a gate that only shows, a lock and a strike.
func ordered(t *testing.T, c config.MQTT) (*House, *doors, *health.Board) {
	t.Helper()
	d, board := &doors{}, health.NewBoard()
	c.Publish = config.PublishOrders
	h := openWith(t, Options{Config: &c, Install: "villa", Board: board, Command: d.command, Refused: d.refuse})
	h.Apply(func() []Shown {
		return []Shown{{Device: api.Device{ID: "garage", Kind: api.KindDoor, Name: "Garage"}, Stops: true},
			{Device: api.Device{ID: "gate", Kind: api.KindDoor}, Face: config.MQTTStates, Gate: true},
			{Device: api.Device{ID: "front", Kind: api.KindLock}}, {Device: api.Device{ID: "studio", Kind: api.KindLock}, Springs: true},
			{Device: api.Device{ID: "window", Kind: api.KindContact}}}
	})
	return h, d, board
}

func adopt(t *testing.T, h *House, r api.AdoptRequest) api.Adoption {
	t.Helper()
	n, err := h.Adopt(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// An order comes to its device once, with the account as its cause and within its role; whatever is no order comes to
// nobody.
func TestAnAccountGivesOrders(t *testing.T) {
	h, d, board := ordered(t, config.MQTT{Listen: "127.0.0.1:0"})
	ha := adopt(t, h, api.AdoptRequest{Kind: homeAssistant, Role: "operate"})
	if ha.Role != "operate" {
		t.Errorf("%+v", ha)
	}
	p := enter(t, h, ha, "ha")
	say := func(kind byte, id, payload string) { p.write(frame(kind, text(orderNode+id+"/set")+payload)) }
	for _, no := range []struct {
		kind        byte
		id, payload string
	}{
		{0x31, "garage", "OPEN"}, {0x30, "garage", "open"}, {0x30, "garage", "OPEN "}, {0x30, "garage", ""},
		{0x30, "garage", strings.Repeat("OPEN", 1000)}, {0x30, "garage", "UNLOCK"}, {0x30, "front", "OPEN"}, {0x30, "gate", "OPEN"},
		{0x30, "window", "OPEN"}, {0x30, "shed", "OPEN"}, {0x30, "garage", `{"state":"OPEN"}`}, {0x30, "garage", "SET"},
	} {
		say(no.kind, no.id, no.payload)
	}
	want := []string{"garage open mqtt " + ha.User, "garage stop mqtt " + ha.User, "garage close mqtt " + ha.User}
	say(0x30, "garage", "OPEN")
	say(0x30, "garage", "STOP")
	say(0x30, "garage", "CLOSE")
	p.ping()
	soon(t, "the orders are done", func() bool { done, _ := d.all(); return len(done) >= len(want) })
	if done, refused := d.all(); !slices.Equal(done, want) || len(refused) != 0 {
		t.Errorf("%q, refused %q", done, refused)
	}
	waits(t, board, health.MQTTOrder, true) // the order that was to be kept
	say(0x30, "front", "UNLOCK")
	say(0x30, "studio", "LOCK")
	soon(t, "the locks turn", func() bool { done, _ := d.all(); return len(done) == 5 })
}

// Roles and doors of an account are those of any controller, and hold at once.
func TestTheRoleOfAnAccount(t *testing.T) {
	h, d, _ := ordered(t, config.MQTT{Listen: "127.0.0.1:0"})
	ha := adopt(t, h, api.AdoptRequest{Kind: homeAssistant})
	p := enter(t, h, ha, "ha")
	last := 0
	for _, c := range []struct {
		role    access.Role
		doors   []string
		order   string
		allowed bool
	}{
		{access.RoleNone, nil, "OPEN", false}, {access.RoleNone, nil, "CLOSE", false},
		{access.RoleView, nil, "STOP", false},
		{access.RoleLockOnly, nil, "CLOSE", true}, {access.RoleLockOnly, nil, "STOP", true}, {access.RoleLockOnly, nil, "OPEN", false},
		{access.RoleOperate, nil, "OPEN", true}, {access.RoleOperate, []string{"front"}, "OPEN", false}, {access.RoleOperate, []string{"garage"}, "CLOSE", true},
	} {
		if c.role != access.RoleNone { // nobody gave it any
			if err := h.options.Roster.Save(access.Controller{ID: ha.User, Bridge: Bridge, Role: c.role, Doors: c.doors}); err != nil {
				t.Fatal(err)
			}
		}
		_, before := d.all()
		p.write(frame(0x30, text(orderNode+"garage/set")+c.order))
		p.ping()
		if c.allowed {
			last++
			soon(t, "it is done", func() bool { done, _ := d.all(); return len(done) == last })
			continue
		}
		_, refused := d.all()
		if done, _ := d.all(); len(done) != last || len(refused) != len(before)+1 || !strings.HasSuffix(refused[len(before)], " not-permitted "+ha.User) {
			t.Errorf("%+v: %q, %q", c, done, refused)
		}
	}
	all := h.Pairings()
	if len(all) != 1 || all[0].ID != ha.User || all[0].Bridge != Bridge || all[0].Role != "operate" || all[0].Label != "Home Assistant" || all[0].Sessions != 1 || all[0].LastSeen.IsZero() {
		t.Errorf("%+v", all)
	}
	if h.Name(ha.User) != "Home Assistant" || h.Name("stranger") != "" {
		t.Errorf("%q", h.Name(ha.User))
	}
	if err := h.RemovePairing(t.Context(), ha.User); err != nil {
		t.Fatal(err)
	}
	if _, recorded := h.options.Roster.Recorded(Bridge, ha.User); recorded || len(h.Pairings()) != 0 {
		t.Error("its role is still known")
	}
	if _, err := p.Read(make([]byte, 1)); err == nil {
		t.Error("it is still connected")
	}
	if err := h.RemovePairing(t.Context(), ha.User); !errors.Is(err, api.ErrNotFound) {
		t.Error(err)
	}
}

// The account of a device gives no orders, whatever else it may write: it is refused, and the owner is told.
func TestADeviceGivesNoOrders(t *testing.T) {
	h, d, board := ordered(t, config.MQTT{Listen: "127.0.0.1:0"})
	for _, r := range []api.AdoptRequest{{Kind: "zigbee2mqtt"}, {Kind: "device", Topic: "loquet/loquet-villa"}, {Kind: "tasmota", Topic: "garage"}} {
		n := adopt(t, h, r)
		p := enter(t, h, n, r.Kind)
		p.write(frame(0x30, text(orderNode+"garage/set")+"OPEN"))
		p.write(frame(0x30, text(orderNode+"nobody/set")+"OPEN"))
		p.ping()
		if _, refused := d.all(); !slices.Contains(refused, "garage  not-permitted "+n.User) {
			t.Errorf("%s: %q", r.Kind, refused)
		}
	}
	waits(t, board, health.MQTTOrder, true)
	if done, refused := d.all(); len(done) != 0 || len(refused) != 3 {
		t.Errorf("%q, %q", done, refused)
	}
	if _, err := h.Adopt(t.Context(), api.AdoptRequest{Kind: "device", Topic: "barn", Role: "operate"}); err == nil {
		t.Error("a device gets a role")
	}
	for _, r := range []string{"manage", "owner", "none"} {
		if _, err := h.Adopt(t.Context(), api.AdoptRequest{Kind: homeAssistant, Role: r}); err == nil {
			t.Errorf("an account gets the role %s", r)
		}
	}
}

// A house that only shows takes no orders, from nobody.
func TestAHouseThatOnlyShows(t *testing.T) {
	d := &doors{}
	h := openWith(t, Options{Config: &config.MQTT{Listen: "127.0.0.1:0", Publish: config.PublishStates}, Install: "villa", Board: health.NewBoard(), Command: d.command, Refused: d.refuse})
	h.Apply(plain(api.Device{ID: "garage", Kind: api.KindDoor}))
	ha := adopt(t, h, api.AdoptRequest{Kind: homeAssistant, Role: "operate"})
	p := enter(t, h, ha, "ha")
	p.write(frame(0x30, text(orderNode+"garage/set")+"OPEN"))
	p.ping()
	if done, refused := d.all(); len(done)+len(refused) != 0 || len(h.Pairings()) != 0 || ha.Role != "" {
		t.Errorf("%q, %q, %+v", done, refused, ha)
	}
}

// Orders for one device wait for the one before, and not too many of them; those for another do not.
func TestOrdersWaitForTheOneBefore(t *testing.T) {
	h, d, _ := ordered(t, config.MQTT{Listen: "127.0.0.1:0"})
	going := make(chan struct{})
	d.answer = func(ctx context.Context, id string) error {
		if id == "garage" {
			select {
			case <-going:
			case <-ctx.Done():
			}
		}
		return nil
	}
	ha := adopt(t, h, api.AdoptRequest{Kind: homeAssistant, Role: "operate"})
	p := enter(t, h, ha, "ha")
	open := frame(0x30, text(orderNode+"garage/set")+"OPEN")
	p.write(open)
	soon(t, "the first is under way", func() bool { done, _ := d.all(); return len(done) == 1 })
	for range maxOrders + 3 {
		p.write(open)
	}
	p.write(frame(0x30, text(orderNode+"front/set")+"LOCK"))
	p.ping()
	soon(t, "the other device is not kept waiting", func() bool { done, _ := d.all(); return len(done) == 2 })
	if _, refused := d.all(); len(refused) != 3 || refused[0] != "garage open busy "+ha.User {
		t.Errorf("%q", refused)
	}
	close(going)
	soon(t, "those that waited", func() bool { done, _ := d.all(); return len(done) == 2+maxOrders })
}

// Over another broker nobody knows whose an order is; it counts as far as the owner's word for that broker goes.
func TestOrdersOverAnotherBroker(t *testing.T) {
	h, d, board := ordered(t, config.MQTT{URL: "mqtt://127.0.0.1:1", OrderTopics: config.TopicsDeclared})
	events := make(chan hw.MQTTEvent)
	done := make(chan struct{})
	go func() { defer close(done); h.desk.listen(events) }()
	topic := orderNode + "garage/set"
	for _, e := range []hw.MQTTEvent{{Up: true}, {Up: true, Topic: topic, Payload: []byte("OPEN"), Duplicate: true}, {Up: true, Topic: topic, Payload: []byte(strings.Repeat("OPEN", 1<<16))},
		{Up: true, Topic: "loquet/other/garage/set", Payload: []byte("OPEN")}, {Up: true, Topic: topic, Payload: []byte("CLOSE")}} {
		e.Taken = time.Now()
		events <- e
	}
	soon(t, "it is done", func() bool { all, _ := d.all(); return len(all) == 1 })
	if all, _ := d.all(); all[0] != "garage close mqtt unverified" {
		t.Errorf("%q", all)
	}
	events <- hw.MQTTEvent{Up: true, Topic: topic, Payload: []byte("OPEN"), Retained: true}
	waits(t, board, health.MQTTOrder, true)
	if all := h.Pairings(); len(all) != 1 || all[0].ID != device.UnverifiedAccount || all[0].Role != "operate" || h.Name(all[0].ID) == "" {
		t.Errorf("%+v", all)
	}
	if err := h.options.Roster.Save(access.Controller{ID: device.UnverifiedAccount, Bridge: Bridge, Role: access.RoleLockOnly}); err != nil {
		t.Fatal(err)
	}
	events <- hw.MQTTEvent{Up: true, Topic: topic, Payload: []byte("OPEN"), Taken: time.Now()}
	close(events)
	<-done
	if all, refused := d.all(); len(all) != 1 || !slices.Equal(refused, []string{"garage open not-permitted unverified"}) {
		t.Errorf("%q, %q", all, refused)
	}
	if err := h.RemovePairing(t.Context(), device.UnverifiedAccount); !errors.Is(err, api.ErrNotFound) {
		t.Error(err)
	}
}

// What offers an order: sent once, never kept, shown done when it is; a door that cannot be stopped has no stop, and one
// that is only shown has no orders.
func TestWhatTakesOrders(t *testing.T) {
	p := newPublisher("loquet-villa", true, zerolog.Nop())
	describe := func(d Shown) map[string]map[string]any {
		t.Helper()
		topics, out := map[string]string{}, map[string]map[string]any{}
		p.describe(topics, d)
		for topic, text := range topics {
			if !strings.HasPrefix(topic, "homeassistant/") && !strings.HasSuffix(topic, "/state") {
				continue
			}
			var v map[string]any
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				t.Fatal(err)
			}
			if c, orders := v["command_topic"]; orders && (!broker.IsCommand(c.(string)) || v["retain"] != false || v["qos"] != 0.0) {
				t.Errorf("%s: %s", topic, text)
			}
			out[strings.TrimSuffix(strings.TrimPrefix(topic, "homeassistant/"), "/config")] = v
		}
		return out
	}
	door := Shown{Device: api.Device{ID: "garage", Kind: api.KindDoor, State: api.State{Position: "stopped"}}, Stops: true}
	all := describe(door)
	cover, state := all["cover/loquet-villa/garage-cover"], all[orderNode+"garage/state"]
	if len(all) != 2 || cover["command_topic"] != orderNode+"garage/set" || cover["optimistic"] != false || cover["payload_stop"] != "STOP" || cover["device_class"] != "garage" ||
		cover["value_template"] != "{{ value_json.cover }}" || state["cover"] != "open" || state["position"] != "stopped" {
		t.Errorf("%v", all)
	}
	door.Stops, door.Gate, door.State.Position = false, true, "unknown"
	all = describe(door)
	cover = all["cover/loquet-villa/garage-cover"]
	if stop, said := cover["payload_stop"]; !said || stop != nil || cover["device_class"] != "gate" || all[orderNode+"garage/state"]["cover"] != "None" {
		t.Errorf("%v", all)
	}
	door.Face = config.MQTTStates
	if all = describe(door); len(all) != 2 || all["binary_sensor/loquet-villa/garage-open"] == nil {
		t.Errorf("%v", all)
	}
	door.Face = config.MQTTNone
	if all = describe(door); len(all) != 0 {
		t.Errorf("%v", all)
	}
	lock := Shown{Device: api.Device{ID: "front", Kind: api.KindLock, State: api.State{Bolt: "jammed"}}, Springs: true}
	all = describe(lock)
	if len(all) != 3 || all["lock/loquet-villa/front-lock"]["optimistic"] != false || all["button/loquet-villa/front-open"]["payload_press"] != "UNLOCK" || all[orderNode+"front/state"]["lock"] != "JAMMED" {
		t.Errorf("%v", all)
	}
}

// A record that cannot be read gives an account nothing.
func TestALostRole(t *testing.T) {
	h, _, _ := ordered(t, config.MQTT{URL: "mqtt://127.0.0.1:1", OrderTopics: config.TopicsDeclared})
	h.options.Roster = roster.New(&rows{all: map[string][]byte{Bridge + "/" + device.UnverifiedAccount: []byte("{")}})
	if err := h.may(device.UnverifiedAccount, device.ActionClose, "garage"); err == nil {
		t.Error("it may close")
	}
}
