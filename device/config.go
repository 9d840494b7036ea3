package device

import (
	"errors"
	"fmt"
	"time"
)

// DoorKind is how a door moves. Whether it may close without a person at it depends on that.
type DoorKind uint8

// Kinds of doors. KindNone, the zero value, allows no unattended close.
const (
	KindNone DoorKind = iota
	KindSectional
	KindOnePiece
	KindSwing
	KindRolling
	KindGateSwing
	KindGateSliding
)

// Gate reports whether the kind is a gate, which closes unattended only where the owner declares
// wired entrapment protection.
func (k DoorKind) Gate() bool { return k == KindGateSwing || k == KindGateSliding }

// RemoteClose is the owner's permission to close a door that no person stands at.
type RemoteClose uint8

// Permissions. RemoteCloseWarned closes after light and sound; RemoteCloseDeclared closes without,
// because the owner states that entrapment protection works and that local rules allow it.
const (
	RemoteCloseNo RemoteClose = iota
	RemoteCloseWarned
	RemoteCloseDeclared
)

// AutoClose closes a door by itself. The zero value never does.
type AutoClose struct {
	After   time.Duration // how long the door stands open first; 0: never
	Outside bool          // also after openings that loquet did not make
}

// DoorConfig says what a door is. It does not change while the door runs.
type DoorConfig struct {
	ID, Name    string
	Kind        DoorKind
	Traits      DoorTraits
	Travel      time.Duration // from one end to the other, as the owner states it; 0: not stated
	RemoteClose RemoteClose
	WarnTime    time.Duration // of an unattended close; never less than MinWarnTime
	AutoClose   AutoClose
	Interlock   *Interlock // shared by the doors of a mantrap; nil: none
}

// LockConfig says what a lock is. It does not change while the lock runs.
type LockConfig struct {
	ID, Name       string
	Traits         BoltTraits
	AutoRelock     time.Duration // how long it stays unlocked; 0: until somebody locks it
	BoltOnOpenDoor bool          // the bolt may be thrown although the door stands open
	Interlock      *Interlock    // shared by the doors of a mantrap; nil: none
}

// ContactConfig says what a contact is.
type ContactConfig struct{ ID, Name string }

// MinWarnTime is the least a warning lasts (16 CFR 1211.14). No setting goes below it.
const MinWarnTime = 5 * time.Second

// maxTravel is the longest time that anybody may state for one way of a door.
const maxTravel = 10 * time.Minute

func (c DoorConfig) check() error {
	switch t := c.Traits; {
	case c.ID == "":
		return errors.New("a door has no id")
	case t.Drive == DriveUnknown || t.Drive > DriveCommanded:
		return fmt.Errorf("door %s: nothing is known of how its opener takes orders", c.ID)
	case t.Drive == DrivePulse && !t.SensesClosed:
		return fmt.Errorf("door %s: an opener with one button needs to be seen closed", c.ID)
	case c.Travel < 0 || c.Travel > maxTravel:
		return fmt.Errorf("door %s: a travel of %v is not between 0 and %v", c.ID, c.Travel, maxTravel)
	case c.AutoClose.After < 0:
		return fmt.Errorf("door %s: it cannot close by itself after %v", c.ID, c.AutoClose.After)
	}
	return nil
}

func (c LockConfig) check() error {
	switch t := c.Traits; {
	case c.ID == "":
		return errors.New("a lock has no id")
	case t.Drive == BoltDriveUnknown || t.Drive > BoltDriveCommanded:
		return fmt.Errorf("lock %s: nothing is known of how its bolt takes orders", c.ID)
	case t.Hold < 0 || c.AutoRelock < 0:
		return fmt.Errorf("lock %s: a time is negative", c.ID)
	}
	return nil
}
