package matter

import (
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	accessories "github.com/loquet/loquet/accessories/matter"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/matter"
)

// anyone lets everybody do everything.
type anyone struct{}

func (anyone) May(string, string, bool, device.Action, string) error { return nil }

// today is a time that can be relied on.
type today struct{}

func (today) Moment() access.Moment {
	return access.Moment{Now: time.Now(), Trust: access.Trusted, Floor: time.Now()}
}

// shelf is a part of the disk.
type shelf struct {
	disk   *disk
	prefix string
}

func (s shelf) Get(key string) ([]byte, bool, error) { return s.disk.Get(s.prefix + key) }

func (s shelf) List(prefix string) (map[string][]byte, error) {
	all, err := s.disk.List(s.prefix + prefix)
	out := map[string][]byte{}
	for k, v := range all {
		out[strings.TrimPrefix(k, s.prefix)] = v
	}
	return out, err
}

func (s shelf) Apply(changes map[string][]byte) error {
	out := map[string][]byte{}
	for k, v := range maps.All(changes) {
		out[s.prefix+k] = v
	}
	return s.disk.Apply(out)
}

// newHouse puts a lock (endpoint 2), a gate as a covering with its contact (3 and 4) and a garage as a closure (5) on a
// server; behind them are the real rules, and drivers that are faked.
func newHouse(ctx context.Context, server *matter.Server, d *disk, log zerolog.Logger) (*accessories.House, error) {
	sealer, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		return nil, err
	}
	people, err := ledger.Open(shelf{d, "people/"}, sealer, today{}, 1+accessories.Guesses)
	if err != nil {
		return nil, err
	}
	house, err := accessories.New(accessories.Config{Server: server, Storage: shelf{d, "faces/"}, Rules: anyone{}, About: accessories.About{Install: "e2e", Firmware: "1.0"}, Log: log,
		Register: &accessories.Register{Group: "home", Clock: today{}, Zone: func() *time.Location { return time.UTC },
			Ledger: func() (accessories.Ledger, error) { return people, nil }}})
	if err != nil {
		return nil, err
	}
	journal := &devicetest.Journal{}
	bolt := &devicetest.Bolt{ID: "front", Traits: device.BoltTraits{Drive: device.BoltDriveMotor, SensesBolt: true, SensesDoor: true}, Turn: time.Second, Journal: journal}
	lock, err := device.NewLock(device.LockConfig{ID: "front", Name: "Front", Traits: bolt.Traits}, bolt,
		device.Deps[device.LockState]{Journal: journal, Memory: &devicetest.Memory{}, Publish: func(device.LockState) { house.Changed("front") }})
	if err != nil {
		return nil, err
	}
	bolt.Change(func(r *device.LockReading) { r.Bolt, r.DoorOpen = device.BoltSecured, device.No })
	run := []interface{ Run(context.Context) error }{lock}
	items := []accessories.Item{{Name: "Front", Lock: lock, LockFace: accessories.LockFace{Codes: true, Battery: true}}}
	for id, shape := range map[string]accessories.Shape{"gate": accessories.ShapeCovering, "garage": accessories.ShapeClosure} {
		o := &devicetest.Opener{ID: id, Traits: device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Refreshes: true, Stops: true},
			Travel: 2 * time.Second, Journal: journal}
		door, err := device.NewDoor(device.DoorConfig{ID: id, Name: id, Kind: device.KindGateSliding, Traits: o.Traits, RemoteClose: device.RemoteCloseDeclared}, o,
			device.Deps[device.DoorState]{Journal: journal, Memory: &devicetest.Memory{}, Publish: func(device.DoorState) { house.Changed(id) }})
		if err != nil {
			return nil, err
		}
		o.Put(device.PlaceClosed)
		run = append(run, door)
		items = append(items, accessories.Item{Name: id, Door: door, DoorFace: accessories.DoorFace{Shape: shape}})
	}
	if items[1].Name != "gate" {
		items[1], items[2] = items[2], items[1]
	}
	var lives sync.WaitGroup
	for _, r := range run {
		lives.Go(func() { _ = r.Run(ctx) }) // until the process ends
	}
	return house, house.SetItems(items)
}

// TestMatterJSLivesInAHouse lets matter.js read all there is of a lock with users, a covering and a closure, and use them:
// its own reading of the specification judges every answer.
func TestMatterJSLivesInAHouse(t *testing.T) {
	t.Parallel()
	home, elsewhere := lab.Pair(t)
	folder := e2e.TempDir(t)
	state := filepath.Join(folder, "bridge.json")
	_, codes := startBridge(t, home, state, 0, envHouse+"=1")
	p := startPhone(t, elsewhere, filepath.Join(folder, "phone"))
	p.must(t, "commission", map[string]any{"passcode": codes.Passcode, "discriminator": codes.Discriminator})

	for endpoint := 2; endpoint <= 5; endpoint++ {
		var all []struct{ Value json.RawMessage }
		if err := json.Unmarshal(p.must(t, "read", map[string]any{"endpoint": endpoint}), &all); err != nil || len(all) < 20 {
			t.Fatalf("endpoint %d: %d attributes, %v", endpoint, len(all), err)
		}
	}
	lock := func(command string, fields map[string]any) (map[string]any, error) {
		t.Helper()
		raw, err := p.do(t, "invoke", map[string]any{"endpoint": 2, "cluster": "DoorLock", "command": command, "fields": fields})
		out := map[string]any{}
		if err == nil {
			err = json.Unmarshal(raw, &out)
		}
		return out, err
	}
	must := func(command string, fields map[string]any) map[string]any {
		t.Helper()
		out, err := lock(command, fields)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	must("setUser", map[string]any{"operationType": 0, "userIndex": 1, "userName": "Anna", "userUniqueId": nil, "userStatus": nil, "userType": nil, "credentialRule": nil})
	pin := map[string]any{"operationType": 0, "credential": map[string]any{"credentialType": 1, "credentialIndex": 1}, "credentialData": "583917", "userIndex": 1,
		"userStatus": nil, "userType": nil}
	if out := must("setCredential", pin); out["status"] != 0.0 || out["nextCredentialIndex"] != 2.0 {
		t.Errorf("credential %v", out)
	}
	pin["credential"] = map[string]any{"credentialType": 1, "credentialIndex": 2}
	if out := must("setCredential", pin); out["status"] != 2.0 {
		t.Errorf("the same PIN again: %v", out)
	}
	if out := must("getUser", map[string]any{"userIndex": 1}); out["userName"] != "Anna" || out["userStatus"] != 1.0 || out["creatorFabricIndex"] != 1.0 {
		t.Errorf("user %v", out)
	}
	if out := must("getCredentialStatus", map[string]any{"credential": map[string]any{"credentialType": 1, "credentialIndex": 1}}); out["credentialExists"] != true || out["userIndex"] != 1.0 {
		t.Errorf("credential %v", out)
	}
	must("setWeekDaySchedule", map[string]any{"weekDayIndex": 1, "userIndex": 1, "daysMask": map[string]any{"monday": true}, "startHour": 9, "startMinute": 0, "endHour": 10, "endMinute": 30})
	if out := must("getWeekDaySchedule", map[string]any{"weekDayIndex": 1, "userIndex": 1}); out["status"] != 0.0 || out["endMinute"] != 30.0 {
		t.Errorf("schedule %v", out)
	}
	const y2k = 946684800 // matter.js counts from 1970, what it sends from 2000
	must("setYearDaySchedule", map[string]any{"yearDayIndex": 1, "userIndex": 1, "localStartTime": y2k + 960, "localEndTime": y2k + 1980})
	must("setHolidaySchedule", map[string]any{"holidayIndex": 1, "localStartTime": y2k + 86400, "localEndTime": y2k + 172800, "operatingMode": 1})
	if out := must("getHolidaySchedule", map[string]any{"holidayIndex": 1}); out["status"] != 0.0 || out["operatingMode"] != 1.0 {
		t.Errorf("holiday %v", out)
	}
	if _, err := lock("unlockDoor", map[string]any{"pinCode": "111118"}); err == nil {
		t.Error("a wrong PIN unlocks")
	}
	// What follows from a command may be told before its answer: the event is the proof, the answer is not waited for.
	order := func(endpoint int, cluster, command string, fields map[string]any) {
		p.order(t, "invoke", map[string]any{"endpoint": endpoint, "cluster": cluster, "command": command, "fields": fields})
	}
	told := func(endpoint int, attribute, value string) {
		t.Helper()
		p.event(t, attribute, func(e event) bool {
			return e.Event == "attribute" && e.Endpoint == endpoint && e.Attribute == attribute && strings.Contains(string(e.Value), value)
		})
	}
	order(2, "DoorLock", "unlockDoor", map[string]any{"pinCode": "583917"})
	p.event(t, "unlocked by Anna", func(e event) bool {
		return e.Name == "lockOperation" && len(e.Data) > 0 && e.Data[0]["lockOperationType"] == 1.0 && e.Data[0]["userIndex"] == 1.0 && e.Data[0]["operationSource"] == 7.0
	})
	order(2, "DoorLock", "lockDoor", nil)
	told(2, "lockState", "1")
	must("clearUser", map[string]any{"userIndex": 0xFFFE})

	order(3, "WindowCovering", "upOrOpen", nil)
	p.contact(t, 4, "false")
	order(5, "ClosureControl", "moveTo", map[string]any{"position": 1})
	told(5, "overallCurrentState", `"position":1`)
	p.must(t, "end", nil)
}
