package matter

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/loquet/loquet/device"
)

// Shape is what a door is shown as.
type Shape uint8

// Shapes of a door. A covering and a closure open and close; "open all blinds" opens a covering as well, so that a door
// can be a contact only. Few ecosystems know a closure, and some refuse a whole bridge that has one.
const (
	ShapeCovering Shape = iota // WindowCovering, with a contact sensor where the door is seen closed
	ShapeClosure               // Closure
	ShapeContact               // a contact sensor: it is seen, not moved
)

// DoorFace says how a door is shown.
type DoorFace struct {
	Shape   Shape
	Battery bool // the device tells about its battery
}

// LockFace says how a lock is shown.
type LockFace struct {
	Battery bool // the device tells about its battery
	Codes   bool // its users and their PINs are shown, and PINs are taken with commands
}

// ContactFace says how a contact is shown.
type ContactFace struct {
	Battery bool // the device tells about its battery
}

// Item is one device and how it is shown. Exactly one of Door, Lock and Contact is set.
type Item struct {
	Name        string
	Door        *device.Door
	DoorFace    DoorFace
	Lock        *device.Lock
	LockFace    LockFace
	Contact     *device.Contact
	ContactFace ContactFace
}

func (i Item) id() string {
	switch {
	case i.Door != nil:
		return i.Door.ID()
	case i.Lock != nil:
		return i.Lock.ID()
	default:
		return i.Contact.ID()
	}
}

// make builds a device's endpoints.
func (h *House) make(i Item) (thing, error) {
	switch {
	case i.Door != nil:
		return h.newDoor(i)
	case i.Lock != nil:
		return h.newLock(i)
	default:
		return h.newContact(i)
	}
}

// unique is a device's id as controllers see it: the same for ever, and it tells nothing of the house.
func (h *House) unique(id string) string {
	sum := sha256.Sum256([]byte("loquet matter " + h.c.About.Install + "/" + id))
	return hex.EncodeToString(sum[:16])
}

// joined is the name of a part of a device: "Garage contact". A long name gives way to the part.
func joined(name, part string) string { return cut(name, maxLabel-len(part)-1) + " " + part }

// cut shortens a text to a number of octets and takes control characters out.
func cut(s string, most int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s))
	for len(s) > most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}
