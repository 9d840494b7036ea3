package nuki

import (
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/netlock"
)

// Times of a lock.
const (
	tellsAll  = 3 * time.Second // in which a lock that connects has told everything
	causeFor  = 20 * time.Second
	returnFor = 5 * time.Minute // lock'n'go: the lock waits that long at most before it locks
)

// keeper is what the goroutine of a lock knows. Values are by the last part of their topic.
type keeper struct {
	*Lock
	kept  map[string]uint32 // what the broker had when it was connected
	said  map[string]uint32 // what the lock has said since, or stands by
	taken time.Time         // when it last said anything
	late  netlock.Alarm     // what was kept counts: it has told all

	shown   device.BoltPosition
	cause   device.Cause      // of that
	heard   device.Cause      // who turns it, told ahead of the turn
	target  device.BoltTarget // of heard
	until   time.Time         // of heard
	returns bool              // and the lock goes back by itself
}

func (k *keeper) event(e hw.MQTTEvent) {
	if e.Lost && k.Up() { // it may have been anything
		k.forget()
		k.show()
	}
	if e.Topic == "" {
		if e.Up {
			k.forget()
		} else {
			k.down("the MQTT broker is not connected")
		}
		return
	}
	what, ok := strings.CutPrefix(e.Topic, k.Topic+"/")
	if !ok || !slices.Contains(told(), what) {
		return
	}
	old := e.Retained || e.Duplicate
	if what == topicEvent {
		if v, ok := parseEvent(e.Payload); ok && !old {
			k.about(v, e.Taken)
			k.spoke(e.Taken)
		}
		return
	}
	n, ok := number(e.Payload)
	if !ok {
		if !old {
			k.spoke(e.Taken) // a time, or what newer locks say
		}
		return
	}
	switch {
	case what == topicConnected:
		k.connected(n == 1, old)
	case what == topicResponse:
		if !old {
			k.Heard(response(n))
			k.spoke(e.Taken)
		}
	case old:
		if _, newer := k.said[what]; !newer && k.values(what) {
			k.kept[what] = n
		}
	default:
		k.told(what, n, e.Taken)
	}
}

// values reports whether a topic is looked at: others cost no memory.
func (k *keeper) values(what string) bool {
	switch what {
	case topicState, topicMode, topicDoor, topicCharge:
		return true
	}
	for _, low := range lows() {
		if what == low {
			return true
		}
	}
	return false
}

// connected is the lock's first word, or the broker's last one for it.
func (k *keeper) connected(yes, old bool) {
	switch {
	case !yes:
		k.down("the lock is not connected")
	case old && !k.Up():
		k.arrive("the broker says that the Nuki lock is connected")
		k.show()
	case !old:
		k.arrive("the Nuki lock is connected")
		k.forget()
		k.wait()
	}
}

func (k *keeper) arrive(how string) {
	if k.Arrive(how) {
		k.cause, k.shown, k.until = device.Cause{}, device.BoltUnknown, time.Time{}
	}
}

// told is a value from the lock itself, now.
func (k *keeper) told(what string, n uint32, at time.Time) {
	if k.values(what) {
		k.said[what] = n
	}
	k.spoke(at)
	if what == topicState {
		k.Heard(state(n))
	}
	if _, ok := k.said[topicState]; ok {
		k.show()
	}
}

// spoke takes in that the lock is alive. What the broker kept of it counts a little later, unless the lock has only
// just connected and says it anew.
func (k *keeper) spoke(at time.Time) {
	if at.IsZero() {
		at = time.Now()
	}
	k.taken = at
	k.arrive("the Nuki lock speaks")
	if _, ok := k.said[topicState]; !ok || len(k.kept) > 0 {
		k.wait()
	}
}

func (k *keeper) wait() {
	if !k.late.Set() {
		k.Alarm(&k.late, tellsAll, k.settle)
	}
}

// settle is some time after the lock spoke: what it has not said anew, it stands by.
func (k *keeper) settle() {
	if !k.Up() {
		return
	}
	for what, n := range k.kept {
		if _, ok := k.said[what]; !ok {
			k.said[what] = n
		}
	}
	clear(k.kept)
	k.show()
}

// about is an action that the lock is about to do.
func (k *keeper) about(v event, at time.Time) {
	to, returns := v.target()
	if to == device.BoltTargetUnknown {
		return
	}
	if at.IsZero() {
		at = time.Now()
	}
	k.heard, k.target, k.returns, k.until = v.cause(), to, returns, at.Add(causeFor)
	k.Heard(v)
}

// show tells what is known.
func (k *keeper) show() {
	if !k.Up() {
		return
	}
	r := device.LockReading{Taken: k.taken}
	at, known := k.said[topicState]
	if known {
		r.Bolt, r.Fault = position(at)
	}
	if r.Taken.IsZero() || !known {
		r.Taken = time.Now() // that it is not known is true now
	}
	k.turned(r.Bolt)
	r.Cause = k.cause
	if door, ok := k.said[topicDoor]; ok && k.sensor {
		open, fault := doorOpen(door)
		r.DoorOpen = open
		if r.Fault == "" {
			r.Fault = fault
		}
	}
	if mode, ok := k.said[topicMode]; ok && mode != 2 && r.Fault == "" { // 2: door mode
		r.Fault = "the lock is in pairing or maintenance mode: end it in the Nuki app"
	}
	if n, ok := k.said[topicCharge]; ok && n <= 100 {
		r.Battery.Known, r.Battery.Percent = true, uint8(n)
	}
	for _, low := range lows() {
		r.Battery.Low = r.Battery.Low || k.said[low] == 1
	}
	k.Feed.Publish(r)
}

// turned finds who it was. A bolt that moves, or is unknown, belongs to whoever was announced.
func (k *keeper) turned(at device.BoltPosition) {
	if at == k.shown {
		return
	}
	k.shown, k.cause = at, device.Cause{}
	if !time.Now().Before(k.until) {
		return
	}
	aim := device.BoltSecured
	if k.target == device.BoltTargetUnsecured {
		aim = device.BoltUnsecured
	}
	if at == device.BoltUnknown || at == device.BoltJammed || at == aim {
		k.cause = k.heard
	}
	if at != aim {
		return
	}
	k.until = time.Time{} // once
	if k.returns {
		k.heard, k.target, k.returns, k.until = device.Cause{Kind: device.CauseAutoRelock}, device.BoltTargetSecured, false, time.Now().Add(returnFor)
	}
}

// forget is when nothing that was said counts any more.
func (k *keeper) forget() {
	k.kept, k.said, k.taken = make(map[string]uint32), make(map[string]uint32), time.Time{}
	k.late.Stop()
}

// down ends the readings.
func (k *keeper) down(why string) {
	k.forget()
	k.Down(why)
}
