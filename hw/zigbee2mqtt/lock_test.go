package zigbee2mqtt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/netlock/netlocktest"
)

func TestBolt(t *testing.T) {
	hwtest.TestBolt(t, func(t *testing.T) hwtest.BoltRig {
		r := open(t, newPeer(t))
		r.at(t, device.BoltSecured)
		return hwtest.BoltRig{
			Bolt: r.lock, Traits: config().Traits(), Target: device.BoltTargetUnsecured,
			Move: func(at device.BoltPosition) {
				r.turn(map[device.BoltPosition]string{device.BoltSecured: "locked", device.BoltUnsecured: "unlocked"}[at], nil, false)
			},
			Peer: hwtest.Peer{Device: "front", Clicks: r.count, Energised: func() bool { return false }, Close: r.env.Close, Wire: r.Wire, Maintained: true},
		}
	})
}

// What the broker kept is not shown, and is nobody's turn: the lock is asked.
func TestRetainedShowsNothing(t *testing.T) {
	p := newPeer(t)
	p.Do(func() {
		p.Keep("zigbee2mqtt/hall/front door", `{"state":"LOCK","lock_state":"locked","action":"unlock","action_user":3,"action_source_name":"keypad"}`)
		p.bolt = "unlocked"
	})
	r := open(t, p)
	if x := netlocktest.Until(t, r.lock, "a reading", func(device.LockReading) bool { return true }); x.Bolt != device.BoltUnsecured || x.Cause != (device.Cause{}) || x.Battery.Percent != 93 {
		t.Errorf("the first reading is %+v", x)
	}
}

func TestWhoItWas(t *testing.T) {
	by := func(action, source string, user any) map[string]any {
		return map[string]any{"action": action, "action_source_name": source, "action_user": user}
	}
	keypad := device.Cause{Kind: device.CauseOutside, Place: device.OutsideKeypad}
	hand := device.Cause{Kind: device.CauseOutside, Place: device.OutsideByHand}
	for name, c := range map[string]struct {
		who  map[string]any
		want device.Cause
	}{
		"a code":                   {by("unlock", "keypad", 3), device.Cause{Kind: device.CauseCode, Actor: "slot:3"}},
		"a card":                   {by("unlock", "rfid", 7), device.Cause{Kind: device.CauseCode, Actor: "slot:7"}},
		"no user":                  {by("unlock", "keypad", nil), keypad},
		"a slot of no guest":       {by("unlock", "keypad", 65535), keypad},
		"a user that is no number": {by("unlock", "keypad", "3"), keypad},
		"the knob":                 {by("manual_unlock", "manual", 0), hand},
		"the key":                  {by("key_unlock", "", nil), hand},
		"another controller":       {by("unlock", "rf", nil), device.Cause{Kind: device.CauseOutside, Place: device.OutsideRadio}},
		"a wrong code":             {by("unlock_failure_invalid_pin_or_id", "keypad", 3), device.Cause{}},
		"the other way":            {by("lock", "keypad", 3), device.Cause{}},
		"nobody says":              {nil, device.Cause{}},
		"emptied":                  {by("", "keypad", 3), device.Cause{}},
	} {
		for _, before := range []bool{true, false} {
			t.Run(fmt.Sprint(name, before), func(t *testing.T) {
				t.Parallel()
				r := open(t, newPeer(t))
				r.at(t, device.BoltSecured)
				r.turn("unlocked", c.who, before)
				if x := r.at(t, device.BoltUnsecured); x.Cause != c.want {
					t.Errorf("the cause is %+v, want %+v", x.Cause, c.want)
				}
				r.turn("locked", by("auto_lock", "", nil), false)
				if x := r.at(t, device.BoltSecured); x.Cause != (device.Cause{Kind: device.CauseAutoRelock}) {
					t.Errorf("the cause of the lock's own turn is %+v", x.Cause)
				}
			})
		}
	}
}

func TestJamDoorAndBattery(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	r.turn("not_fully_locked", nil, false)
	if x := r.at(t, device.BoltJammed); x.Fault == "" {
		t.Errorf("a jam without words: %+v", x)
	}
	r.turn("unlocked", nil, false)
	r.at(t, device.BoltUnsecured)
	const topic = "zigbee2mqtt/hall/front door"
	r.Says(topic, `{"door_state":"open","battery":7,"battery_low":true}`, false)
	if x := netlocktest.Until(t, r.lock, "an open door", func(x device.LockReading) bool { return x.DoorOpen == device.Yes }); x.Bolt != device.BoltUnsecured || !x.Battery.Low || x.Battery.Percent != 7 {
		t.Errorf("%+v", x)
	}
	r.Says(topic, `{"door_state":"error_forced_open"}`, false)
	netlocktest.Until(t, r.lock, "a door that was forced", func(x device.LockReading) bool {
		return x.DoorOpen == device.Unknown && strings.Contains(x.Fault, "forced")
	})
	r.Says(topic, `{"state":"LOCK","lock_state":"unlocked"}`, false)
	if x := r.at(t, device.BoltUnknown); x.Fault == "" {
		t.Errorf("a contradiction without words: %+v", x)
	}
	r.Says(topic, `{"state":"LOCK"}`, false) // a lock without lock_state
	r.at(t, device.BoltSecured)
	for _, strange := range []string{`{"state":null}`, `{"state":"OPEN"}`, `{"state":1}`, `{"state":"LOCK","lock_state":null}`, `{"lock_state":"locking"}`} {
		r.Says(topic, strange, false)
		r.at(t, device.BoltUnknown)
		r.Says(topic, `{"state":"LOCK"}`, false)
		r.at(t, device.BoltSecured)
	}
}

// Zigbee2MQTT ends, the lock is out of reach, the broker goes: nothing is claimed any more, and all is asked anew.
func TestAway(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	for _, c := range []struct{ topic, gone, back, why string }{
		{"zigbee2mqtt/bridge/state", `{"state":"offline"}`, `{"state":"online"}`, "not running"},
		{"zigbee2mqtt/bridge/state", "offline", "online", "not running"},
		{"zigbee2mqtt/hall/front door/availability", `{"state":"offline"}`, `{"state":"online"}`, "cannot reach"},
		{"zigbee2mqtt/hall/front door/availability", "offline", "online", "cannot reach"},
	} {
		r.Do(func() { r.deaf = true })
		r.Says(c.topic, c.gone, true)
		netlocktest.Refuses(t, r.lock, c.why)
		if err := r.lock.Throw(t.Context(), device.BoltTargetUnsecured); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
			t.Errorf("an order to a lock that is away: %v", err)
		}
		r.Do(func() { r.deaf = false })
		r.Says(c.topic, c.back, true)
		r.at(t, device.BoltSecured)
	}
	r.Wire.Cut()
	netlocktest.Refuses(t, r.lock, "broker")
	r.Do(func() { r.bolt = "unlocked" })
	r.Wire.Heal()
	r.at(t, device.BoltUnsecured)
	if r.count() != 0 {
		t.Errorf("%d orders", r.count())
	}
}

func TestSlots(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	ctx := t.Context()
	if got, err := r.lock.SlotTraits(ctx); err != nil || got != (device.SlotTraits{First: 1, Last: 20, MinDigits: 4, MaxDigits: 10}) {
		t.Errorf("traits %+v, %v", got, err)
	}
	holds := func(use device.SlotUse, keys device.Keys) {
		t.Helper()
		began := time.Now()
		if s, err := r.lock.ReadSlot(ctx, 3); err != nil || s.Use != use || s.Keys != keys || s.Taken.Before(began) {
			t.Errorf("the slot holds %v, %q, %v", s.Use, string(s.Keys), err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	holds(device.SlotEmpty, "")
	must(r.lock.ClearSlot(ctx, 3))
	must(r.lock.WriteSlot(ctx, 3, "0427"))
	holds(device.SlotUsed, "0427")
	must(r.lock.WriteSlot(ctx, 3, "9731"))
	holds(device.SlotUsed, "9731")
	r.Do(func() { r.disabled["3"] = true })
	holds(device.SlotDisabled, "9731")
	r.Do(func() { delete(r.disabled, "3") })
	if got, err := r.lock.SlotTraits(ctx); err != nil || !got.ReadsBack {
		t.Errorf("it showed its digits, and says %+v, %v", got, err)
	}
	must(r.lock.ClearSlot(ctx, 3))
	holds(device.SlotEmpty, "")
	if r.count() != 0 {
		t.Errorf("%d orders", r.count())
	}
}

// Nothing is said of a code that the lock refused: it is unsure, until the slot was read. A code that no lock
// takes does not go out, and no error shows one.
func TestBadCodes(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	if err := r.lock.WriteSlot(t.Context(), 3, "4711"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := r.lock.WriteSlot(ctx, 4, "4711"); !errors.Is(err, device.ErrUnsure) || strings.Contains(err.Error(), "4711") {
		t.Errorf("the same code twice: %v", err)
	}
	if s, err := r.lock.ReadSlot(t.Context(), 4); err != nil || s.Use != device.SlotEmpty {
		t.Errorf("%+v, %v", s, err)
	}
	sent := 0
	r.Do(func() { sent = len(r.heard) })
	for _, code := range []device.Keys{"", "123", "12345678901", "12a4", "１２３４"} {
		if err := r.lock.WriteSlot(t.Context(), 3, code); !errors.Is(err, device.ErrCodeRefused) || code != "" && strings.Contains(err.Error(), string(code)) {
			t.Errorf("%q: %v", string(code), err)
		}
	}
	for _, n := range []int{-1, 0, 21} {
		_, read := r.lock.ReadSlot(t.Context(), n)
		if clear, write := r.lock.ClearSlot(t.Context(), n), r.lock.WriteSlot(t.Context(), n, "1234"); clear == nil || write == nil || read == nil {
			t.Errorf("slot %d: %v, %v, %v", n, clear, write, read)
		}
	}
	r.Do(func() {
		if len(r.heard) != sent {
			t.Errorf("%+v went out", r.heard[sent:])
		}
		r.deaf = true
	})
	short, end := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer end()
	if _, err := r.lock.ReadSlot(short, 3); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
		t.Errorf("a question without an answer: %v", err)
	}
}

func TestTwoDevicesOneLock(t *testing.T) {
	r := open(t, newPeer(t))
	if _, err := Open(t.Context(), r.env.For("back"), config()); !errors.Is(err, hw.ErrInUse) {
		t.Errorf("error %v", err)
	}
	r.at(t, device.BoltSecured)
}

func TestChecks(t *testing.T) {
	for field, change := range map[string]func(*Config){
		"name":        func(c *Config) { c.Name = "" },
		"base":        func(c *Config) { c.Base = "a/+" },
		"first_slot":  func(c *Config) { c.FirstSlot = -1 },
		"slots":       func(c *Config) { c.Slots = 0 },
		"code_digits": func(c *Config) { c.CodeDigits = 11 },
	} {
		c := config()
		change(&c)
		if fields := hw.FieldErrors(c.Check()); len(fields) != 1 || fields[0].Field != field || fields[0].Remedy == "" {
			t.Errorf("%s: %v", field, fields)
		}
	}
	for _, name := range []string{"a#", "/a", "a/", "a/set", "get", "$a", strings.Repeat("a", 201)} {
		c := config()
		c.Name = name
		if c.Check() == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
	if err := config().Check(); err != nil {
		t.Error(err)
	}
}

// A report of where the bolt was, asked for before the order, is not the order's answer.
func TestAnOldReportIsNoAnswer(t *testing.T) {
	for word, want := range map[string]bool{
		`{"state":"LOCK","lock_state":"locked"}`:           false,
		`{"state":"LOCK"}`:                                 false,
		`{"battery":90}`:                                   false,
		`{"state":"UNLOCK"}`:                               true,
		`{"state":"UNLOCK","lock_state":"unlocked"}`:       true,
		`{"state":"LOCK","lock_state":"not_fully_locked"}`: true,
		`{"state":"UNLOCK","lock_state":"locked"}`:         true, // in between
	} {
		m, err := parse([]byte(word))
		if err != nil {
			t.Fatal(err)
		}
		if m.answers(device.BoltTargetUnsecured) != want {
			t.Errorf("%s answers an order to open: %v", word, !want)
		}
	}
}
