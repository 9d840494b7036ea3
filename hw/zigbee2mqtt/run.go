package zigbee2mqtt

import (
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/netlock"
)

// Times of a lock.
const (
	askWithin = 15 * time.Second       // a battery lock fetches what is for it every few seconds
	lastRetry = 5 * time.Minute        // each question costs it some battery
	quietFor  = time.Hour              // without a word it is asked whether it is there
	mostAsks  = 3                      // that it may leave unanswered before it counts as away
	holdBack  = 700 * time.Millisecond // of a turn, to hear who it was
	causeFor  = 5 * time.Second
	orderFor  = 20 * time.Second // in which a turn is taken for the outcome of an order
)

// keeper is what the goroutine of a lock knows.
type keeper struct {
	*Lock
	broker bool          // connected
	asks   int           // questions without an answer
	next   netlock.Alarm // it is asked

	at      device.BoltPosition
	broken  bool // what it says contradicts itself
	taken   time.Time
	open    device.Tri
	fault   string
	battery device.Battery

	shown  device.BoltPosition // as it was told last
	cause  device.Cause        // of that
	heard  device.Cause        // who turned it, told ahead of the turn
	target device.BoltTarget   // of heard
	until  time.Time           // of heard
	order  device.BoltTarget   // of ours
	orders time.Time           // until when a turn is its outcome
	hold   netlock.Alarm       // a turn has waited to hear who it was
}

func (k *keeper) event(e hw.MQTTEvent) {
	if e.Lost && k.Up() {
		k.ask()
	}
	switch e.Topic {
	case "":
		k.connected(e.Up)
	case k.Topic:
		k.message(e)
	default: // an availability, of the lock or of Zigbee2MQTT
		yes, known := online(e.Payload)
		switch {
		case !known:
		case yes && e.Retained: // the lock was asked when the broker came
		case yes && !k.Up():
			k.asks = 0
			k.ask()
		case !yes && e.Topic == k.Topic+"/availability":
			k.down("Zigbee2MQTT cannot reach it")
		case !yes:
			k.down("Zigbee2MQTT is not running")
		}
	}
}

func (k *keeper) connected(up bool) {
	if k.broker = up; !up {
		k.down("the MQTT broker is not connected")
		return
	}
	k.asks = 0
	k.ask()
}

// ask asks the lock where its bolt is, over the radio. The answer comes as any message does.
func (k *keeper) ask() {
	if !k.broker {
		return
	}
	k.asks++
	if k.Up() && k.asks > mostAsks {
		k.down("it does not answer")
	}
	k.Alarm(&k.next, min(askWithin<<min(k.asks-1, 10), lastRetry), k.ask)
	k.Ask("get", []byte(`{"state":""}`))
}

// ordered is an order of ours that is about to go out.
func (k *keeper) ordered(target device.BoltTarget) {
	k.order, k.orders = target, time.Now().Add(orderFor)
}

// now ends the waiting to hear who it was: somebody wants to know where the bolt is.
func (k *keeper) now() bool {
	if k.hold.Set() {
		k.show(device.Cause{})
	}
	return true
}

// message takes in what the lock says. A retained message is old news, and nobody's turn.
func (k *keeper) message(e hw.MQTTEvent) {
	if e.Retained {
		return
	}
	m, err := parse(e.Payload)
	if err != nil {
		k.Log.Debug().Err(err).Msg("a message that no lock sends")
		return
	}
	k.remember(m)
	if m.telling() {
		k.tells(m, e.Taken)
	} else if k.Up() {
		k.aside(m)
		k.show(device.Cause{})
	}
	k.Heard(m)
}

// remember keeps when a code was last saved and cleared.
func (k *keeper) remember(m *message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m.Saved != nil {
		k.newest.Saved = m.Saved
	}
	if m.Cleared != nil {
		k.newest.Cleared = m.Cleared
	}
}

// aside is everything but the bolt.
func (k *keeper) aside(m *message) {
	if m.DoorState != nil {
		k.open, k.fault = m.door()
	}
	k.battery = m.battery(k.battery)
}

func (k *keeper) tells(m *message, taken time.Time) {
	if taken.IsZero() {
		taken = time.Now()
	}
	k.aside(m)
	k.at, k.broken = m.position()
	k.taken, k.asks = taken, 0
	k.Alarm(&k.next, quietFor, k.ask)
	if k.Arrive("it answers") {
		k.shown, k.cause, k.until = device.BoltUnknown, device.Cause{}, time.Time{}
		k.show(device.Cause{})
		return
	}
	if target, cause := m.turn(k.first, k.last); target != device.BoltTargetUnknown {
		k.heard, k.target, k.until = cause, target, taken.Add(causeFor)
		if k.at != aim(target) {
			k.ask() // what it says of its bolt is older than what happened
		}
	}
	k.turned()
}

// turned tells where the bolt is, unless it turned and nobody has been named for it yet.
func (k *keeper) turned() {
	if k.at == k.shown && !k.hold.Set() {
		k.show(device.Cause{})
		return
	}
	cause := device.Cause{}
	if time.Now().Before(k.until) && k.at == aim(k.target) {
		cause = k.heard
	}
	ours := time.Now().Before(k.orders) && k.at == aim(k.order)
	sure := k.at == device.BoltSecured || k.at == device.BoltUnsecured
	if ours || !sure || cause.Kind != device.CauseUnknown || k.shown == device.BoltUnknown {
		k.show(cause)
		return
	}
	if !k.hold.Set() {
		k.Alarm(&k.hold, holdBack, func() { k.show(device.Cause{}) })
	}
}

// show tells what is known, and with it a turn that was held back.
func (k *keeper) show(cause device.Cause) {
	if k.at != k.shown {
		k.shown, k.cause = k.at, cause
		k.until = time.Time{} // once, and what was said of another turn is over
		if k.at == aim(k.order) {
			k.orders = time.Time{}
		}
	}
	k.hold.Stop()
	r := device.LockReading{Bolt: k.at, DoorOpen: k.open, Taken: k.taken, Fault: k.fault, Cause: k.cause, Battery: k.battery}
	switch {
	case k.broken:
		r.Fault = "the lock says two different things about its bolt: look at the door"
	case k.at == device.BoltJammed:
		r.Fault = "the bolt is stuck: push or pull the door, and lock it again"
	}
	k.Feed.Publish(r)
}

// down ends the readings.
func (k *keeper) down(why string) {
	k.hold.Stop()
	k.Down(why)
}

func aim(t device.BoltTarget) device.BoltPosition {
	switch t {
	case device.BoltTargetSecured:
		return device.BoltSecured
	case device.BoltTargetUnsecured:
		return device.BoltUnsecured
	case device.BoltTargetUnknown:
	}
	return device.BoltUnknown
}
