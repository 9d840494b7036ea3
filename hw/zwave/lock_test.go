package zwave

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

func TestBolt(t *testing.T) {
	hwtest.TestBolt(t, func(t *testing.T) hwtest.BoltRig {
		r := open(t, newPeer(t))
		r.at(t, device.BoltSecured)
		return hwtest.BoltRig{
			Bolt: r.lock, Traits: Config{URL: r.url, Node: 2}.Traits(), Target: device.BoltTargetUnsecured,
			Move: func(at device.BoltPosition) { r.turn(map[device.BoltPosition]int{device.BoltSecured: 255}[at]) },
			Peer: hwtest.Peer{Device: "front", Clicks: r.count, Energised: func() bool { return false }, Close: r.env.Close, Wire: r.wire, Maintained: true},
		}
	})
}

// What the server remembers is not shown: the lock is asked first, and has the last word.
func TestTheLockIsAsked(t *testing.T) {
	p := newPeer(t)
	p.refuse = func(command string) map[string]any {
		if command == "node.poll_value" {
			return good(map[string]any{"value": 0})
		}
		return nil
	}
	p.bolt = ""
	r := open(t, p)
	if x := r.until(t, "a reading", func(device.LockReading) bool { return true }); x.Bolt != device.BoltUnsecured || x.DoorOpen != device.No || x.Battery.Percent != 93 || x.Cause != (device.Cause{}) {
		t.Errorf("the first reading is %+v", x)
	}
}

func TestWhoItWas(t *testing.T) {
	code := device.Cause{Kind: device.CauseCode, Actor: "slot:3"}
	hand := device.Cause{Kind: device.CauseOutside, Place: device.OutsideByHand}
	user := map[string]any{"userId": 3}
	for name, c := range map[string]struct {
		event  int
		with   any
		to     int
		before bool // the lock tells who before it tells where
		want   device.Cause
	}{
		"a code":               {6, user, 0, false, code},
		"a code, told before":  {6, user, 0, true, code},
		"the keypad, no slot":  {6, map[string]any{}, 0, true, device.Cause{Kind: device.CauseOutside, Place: device.OutsideKeypad}},
		"slot 0 is nobody's":   {6, map[string]any{"userId": 0}, 0, true, device.Cause{Kind: device.CauseOutside, Place: device.OutsideKeypad}},
		"parameters as bytes":  {6, "0x03", 0, true, device.Cause{Kind: device.CauseOutside, Place: device.OutsideKeypad}},
		"the knob":             {2, nil, 0, false, hand},
		"another controller":   {4, nil, 0, true, device.Cause{Kind: device.CauseOutside, Place: device.OutsideRadio}},
		"nobody says":          {0, nil, 0, false, device.Cause{}},
		"somebody else before": {5, user, 0, true, device.Cause{}}, // it says that it was locked
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, newPeer(t))
			r.at(t, device.BoltSecured)
			if c.before {
				r.notify(c.event, c.with)
			}
			r.turn(c.to)
			if !c.before && c.event != 0 {
				r.notify(c.event, c.with)
			}
			if x := r.at(t, device.BoltUnsecured); x.Cause != c.want {
				t.Errorf("the cause is %+v, want %+v", x.Cause, c.want)
			}
			// A turn is told once; the next one is another's.
			r.turn(255)
			r.notify(9, nil)
			if x := r.at(t, device.BoltSecured); x.Cause != (device.Cause{Kind: device.CauseAutoRelock}) {
				t.Errorf("the cause of the lock's own turn is %+v", x.Cause)
			}
		})
	}
}

func TestJam(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	r.state("Lock state", 11)
	if x := r.at(t, device.BoltJammed); x.Fault == "" {
		t.Errorf("a jam without words: %+v", x)
	}
	r.turn(0)
	if x := r.at(t, device.BoltUnsecured); x.Fault != "" {
		t.Errorf("it is free, and says %q", x.Fault)
	}
	r.notify(11, nil) // from a lock that says it in passing
	r.at(t, device.BoltJammed)
	r.state("Lock state", 11)
	r.state("Lock state", 0) // it is over, and where the bolt is the lock says when it is asked
	r.at(t, device.BoltUnsecured)
	r.state("Door state (simple)", 22)
	r.change(func() { r.door = "" })
	r.value(98, "doorStatus", nil)
	r.until(t, "an open door", func(x device.LockReading) bool { return x.DoorOpen == device.Yes })
}

// An order that was carried out is over: the next turn is somebody else's.
func TestAfterAnOrder(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	if err := r.lock.Throw(t.Context(), device.BoltTargetUnsecured); err != nil {
		t.Fatal(err)
	}
	if x := r.at(t, device.BoltUnsecured); x.Cause != (device.Cause{}) {
		t.Errorf("our own turn is said to be %+v", x.Cause)
	}
	r.turn(255)
	r.notify(1, nil)
	r.at(t, device.BoltSecured)
	r.turn(0)
	r.notify(2, nil)
	if x := r.at(t, device.BoltUnsecured); x.Cause.Place != device.OutsideByHand {
		t.Errorf("the cause is %+v", x.Cause)
	}
}

// A lock that says two things at once is not shown as locked.
func TestContradiction(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	r.value(98, "boltStatus", "unlocked")
	if x := r.at(t, device.BoltUnknown); x.Fault == "" {
		t.Error("it does not say why")
	}
}

func TestStrangeValues(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	for _, strange := range []any{"255", 255.5, -1, 300, nil, true, map[string]any{"a": 1}} {
		r.change(func() { r.mode = 254 }) // it is asked, and does not know better
		r.value(98, "currentMode", strange)
		r.at(t, device.BoltUnknown)
		r.change(func() { r.mode = 255 })
		r.value(98, "currentMode", 255)
		r.at(t, device.BoltSecured)
	}
}

func TestDeadAndBack(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	r.change(func() { r.status, r.asleep = 3, true })
	r.happens("dead")
	r.away(t)
	err := r.lock.Throw(t.Context(), device.BoltTargetUnsecured)
	if !errors.Is(err, device.ErrUnavailable) || !strings.Contains(err.Error(), "dead") || r.count() != 0 {
		t.Errorf("an order to a dead lock: %v, %d orders", err, r.count())
	}
	r.change(func() { r.status, r.asleep, r.mode, r.bolt = 4, false, 0, "unlocked" })
	r.happens("alive")
	r.at(t, device.BoltUnsecured)
}

// A device that sleeps would carry out an order when it wakes, hours later.
func TestASleeperTakesNoOrder(t *testing.T) {
	p := newPeer(t)
	p.frequent, p.status = "false", 2
	r := open(t, p)
	r.at(t, device.BoltSecured)
	err := r.lock.Throw(t.Context(), device.BoltTargetUnsecured)
	if !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) || r.count() != 0 {
		t.Errorf("an order to a sleeper: %v, %d orders", err, r.count())
	}
}

func TestHowOrdersGo(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		err    map[string]any
		want   error // nil: accepted; errAny: an error that says nothing moved
	}{
		"working":         {status: 1},
		"unsupervised":    {status: 254},
		"failed":          {status: 2, want: errAny},
		"invalid":         {status: 5, want: errAny},
		"something new":   {status: 77, want: device.ErrUnsure},
		"no ack":          {err: zwaveError(204, "no ack"), want: device.ErrUnsure},
		"security":        {err: zwaveError(109, "no security"), want: errAny},
		"unknown command": {err: map[string]any{"success": false, "errorCode": "unknown_command", "message": "x"}, want: errAny},
		"a crash":         {err: map[string]any{"success": false, "errorCode": "unknown_error", "message": "x"}, want: device.ErrUnsure},
		"nonsense":        {err: good("x"), want: device.ErrUnsure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			p.status2 = c.status
			p.refuse = func(command string) map[string]any {
				if command == "node.set_value" {
					return c.err
				}
				return nil
			}
			r := open(t, p)
			r.at(t, device.BoltSecured)
			err := r.lock.Throw(t.Context(), device.BoltTargetUnsecured)
			var op *hw.OpError
			switch {
			case c.want == nil && err != nil, c.want != nil && err == nil:
				t.Errorf("error %v", err)
			case errors.Is(c.want, errAny) && errors.Is(err, device.ErrUnsure), errors.Is(c.want, device.ErrUnsure) && !errors.Is(err, device.ErrUnsure):
				t.Errorf("error %v", err)
			case err != nil && (!errors.As(err, &op) || op.Hint == "" || op.Device != "front"):
				t.Errorf("error %#v", err)
			}
		})
	}
}

var errAny = errors.New("any")

// The server begins anew: everything is asked for again, and nothing is sent.
func TestTheDriverBeginsAnew(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	r.change(func() { r.mode, r.bolt = 0, "unlocked" })
	before := r.connected()
	r.event(map[string]any{"source": "driver", "event": "driver ready"})
	for end := time.Now().Add(patience); slices.ContainsFunc(r.connected(), func(c *websocket.Conn) bool { return slices.Contains(before, c) }) || len(r.connected()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not connect again")
		}
	}
	r.at(t, device.BoltUnsecured)
	r.event(map[string]any{"source": "controller", "event": "status changed", "status": 1})
	r.away(t)
	r.event(map[string]any{"source": "controller", "event": "status changed", "status": 0})
	r.at(t, device.BoltUnsecured)
	r.event(map[string]any{"source": "controller", "event": "node removed", "node": map[string]any{"nodeId": 2}, "reason": 0})
	r.away(t)
	if r.count() != 0 {
		t.Errorf("%d orders", r.count())
	}
}

func TestServersThatWillNotDo(t *testing.T) {
	p := newPeer(t)
	p.schema = 32
	open(t, p).refuses(t, "too old")
}

// One lock is one device: the second one is told who has it.
func TestTwoDevicesOneLock(t *testing.T) {
	r := open(t, newPeer(t))
	_, err := Open(t.Context(), r.env.For("back"), Config{URL: r.url, Node: 2})
	if !errors.Is(err, hw.ErrInUse) || !strings.Contains(err.Error(), "front") {
		t.Errorf("error %v", err)
	}
	r.at(t, device.BoltSecured)
	other, err := Open(t.Context(), r.env.For("cellar"), Config{URL: r.url, Node: 3})
	if err != nil {
		t.Fatal(err)
	}
	rig{lock: other}.refuses(t, "Node not found")
}

func TestChecks(t *testing.T) {
	for name, c := range map[string]Config{
		"url":         {Node: 2},
		"url scheme":  {URL: "http://h:3000", Node: 2},
		"url host":    {URL: "ws://:3000", Node: 2},
		"url user":    {URL: "ws://a:b@h:3000", Node: 2},
		"node":        {URL: "ws://h:3000"},
		"endpoint":    {URL: "ws://h:3000", Node: 2, Endpoint: 200},
		"code_digits": {URL: "ws://h:3000", Node: 2, CodeDigits: 3},
	} {
		fields := hw.FieldErrors(c.Check())
		field, _, _ := strings.Cut(name, " ")
		if len(fields) != 1 || fields[0].Field != field || fields[0].Remedy == "" {
			t.Errorf("%s: %v", name, fields)
		}
	}
	if err := (Config{URL: "wss://house.lan:3000", Node: 2, CodeDigits: 6}).Check(); err != nil {
		t.Error(err)
	}
}
