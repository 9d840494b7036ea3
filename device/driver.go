package device

import (
	"context"
	"time"
)

// Place is where a reading saw the door. Between is seen (neither end contact), Unknown is not.
type Place uint8

// Places of a reading.
const (
	PlaceUnknown Place = iota
	PlaceClosed
	PlaceOpen
	PlaceBetween
)

// Reading is one observation of a door by its driver.
type Reading struct {
	At         Place
	Obstructed Tri
	Moving     Target    // the direction, from openers that say it; TargetUnknown from all others
	Energised  Tri       // whether the relay is on: No after it was on is the release
	Taken      time.Time // when the device was asked, not when it changed; one without it is never fresh
	Fault      string    // what the driver knows to be wrong (contacts that disagree, a relay that sticks)
	Disagree   bool      // what is wrong is that its contacts disagree
	Battery    Battery
}

// LockReading is one observation of a lock by its driver.
type LockReading struct {
	Bolt      BoltPosition
	DoorOpen  Tri
	Energised Tri
	Taken     time.Time
	Fault     string
	Disagree  bool  // what is wrong is that its contacts disagree
	Cause     Cause // who turned the bolt to where it is, from locks that tell; zero from all others
	Battery   Battery
}

// ContactReading is one observation of a contact.
type ContactReading struct {
	Open    Tri
	Taken   time.Time
	Fault   string
	Battery Battery
}

// Opener moves a door.
type Opener interface {
	// Trigger starts a move towards target. A pulse opener gives its one pulse whatever the target.
	// It returns when the output is energised or the device has accepted, never when the pulse is
	// over; an error says that nothing was energised unless it is ErrUnsure.
	Trigger(ctx context.Context, target Target) error
	// Readings delivers the newest observation, the first one on subscription. A slow reader
	// misses what lies between. A closed channel means that the device is unavailable.
	Readings(ctx context.Context) <-chan Reading
}

// Bolt moves the bolt of a lock.
type Bolt interface {
	// Throw starts to move the bolt. It returns as Opener.Trigger does.
	Throw(ctx context.Context, target BoltTarget) error
	// Readings works as Opener.Readings does.
	Readings(ctx context.Context) <-chan LockReading
}

// Sensor is a contact of its own, on no door.
type Sensor interface {
	Readings(ctx context.Context) <-chan ContactReading
}

// Refresher is an Opener that can be asked where the door is, now.
type Refresher interface {
	// Refresh asks the device and returns a reading taken after the call began, within a second.
	Refresh(ctx context.Context) (Reading, error)
}

// BoltRefresher is a Bolt that can be asked, now.
type BoltRefresher interface {
	RefreshBolt(ctx context.Context) (LockReading, error)
}

// Stopper is an Opener with a stop of its own, which cannot start a move.
type Stopper interface {
	Stop(ctx context.Context) error
}

// Warner is an Opener with a light and a sound for the warning before an unattended close.
type Warner interface {
	// Warn switches both on or off. An error means that the warning cannot be relied on.
	Warn(ctx context.Context, on bool) error
}

// Identifier can show which device it is (a lamp, a beep), without moving anything.
type Identifier interface {
	Identify(ctx context.Context) error
}

// Drive is how an opener takes its orders.
type Drive uint8

// Drives. DrivePulse has one button for everything; DriveDiscrete has a line a direction;
// DriveCommanded is told the target and knows the way.
const (
	DriveUnknown Drive = iota
	DrivePulse
	DriveDiscrete
	DriveCommanded
)

// Cycle is what the pulses of a one-button opener mean, one after another.
type Cycle uint8

// Cycles of a pulse opener.
const (
	CycleOpenStopCloseStop Cycle = iota // the default: every pulse in motion stops
	CycleReversesOnClose                // a pulse while closing opens; while opening it stops
	CycleNoStop                         // a pulse while moving reverses
)

// DoorTraits say what an opener is and what it can see. They are known before it is opened.
type DoorTraits struct {
	Drive        Drive
	Cycle        Cycle
	SensesClosed bool // a contact or the device tells when the door is closed
	SensesOpen   bool
	Stops        bool // has a stop of its own
	Warns        bool // has light and sound
	Refreshes    bool // can be asked within a second
}

// BoltDrive is how a bolt takes its orders.
type BoltDrive uint8

// Drives of bolts. A strike is released while energised and secured by its spring; a maglock holds
// while energised and falls open; a motor goes both ways; a commanded lock is told the target.
const (
	BoltDriveUnknown BoltDrive = iota
	BoltDriveStrike
	BoltDriveMaglock
	BoltDriveMotor
	BoltDriveCommanded
)

// BoltTraits say what a lock is and what it can see.
type BoltTraits struct {
	Drive      BoltDrive
	SensesBolt bool
	SensesDoor bool
	Hold       time.Duration // strike: how long it stays released; 0 otherwise
	FailSafe   bool          // unlocked without power
}
