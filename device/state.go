package device

import "time"

// Position is where a door is. The zero value is unknown: a door that nobody has heard from is
// never shown as closed.
type Position uint8

// Positions of a door.
const (
	PositionUnknown Position = iota
	PositionClosed
	PositionOpen
	PositionClosing
	PositionOpening
	PositionStopped
)

// Target is where a door was last meant to go, or where it was seen to go by itself.
type Target uint8

// Targets of a door.
const (
	TargetUnknown Target = iota
	TargetClosed
	TargetOpen
)

// BoltPosition is where the bolt of a lock is.
type BoltPosition uint8

// Positions of a bolt.
const (
	BoltUnknown BoltPosition = iota
	BoltSecured
	BoltUnsecured
	BoltJammed
)

// BoltTarget is where a bolt was last meant to go.
type BoltTarget uint8

// Targets of a bolt.
const (
	BoltTargetUnknown BoltTarget = iota
	BoltTargetSecured
	BoltTargetUnsecured
)

// Tri is yes, no, or not known.
type Tri uint8

// Values of a Tri.
const (
	Unknown Tri = iota
	No
	Yes
)

// Confidence says how a state came to be known.
type Confidence uint8

// Confidences, weakest last: a sensor saw it, a clock counted it, or it follows from what was not seen.
const (
	ConfidenceUnknown Confidence = iota
	ConfidenceSensed
	ConfidenceTimed
	ConfidenceInferred
)

// CauseKind says how a command or a movement came about.
type CauseKind uint8

// Kinds of causes.
const (
	CauseUnknown    CauseKind = iota
	CauseHomeKit              // Actor is the controller's pairing id
	CauseMatter               // Actor is the fabric and node
	CauseCode                 // Actor is the code's id, Place the keypad's; of a lock's own keypad: SlotActor, no Place
	CauseConsole              // Actor is the user of the page, the API or the command line
	CauseAutoClose            // the door's own timer
	CauseAutoRelock           // the lock's own timer
	CauseExit                 // the request-to-exit button, Place is its line
	CauseOutside              // wall button, remote or key: seen by the sensors, not sent by us
	CauseMQTT                 // Actor is the account at the MQTT broker, or UnverifiedAccount
)

// UnverifiedAccount is the actor of what comes over an MQTT broker that does not tell who asked for it.
const UnverifiedAccount = "unverified"

// Cause says who moved a door, or asked for it, and how. It holds ids, never names or digits.
type Cause struct {
	Kind  CauseKind
	Actor string // an id proved by a session or a code; empty where there is none
	Place string // where: a keypad's or bridge's id; empty where it does not matter
}

// Places of a turn that nobody here asked for (CauseOutside), from locks that tell how it came about.
const (
	OutsideByHand = "by-hand" // the key or the knob
	OutsideKeypad = "keypad"  // its own keypad, and it does not say with which code
	OutsideRadio  = "radio"   // another controller of the same network
)

// AtTheDoor reports whether a person stood at the door: only then is a close attended.
func (c Cause) AtTheDoor() bool { return c.Kind == CauseCode || c.Kind == CauseExit }

// Battery is what a device says of its battery. The zero value: it has none, or never told.
type Battery struct {
	Known   bool
	Percent uint8 // 0 to 100
	Low     bool
}

// DoorState is what is known of a door at one instant. Position and Target are always published
// together, so that no client hangs at "Opening...".
type DoorState struct {
	Position   Position
	Target     Target
	Obstructed Tri
	Since      time.Time // when Position last changed; zero if never known
	Cause      Cause     // of the last change
	Confidence Confidence
	Available  bool   // false: the driver does not answer; the other fields are the last observed
	Warning    bool   // the warning before an unattended close is on
	Suspended  bool   // two moves failed: remote toggles and closes wait for a person's confirmation
	LockedOut  bool   // the owner locked remote operation out (vacation lock)
	Fault      string // what is wrong, in words for the owner; empty if nothing is
	Battery    Battery
}

// LockState is what is known of a lock at one instant.
type LockState struct {
	Bolt       BoltPosition
	Target     BoltTarget
	DoorOpen   Tri
	Since      time.Time
	Cause      Cause
	Confidence Confidence
	Available  bool
	LockedOut  bool
	Fault      string
	Battery    Battery
}

// ContactState is what is known of a contact at one instant.
type ContactState struct {
	Open      Tri
	Since     time.Time
	Available bool
	Fault     string
	Battery   Battery
}
