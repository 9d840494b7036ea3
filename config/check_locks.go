package config

import (
	"time"

	"github.com/loquet/loquet/device"
)

const leastRelock, mostRelock = 5 * time.Second, 24 * time.Hour

func (k *checker) lock(l *Lock) {
	at := path{"locks", l.ID}
	k.deviceName(at, l.ID, l.Name, true)
	k.timedWrites(at, l.TimedWrites)
	k.bound(at.sub("auto_relock"), l.AutoRelock, leastRelock, mostRelock)
	k.input(at.sub("door"), l.ID, l.Door)
	k.line(lineUse{at: at.sub("secured"), device: l.ID, line: l.Secured, end: true})
	k.line(lineUse{at: at.sub("unsecured"), device: l.ID, line: l.Unsecured, end: true})
	k.shown(at, l.InHomeKit(), l.OwnTile, false, l.TimedWrites)
	k.face(at, l.MQTT)
	traits, known := k.bolt(l, at)
	if known {
		k.boltRules(l, at, traits)
	}
	k.devices[l.ID] = seen{kind: "lock", sensesClosed: traits.SensesDoor, known: known}
}

func (k *checker) bolt(l *Lock, at path) (traits device.BoltTraits, known bool) {
	if l.Bolt.Driver == "" && !k.given(at.sub("bolt")) {
		k.fail("missing-bolt", at, "nothing says what moves this bolt", "add bolt: {driver: ...}; `loquet drivers` lists them")
		return l.Traits(device.BoltTraits{}), false
	}
	settings, ok := k.driver(k.catalog.Bolts, "locks", &l.Bolt, at.sub("bolt"))
	if !ok {
		return l.Traits(device.BoltTraits{}), false
	}
	own, known := boltTraits(settings)
	return l.Traits(own), known
}

func (k *checker) boltRules(l *Lock, at path, traits device.BoltTraits) {
	if traits.Drive == device.BoltDriveMaglock {
		k.maglockRest(l, at)
	}
	switch {
	case l.AutoRelock == 0:
	case traits.Drive == device.BoltDriveStrike:
		k.fail("relock-strike", at.sub("auto_relock"), "a strike locks by itself when its hold is over",
			"remove auto_relock; the time it stays released is hold: at its driver")
	case !traits.SensesDoor && !l.BoltOpenDoor:
		k.warn("relock-blind", at.sub("auto_relock"), "nothing tells whether this door is closed when the lock locks again",
			"add door: and the line of a contact: a bolt thrown on an open door keeps it open")
	}
}

// maglockRest tells what a restart does to a door that is held by power. Drivers of magnets have the
// level at rest in a field of that name, and insist on it themselves.
func (k *checker) maglockRest(l *Lock, at path) {
	at = at.sub("bolt")
	what := "when the bridge stops or restarts, this magnet goes to its rest level; without power it always lets go"
	if rest := l.Bolt.settings().child("rest"); rest != nil {
		at = at.sub("rest")
		what = "when the bridge stops or restarts, this door is left " + clip(rest.text) + "; without power the magnet always lets go"
	}
	k.warn("maglock-restart", at, what, "make sure that this is what you want at this door")
}
