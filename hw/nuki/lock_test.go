package nuki

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/netlock/netlocktest"
)

func TestBolt(t *testing.T) {
	hwtest.TestBolt(t, func(t *testing.T) hwtest.BoltRig {
		r := connected(t)
		return hwtest.BoltRig{
			Bolt: r.lock, Traits: config().Traits(), Target: device.BoltTargetUnsecured,
			Move: func(at device.BoltPosition) {
				r.Do(func() {
					r.value("state", map[device.BoltPosition]string{device.BoltSecured: "1", device.BoltUnsecured: "3"}[at])
				})
			},
			Peer: hwtest.Peer{Device: "front", Clicks: r.count, Energised: func() bool { return false }, Close: r.env.Close, Wire: r.Wire, Maintained: true},
		}
	})
}

func TestOrders(t *testing.T) {
	for _, unlatch := range []bool{false, true} {
		c := config()
		c.Unlatch = unlatch
		r := open(t, newPeer(t), c)
		r.connect()
		r.at(t, device.BoltSecured)
		if err := r.lock.Throw(t.Context(), device.BoltTargetUnsecured); err != nil {
			t.Fatal(err)
		}
		r.at(t, device.BoltUnsecured)
		if err := r.lock.Throw(t.Context(), device.BoltTargetSecured); err != nil {
			t.Fatal(err)
		}
		r.at(t, device.BoltSecured)
		if got, want := r.told(), fmt.Sprintf("lockAction=%d lockAction=2", map[bool]int{false: 1, true: 3}[unlatch]); got != want {
			t.Errorf("the lock was told %q, want %q", got, want)
		}
	}
}

// What the lock answers is what the order came to.
func TestAnswers(t *testing.T) {
	for answer, unsure := range map[string]bool{"32": false, "69": false, "71": false, "66": true, "68": true, "255": true, "7": true} {
		r := connected(t)
		r.Do(func() { r.answer = answer })
		err := r.lock.Throw(t.Context(), device.BoltTargetUnsecured)
		var op *hw.OpError
		if !errors.As(err, &op) || op.Hint == "" || op.Device != "front" || errors.Is(err, device.ErrUnsure) != unsure || r.count() != 1 {
			t.Errorf("the answer %s is the error %v", answer, err)
		}
	}
	r := connected(t)
	r.Do(func() { r.stays = true })
	if err := r.lock.Throw(t.Context(), device.BoltTargetUnsecured); err != nil { // accepted; the bolt will tell
		t.Error(err)
	}
	r.Do(func() { r.deaf = true })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := r.lock.Throw(ctx, device.BoltTargetUnsecured); !errors.Is(err, device.ErrUnsure) {
		t.Errorf("no answer at all: %v", err)
	}
}

func TestWhoItWas(t *testing.T) {
	outside := func(place string) device.Cause { return device.Cause{Kind: device.CauseOutside, Place: place} }
	for who, want := range map[string]device.Cause{
		"3,0,54321,12345,1":      {Kind: device.CauseCode, Actor: "slot:12345"},
		"1,0,54321,8193,2":       {Kind: device.CauseCode, Actor: "slot:8193"}, // a finger
		"1,0,54321,4000000000,1": outside(device.OutsideKeypad),
		"1,0,54322,0,1":          outside(device.OutsideRadio),
		"1,0,54322,0,0":          outside(""),
		"4,2,0,0,0":              outside(device.OutsideByHand),
		"3,3,54322,0,3":          outside(device.OutsideRadio),
		"1,3,0,0,0":              {Kind: device.CauseAutoRelock}, // the lock's own clock
		"1,171,0,0,0":            outside(""),
		"1,172,0,0,0":            outside(""),
		"90,2,0,0,2":             {}, // a button that does nothing
		"2,0,1,5,1":              {}, // the other way
		"1,0,1,5":                {},
		"1,0,1,5,1,1":            {},
		"1,0,-1,5,1":             {},
		"":                       {},
	} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			r := connected(t)
			r.Do(func() {
				r.says("lockActionEvent", who)
				r.value("state", "2")
				r.value("state", "3")
			})
			if x := r.at(t, device.BoltUnsecured); x.Cause != want {
				t.Errorf("the cause is %+v, want %+v", x.Cause, want)
			}
			r.Do(func() {
				r.says("lockActionEvent", "2,6,0,0,0")
				r.value("state", "1")
			})
			if x := r.at(t, device.BoltSecured); x.Cause != (device.Cause{Kind: device.CauseAutoRelock}) {
				t.Errorf("the cause of the lock's own turn is %+v", x.Cause)
			}
			r.Do(func() { r.value("state", "3") }) // a key: nothing announces it
			if x := r.at(t, device.BoltUnsecured); x.Cause != (device.Cause{}) {
				t.Errorf("the cause of a key is %+v", x.Cause)
			}
		})
	}
}

// Lock'n'go is two turns: that of the person, and that of the lock.
func TestLockNGo(t *testing.T) {
	r := connected(t)
	r.Do(func() {
		r.says("lockActionEvent", "4,2,0,0,0")
		r.value("state", "6")
	})
	if x := r.at(t, device.BoltUnsecured); x.Cause.Place != device.OutsideByHand {
		t.Errorf("%+v", x.Cause)
	}
	r.Do(func() { r.value("state", "1") })
	if x := r.at(t, device.BoltSecured); x.Cause.Kind != device.CauseAutoRelock {
		t.Errorf("%+v", x.Cause)
	}
}

func TestStates(t *testing.T) {
	r := connected(t)
	for _, c := range []struct {
		state string
		at    device.BoltPosition
		fault bool
	}{
		{"0", device.BoltUnknown, true}, {"1", device.BoltSecured, false}, {"2", device.BoltUnknown, false}, {"3", device.BoltUnsecured, false},
		{"4", device.BoltUnknown, false}, {"5", device.BoltUnsecured, false}, {"7", device.BoltUnknown, false}, {"6", device.BoltUnsecured, false},
		{"253", device.BoltUnknown, false}, {"254", device.BoltJammed, true}, {"255", device.BoltUnknown, false}, {"1", device.BoltSecured, false},
		{"99", device.BoltUnknown, false},
	} {
		r.Do(func() { r.value("state", c.state) })
		if x := r.at(t, c.at); (x.Fault != "") != c.fault {
			t.Errorf("the state %s is %+v", c.state, x)
		}
	}
	r.Do(func() { r.value("state", "1"); r.value("state", "rubbish"); r.value("state", strings.Repeat("3", 65)) })
	r.at(t, device.BoltSecured)
	for door, want := range map[string]device.Tri{"3": device.Yes, "2": device.No, "1": device.Unknown, "255": device.Unknown} {
		r.Do(func() { r.value("doorsensorState", door) })
		netlocktest.Until(t, r.lock, "the door sensor's "+door, func(x device.LockReading) bool { return x.DoorOpen == want })
	}
	for what, word := range map[string]string{"doorsensorState=240": "tampered", "mode=4": "maintenance"} {
		name, value, _ := strings.Cut(what, "=")
		r.Do(func() { r.value(name, value) })
		netlocktest.Until(t, r.lock, word, func(x device.LockReading) bool { return strings.Contains(x.Fault, word) })
		r.Do(func() { r.value(name, "2") })
		netlocktest.Until(t, r.lock, "all well", func(x device.LockReading) bool { return x.Fault == "" })
	}
	r.Do(func() { r.value("keypadBatteryCritical", "true"); r.value("batteryChargeState", "17") })
	netlocktest.Until(t, r.lock, "a low battery", func(x device.LockReading) bool {
		return x.Battery == device.Battery{Known: true, Percent: 17, Low: true}
	})
}

// The lock or the broker goes: nothing is claimed any more, and no order is taken.
func TestAway(t *testing.T) {
	r := connected(t)
	r.Do(func() { r.value("connected", "false") })
	netlocktest.Refuses(t, r.lock, "not connected")
	if err := r.lock.Throw(t.Context(), device.BoltTargetUnsecured); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
		t.Errorf("an order to a lock that is away: %v", err)
	}
	r.Do(func() { r.values["state"] = "3" }) // nobody hears it
	r.connect()
	r.at(t, device.BoltUnsecured)
	r.Wire.Cut()
	netlocktest.Refuses(t, r.lock, "broker")
	netlocktest.Upon(t, "the broker to see that the house is gone", func() bool { return !r.Connected() })
	r.Do(func() { r.Forget("nuki/" + lockID + "/connected") })
	r.Wire.Heal()
	netlocktest.Upon(t, "the house to be back", r.Connected)
	r.connect()
	r.at(t, device.BoltUnsecured)
	if r.count() != 0 {
		t.Errorf("%d orders", r.count())
	}
}

func TestTwoDevicesOneLock(t *testing.T) {
	r := connected(t)
	if _, err := Open(t.Context(), r.env.For("back"), Config{ID: "2BB28570"}); !errors.Is(err, hw.ErrInUse) {
		t.Errorf("error %v", err)
	}
	r.at(t, device.BoltSecured)
}

func TestChecks(t *testing.T) {
	for _, id := range []string{"", "2BB2857", "2BB285701", "2BB2857G", "2BB28570/", "+", "734233968 "} {
		if fields := hw.FieldErrors(Config{ID: id}.Check()); len(fields) != 1 || fields[0].Field != "id" || fields[0].Remedy == "" {
			t.Errorf("%q: %v", id, fields)
		}
	}
	if err := config().Check(); err != nil {
		t.Error(err)
	}
}

// events is a broker in a bubble: what it says is what the test puts in.
type events chan hw.MQTTEvent

func (e events) Publish(context.Context, string, []byte) error         { return nil }
func (e events) Listen(context.Context, ...string) <-chan hw.MQTTEvent { return e }
func (e events) put(what, payload string, retained bool) {
	e <- hw.MQTTEvent{Up: true, Topic: "nuki/" + lockID + "/" + what, Payload: []byte(payload), Retained: retained, Taken: time.Now()}
}

// bubble runs a test in simulated time with a lock whose broker has just been connected. now is the newest reading;
// false where there is none.
func bubble(t *testing.T, f func(t *testing.T, e events, now func() (device.LockReading, bool))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := make(events, 100)
		env := hw.NewEnv(zerolog.Nop())
		env.UseMQTT(e)
		lock, err := Open(t.Context(), env.For("front"), config())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = env.Close() }()
		e <- hw.MQTTEvent{Up: true}
		f(t, e, func() (device.LockReading, bool) {
			synctest.Wait()
			return lock.Feed.Last()
		})
	})
}

// What the broker kept shows nothing, until the lock says something that proves that it was there all along.
func TestWhatTheBrokerKept(t *testing.T) {
	bubble(t, func(t *testing.T, e events, now func() (device.LockReading, bool)) {
		for what, payload := range map[string]string{"state": "1", "doorsensorState": "2", "batteryChargeState": "55", "lockActionEvent": "2,0,1,7,1"} {
			e.put(what, payload, true)
		}
		if x, ok := now(); ok {
			t.Errorf("before anybody said that it is connected: %+v", x)
		}
		e.put("connected", "true", true)
		time.Sleep(time.Hour)
		if x, ok := now(); !ok || x.Bolt != device.BoltUnknown || x.DoorOpen != device.Unknown || x.Battery.Known || x.Taken.IsZero() {
			t.Errorf("what the broker kept is shown: %+v, %v", x, ok)
		}
		e.put("lockAction", "1", false) // ours, or another's: not the lock's word
		time.Sleep(time.Hour)
		e.put("keypadBatteryCritical", "false", false)
		if x, _ := now(); x.Bolt != device.BoltUnknown {
			t.Errorf("too soon: %+v", x)
		}
		spoke := time.Now()
		time.Sleep(tellsAll)
		if x, _ := now(); x.Bolt != device.BoltSecured || x.DoorOpen != device.No || x.Battery.Percent != 55 || !x.Taken.Equal(spoke) || x.Cause != (device.Cause{}) {
			t.Errorf("what the lock stands by is %+v", x)
		}
	})
}

// A lock that connects anew tells everything: what the broker kept of its last life is gone.
func TestALockThatConnectsAnew(t *testing.T) {
	bubble(t, func(t *testing.T, e events, now func() (device.LockReading, bool)) {
		e.put("state", "1", true)
		e.put("connected", "true", true)
		e.put("batteryCritical", "false", false)
		e.put("connected", "true", false)
		time.Sleep(tellsAll - time.Millisecond)
		e.put("mode", "2", false)
		time.Sleep(time.Hour)
		if x, ok := now(); !ok || x.Bolt != device.BoltUnknown {
			t.Errorf("it said nothing of its bolt, and it is shown %+v", x)
		}
		e.put("state", "3", false)
		if x, _ := now(); x.Bolt != device.BoltUnsecured {
			t.Errorf("%+v", x)
		}
		e <- hw.MQTTEvent{Up: true, Lost: true, Topic: "nuki/" + lockID + "/name", Payload: []byte("Front door"), Taken: time.Now()}
		if x, _ := now(); x.Bolt != device.BoltUnknown {
			t.Errorf("messages are lost, and it is shown %+v", x)
		}
	})
}

// A message that came before is not news.
func TestDuplicates(t *testing.T) {
	bubble(t, func(t *testing.T, e events, now func() (device.LockReading, bool)) {
		e.put("connected", "true", false)
		e.put("state", "3", false)
		e <- hw.MQTTEvent{Up: true, Topic: "nuki/" + lockID + "/state", Payload: []byte("1"), Duplicate: true, Taken: time.Now()}
		time.Sleep(time.Hour)
		if x, _ := now(); x.Bolt != device.BoltUnsecured {
			t.Errorf("%+v", x)
		}
	})
}

// Whatever comes, nobody is named who was not, and nothing is secured but by its one word.
func FuzzMessages(f *testing.F) {
	for _, s := range []string{"3,0,54321,12345,1", "1,0,54322,0,1", "4,2,0,0,0", "90,2,0,0,2", "true", "false", "254", "-1", " 3 ", "4294967295", "1,1,1,1,1,1", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, ok := parseEvent(b); ok {
			if cause := v.cause(); cause.Kind == device.CauseCode {
				if n, ok := device.ParseSlotActor(cause.Actor); !ok || uint32(n) != v.code || n == 0 {
					t.Errorf("a code of nobody: %+v, %+v", v, cause)
				}
			}
		}
		n, ok := number(b)
		if !ok {
			return
		}
		if at, _ := position(n); (at == device.BoltSecured) != (n == 1) {
			t.Errorf("%d is %v", n, at)
		}
		if err := refusal(n); (err == nil) != (n == 0) {
			t.Errorf("%d is %v", n, err)
		}
	})
}
