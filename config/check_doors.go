package config

import (
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
)

const (
	leastTravel, mostTravel       = 2 * time.Second, 5 * time.Minute
	mostWarnTime                  = time.Minute
	leastAutoClose, mostAutoClose = 10 * time.Second, 24 * time.Hour
)

func (k *checker) door(d *Door) {
	at := path{"doors", d.ID}
	k.deviceName(at, d.ID, d.Name, true)
	k.oneOf("bad-kind", at.sub("kind"), "a kind of door", string(d.Kind), string(KindSectional), string(KindOnePiece), string(KindSwing),
		string(KindRolling), string(KindGateSwing), string(KindGateSliding))
	k.timedWrites(at, d.TimedWrites)
	k.bound(at.sub("travel"), d.Travel, leastTravel, mostTravel)
	k.line(lineUse{at: at.sub("closed"), device: d.ID, line: d.Closed, end: true})
	k.line(lineUse{at: at.sub("open"), device: d.ID, line: d.Open, end: true})
	k.input(at.sub("obstruction"), d.ID, d.Obstruction)
	if d.Warning != nil {
		k.output(at.sub("warning", "light"), d.ID, d.Warning.Light)
		k.output(at.sub("warning", "beeper"), d.ID, d.Warning.Beeper)
	}
	traits, known := k.opener(d, at)
	k.remoteClose(d, at, traits, known)
	k.autoClose(d, at, traits, known)
	k.shown(at, d.InHomeKit(), d.OwnTile, d.ObstructionSensor, d.TimedWrites)
	k.oneOf("bad-matter", at.sub("matter"), "a way to show a door to Matter", string(d.Matter),
		string(MatterContact), string(MatterClosure), string(MatterCovering), string(MatterNone))
	k.face(at, d.MQTT)
	if d.Matter == MatterCovering {
		k.warn("matter-covering", at.sub("matter"), "to an ecosystem this door is a blind: whoever opens all blinds opens it too",
			"use closure where the ecosystem knows it (SmartThings), or contact; in the ecosystem, keep the door out of groups and scenes")
	}
	if d.ObstructionSensor && d.Obstruction == "" && (traits.Drive == device.DrivePulse || traits.Drive == device.DriveDiscrete) {
		k.warn("obstruction-blind", at.sub("obstruction_sensor"), "this opener has no input for an obstruction",
			"the sensor tells only what the door's own moves show; add obstruction: and the line of the photo-eye's signal")
	}
	k.devices[d.ID] = seen{kind: "door", sensesClosed: traits.SensesClosed, known: known}
}

// opener checks what moves the door, and returns what it can do and see together with the door's
// own contacts.
func (k *checker) opener(d *Door, at path) (traits device.DoorTraits, known bool) {
	if d.Opener.Driver == "" && !k.given(at.sub("opener")) {
		k.fail("missing-opener", at, "nothing says what moves this door", "add opener: {driver: ...}; `loquet drivers` lists them")
		return device.DoorTraits{SensesClosed: d.Closed != ""}, false
	}
	settings, ok := k.driver(k.catalog.Openers, "doors", &d.Opener, at.sub("opener"))
	if !ok {
		return d.Traits(device.DoorTraits{}), false
	}
	own, known := doorTraits(settings)
	traits = d.Traits(own)
	if !known {
		return traits, false
	}
	if traits.Drive != device.DrivePulse {
		if !traits.SensesClosed {
			k.warn("door-blind", at, "nothing tells when this door is closed: its state will be a guess, and unknown after a start",
				"add closed: and the line of a contact")
		}
		return traits, true
	}
	switch {
	case !traits.SensesClosed:
		k.fail("pulse-blind", at, "an opener with one button needs to know when the door is closed: the same pulse opens and closes",
			`add closed: and the line of a contact, such as closed: "!gpio:27"`)
	case !traits.Refreshes:
		k.fail("pulse-stale", at.sub("opener"), "this opener cannot be asked where the door is at the moment it counts, and its one button does both",
			"add closed: and the line of a contact of ours")
	}
	return traits, true
}

// remoteClose checks the permission to close a door that nobody stands at (16 CFR 1211.14, EN 12453).
func (k *checker) remoteClose(d *Door, at path, traits device.DoorTraits, known bool) {
	here := at.sub("remote_close")
	permitted := k.oneOf("bad-remote-close", here, "a permission to close", string(d.RemoteClose), string(RemoteCloseWarned), string(RemoteCloseDeclared)) && d.RemoteClose != ""
	k.warning(d, at, traits, known, permitted)
	if !permitted {
		return
	}
	switch {
	case d.Kind == "":
		k.fail("close-no-kind", here, "a door of unknown kind never closes with nobody at it",
			"add kind: sectional, rolling, gate-swing or gate-sliding; or remove remote_close")
	case d.Kind == KindOnePiece || d.Kind == KindSwing:
		k.fail("close-never", here, fmt.Sprintf("a %s door never closes with nobody at it: it sweeps the space in front of it", d.Kind),
			"remove remote_close: the door opens from afar and closes at the door")
	case d.Kind.Gate() && d.RemoteClose == RemoteCloseWarned:
		k.fail("close-gate", here, "a warning is not enough for a gate: it needs wired entrapment protection (photo-eyes, contact edges)",
			"if the gate has it and it works, say so: remote_close: owner-declares-protected; else remove remote_close")
	case known && !traits.SensesClosed:
		k.fail("close-blind", here, "nothing would tell whether the door has closed", "add closed: and the line of a contact, or remove remote_close")
	case d.RemoteClose == RemoteCloseDeclared:
		k.warn("close-declared", here, "you declare that this door's entrapment protection is wired and works, and that the rules where you live let it close with nobody at it",
			"it closes without a warning; test the photo-eyes and edges every month")
	}
}

// warning checks the light and the sound before an unattended close.
func (k *checker) warning(d *Door, at path, traits device.DoorTraits, known, permitted bool) {
	here := at.sub("warning")
	if d.Warning != nil {
		k.warnTime(d, here.sub("time"))
	}
	warned := permitted && d.RemoteClose == RemoteCloseWarned && !d.Kind.Gate() // a gate is told something else
	light, beeper := d.Warning != nil && d.Warning.Light != "", d.Warning != nil && d.Warning.Beeper != ""
	switch {
	case warned && traits.Warns:
	case warned && !known:
	case warned && light:
		k.fail("warn-silent", here, "the warning has a light and no sound", "add beeper: and its line; both are needed before a door closes with nobody at it")
	case warned && beeper:
		k.fail("warn-dark", here, "the warning has a sound and no light", "add light: and its line; both are needed before a door closes with nobody at it")
	case warned:
		k.fail("warn-missing", at.sub("remote_close"), "this door has nothing to warn with",
			`add warning: {light: "...", beeper: "..."} with the lines of both, or remove remote_close`)
	case d.Warning != nil && d.RemoteClose == RemoteCloseDeclared:
		k.warn("warn-unused", here, "with remote_close: owner-declares-protected this warning is not used", "remove it, or use remote_close: warned")
	case d.Warning != nil && d.RemoteClose == "":
		k.warn("warn-unused", here, "without remote_close this warning is not used", "remove it, or add remote_close: warned")
	}
}

func (k *checker) warnTime(d *Door, at path) {
	t := d.Warning.Time
	if t == 0 && !k.given(at) {
		return
	}
	if t < DefaultWarnTime {
		k.fail("warn-short", at, fmt.Sprintf("a warning of %s is too short", orZero(printDuration(t))),
			"it lasts 5s or more: people need the time to step away, and the law wants it (16 CFR 1211.14)")
		return
	}
	k.bound(at, t, DefaultWarnTime, mostWarnTime)
}

func (k *checker) autoClose(d *Door, at path, traits device.DoorTraits, known bool) {
	if d.AutoClose == nil {
		return
	}
	here := at.sub("auto_close")
	if d.RemoteClose == "" {
		k.fail("auto-close-forbidden", here, "a door that closes by itself closes with nobody at it, and remote_close does not permit that",
			"add remote_close: warned with a warning, or remove auto_close")
	}
	if d.AutoClose.After == 0 && !k.given(here.sub("after")) {
		k.fail("auto-close-when", here, "nothing says when the door closes", "add after: and a time, such as 10m")
	}
	k.bound(here.sub("after"), d.AutoClose.After, leastAutoClose, mostAutoClose)
	switch {
	case !known || d.RemoteClose == "":
	case !traits.SensesClosed: // said at remote_close
	case !traits.SensesOpen:
		k.warn("auto-close-inferred", here, "nothing tells when this door is fully open: the time counts from when it must have arrived",
			"add open: and the line of a contact to have it counted from the end of the move")
	}
}

// shown refuses wishes about Apple Home for a device that is kept out of it.
func (k *checker) shown(at path, inHomeKit, ownTile, twin bool, timed TimedWrites) {
	if inHomeKit {
		return
	}
	for _, wish := range []struct {
		given bool
		field string
	}{{ownTile, "own_tile"}, {twin, "obstruction_sensor"}, {timed != "", "timed_writes"}} {
		if wish.given {
			k.fail("not-in-homekit", at.sub(wish.field), fmt.Sprintf("%s is about Apple Home, and homekit: false keeps this device out of it", wish.field),
				"remove one of the two")
		}
	}
}
