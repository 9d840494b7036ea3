package config

import (
	"time"

	"github.com/loquet/loquet/device"
)

// Kind is how a door moves; whether it may close without a person at it depends on that.
type Kind string

// Kinds of doors.
const (
	KindSectional   Kind = "sectional"
	KindOnePiece    Kind = "one-piece"
	KindSwing       Kind = "swing"
	KindRolling     Kind = "rolling"
	KindGateSwing   Kind = "gate-swing"
	KindGateSliding Kind = "gate-sliding"
)

// Gate reports whether the kind is a gate, which needs wired entrapment protection to close by itself.
func (k Kind) Gate() bool { return k == KindGateSwing || k == KindGateSliding }

// RemoteClose is the permission to close a door that no person stands at.
type RemoteClose string

// Values of RemoteClose. The empty value gives no permission.
const (
	RemoteCloseWarned   RemoteClose = "warned"
	RemoteCloseDeclared RemoteClose = "owner-declares-protected"
)

// MatterFace is how a door is shown to Matter.
type MatterFace string

// Values of MatterFace. The empty value is MatterContact: whoever says "open all blinds" must not open a garage.
const (
	MatterContact  MatterFace = "contact"
	MatterClosure  MatterFace = "closure"
	MatterCovering MatterFace = "covering"
	MatterNone     MatterFace = "none"
)

// Door is a garage door or a gate.
type Door struct {
	ID                string        `yaml:"-"`
	Name              string        `yaml:"name" jsonschema:"required" jsonschema_description:"the door's name, as Apple Home shows it"`
	Kind              Kind          `yaml:"kind" jsonschema:"enum=sectional,enum=one-piece,enum=swing,enum=rolling,enum=gate-swing,enum=gate-sliding" jsonschema_description:"how the door moves; without it nothing closes the door unless a person stands at it"`
	Opener            Part          `yaml:"opener" part:"opener" jsonschema:"required" jsonschema_description:"what moves the door"`
	Closed            Line          `yaml:"closed" line:"input" jsonschema_description:"the contact that is active when the door is closed"`
	Open              Line          `yaml:"open" line:"input" jsonschema_description:"the contact that is active when the door is fully open"`
	Obstruction       Line          `yaml:"obstruction" line:"input" jsonschema_description:"the input that is active while something is in the way (a copy of the photo-eye's signal; the photo-eye itself is wired to the opener)"`
	Travel            time.Duration `yaml:"travel" jsonschema_description:"how long the door takes from one end to the other, such as 15s; learned if not given"`
	RemoteClose       RemoteClose   `yaml:"remote_close" jsonschema:"enum=warned,enum=owner-declares-protected" jsonschema_description:"who may close the door when nobody stands at it; without it the door opens from afar and closes only at the door"`
	Warning           *Warning      `yaml:"warning" jsonschema_description:"the warning before such a close"`
	AutoClose         *AutoClose    `yaml:"auto_close" jsonschema_description:"closes the door by itself"`
	OwnTile           bool          `yaml:"own_tile" jsonschema_description:"shows the door as an accessory of its own instead of in the bridge"`
	ObstructionSensor bool          `yaml:"obstruction_sensor" jsonschema_description:"shows a contact sensor in Apple Home that opens on an obstruction, for automations"`
	HomeKit           *bool         `yaml:"homekit" jsonschema_description:"false keeps the door out of Apple Home"`
	Matter            MatterFace    `yaml:"matter" jsonschema:"enum=contact,enum=closure,enum=covering,enum=none" jsonschema_description:"how Matter shows the door: contact (the default) tells whether it is open; closure and covering operate it, and covering moves when somebody opens all blinds; none keeps it out"`
	MQTT              MQTTFace      `yaml:"mqtt" jsonschema:"enum=states,enum=none" jsonschema_description:"where the section mqtt publishes: states shows the door and takes no orders for it, none keeps it out"`
	TimedWrites       TimedWrites   `yaml:"timed_writes" jsonschema:"enum=required,enum=accepted" jsonschema_description:"as in the homekit section, for this door"`
}

// DefaultWarnTime is how long a warning lasts when the owner does not say, and the least it may
// last (16 CFR 1211.14).
const DefaultWarnTime = 5 * time.Second

// Warning is the light and the sound before a door closes with nobody at it.
type Warning struct {
	Light  Line          `yaml:"light" line:"output" jsonschema_description:"the relay of the warning light"`
	Beeper Line          `yaml:"beeper" line:"output" jsonschema_description:"the relay of the beeper"`
	Time   time.Duration `yaml:"time" jsonschema_description:"how long both are on before the door moves, 5s or more"`
	Steady bool          `yaml:"steady" jsonschema_description:"true: the light flashes and the beeper beeps by itself, so that both are simply left on"`
}

// AutoClose closes a door that was left open.
type AutoClose struct {
	After   time.Duration `yaml:"after" jsonschema:"required" jsonschema_description:"how long the door may stand open, such as 10m"`
	Outside *bool         `yaml:"outside" jsonschema_description:"false: an opening by the wall button, a remote or by hand is left alone"`
}

// CountsOutside reports whether openings from outside start the timer: yes, unless told not to.
func (a AutoClose) CountsOutside() bool { return a.Outside == nil || *a.Outside }

// WarnTime is how long the door warns before it closes by itself.
func (d *Door) WarnTime() time.Duration {
	if d.Warning == nil || d.Warning.Time == 0 {
		return DefaultWarnTime
	}
	return d.Warning.Time
}

// InHomeKit reports whether the door is shown in Apple Home.
func (d *Door) InHomeKit() bool { return d.HomeKit == nil || *d.HomeKit }

// MatterFace is how the door is shown to Matter.
func (d *Door) MatterFace() MatterFace {
	if d.Matter == "" {
		return MatterContact
	}
	return d.Matter
}

// Traits are those of the opener together with what the door adds to it: its own contacts, light
// and beeper. The whole can be asked where the door is if every end that is sensed has a contact.
func (d *Door) Traits(opener device.DoorTraits) device.DoorTraits {
	t := opener
	ends := (d.Closed != "" || !t.SensesClosed) && (d.Open != "" || !t.SensesOpen) && (d.Closed != "" || d.Open != "")
	t.Refreshes = t.Refreshes || ends
	t.SensesClosed = t.SensesClosed || d.Closed != ""
	t.SensesOpen = t.SensesOpen || d.Open != ""
	t.Warns = t.Warns || (d.Warning != nil && d.Warning.Light != "" && d.Warning.Beeper != "")
	return t
}

// Lock is a lock: a deadbolt, a strike, a magnet.
type Lock struct {
	ID           string        `yaml:"-"`
	Name         string        `yaml:"name" jsonschema:"required" jsonschema_description:"the lock's name, as Apple Home shows it"`
	Bolt         Part          `yaml:"bolt" part:"bolt" jsonschema:"required" jsonschema_description:"what moves the bolt"`
	Door         Line          `yaml:"door" line:"input" jsonschema_description:"the contact that is active when the door is closed"`
	Secured      Line          `yaml:"secured" line:"input" jsonschema_description:"the contact that is active when the bolt is fully out"`
	Unsecured    Line          `yaml:"unsecured" line:"input" jsonschema_description:"the contact that is active when the bolt is fully back"`
	Exit         Line          `yaml:"exit" line:"input" jsonschema_description:"the exit button that is active while it is pressed: it unlocks as a code at the door does; the way out in a fire is a handle or a wire of its own"`
	AutoRelock   time.Duration `yaml:"auto_relock" jsonschema_description:"locks again after this time, such as 30s"`
	BoltOpenDoor bool          `yaml:"bolt_open_door" jsonschema_description:"true lets the bolt be thrown while the door stands open"`
	OwnTile      bool          `yaml:"own_tile" jsonschema_description:"shows the lock as an accessory of its own instead of in the bridge; access codes and Home Key in Apple Home want that"`
	HomeKit      *bool         `yaml:"homekit" jsonschema_description:"false keeps the lock out of Apple Home"`
	Matter       *bool         `yaml:"matter" jsonschema_description:"false keeps the lock out of Matter"`
	MQTT         MQTTFace      `yaml:"mqtt" jsonschema:"enum=states,enum=none" jsonschema_description:"where the section mqtt publishes: states shows the lock and takes no orders for it, none keeps it out"`
	TimedWrites  TimedWrites   `yaml:"timed_writes" jsonschema:"enum=required,enum=accepted" jsonschema_description:"as in the homekit section, for this lock"`
}

// InHomeKit reports whether the lock is shown in Apple Home.
func (l *Lock) InHomeKit() bool { return l.HomeKit == nil || *l.HomeKit }

// InMatter reports whether the lock is shown to Matter.
func (l *Lock) InMatter() bool { return l.Matter == nil || *l.Matter }

// Traits are those of the bolt together with the lock's own contacts.
func (l *Lock) Traits(bolt device.BoltTraits) device.BoltTraits {
	bolt.SensesBolt = bolt.SensesBolt || l.Secured != ""
	bolt.SensesDoor = bolt.SensesDoor || l.Door != ""
	return bolt
}

// Contact is a contact that belongs to no door or lock.
type Contact struct {
	ID      string `yaml:"-"`
	Name    string `yaml:"name" jsonschema:"required" jsonschema_description:"the contact's name, as Apple Home shows it"`
	Input   Line   `yaml:"input" line:"input" jsonschema_description:"the line that is active when it is closed"`
	Sensor  *Part  `yaml:"sensor" part:"sensor" jsonschema_description:"a driver instead of a line"`
	HomeKit *bool  `yaml:"homekit" jsonschema_description:"false keeps the contact out of Apple Home"`
	Matter  *bool  `yaml:"matter" jsonschema_description:"false keeps the contact out of Matter"`
}

// InHomeKit reports whether the contact is shown in Apple Home.
func (c *Contact) InHomeKit() bool { return c.HomeKit == nil || *c.HomeKit }

// InMatter reports whether the contact is shown to Matter.
func (c *Contact) InMatter() bool { return c.Matter == nil || *c.Matter }

// Keypad is a keypad or card reader.
type Keypad struct {
	ID    string   `yaml:"-"`
	Name  string   `yaml:"name" jsonschema_description:"the keypad's name; its id if not given"`
	Opens []string `yaml:"opens" jsonschema:"required" jsonschema_description:"the ids of the doors and locks it opens"`
	// Length takes a code at its last digit, without #; 0: it ends with # or when nothing more is pressed.
	Length int  `yaml:"length" jsonschema:"minimum=4,maximum=10" jsonschema_description:"how many digits a code has here, 4 to 10: it is taken at the last one, without #"`
	Part   Part `yaml:",inline" part:"keypad"`
}
