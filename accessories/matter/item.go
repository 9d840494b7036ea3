package matter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/model"
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

// base is what all things have in common.
type base struct {
	house *House
	item  Item
	parts []part
}

// part is one endpoint of a thing.
type part struct {
	config  model.EndpointConfig
	bridged *cluster.Bridged
}

func (b *base) device() string { return b.item.id() }

func (b *base) same(i Item) bool { return b.item == i }

func (b *base) endpoints() (out []model.EndpointConfig) {
	for _, p := range b.parts {
		out = append(out, p.config)
	}
	return out
}

func (b *base) reachable(r bool) {
	for _, p := range b.parts {
		p.bridged.SetReachable(r)
	}
}

// maxLabel is what a label may have in octets (Matter 1.4 section 11.1.5.6).
const maxLabel = 32

// part adds an endpoint: key tells it from the device's others, name is its label, product
// what it is, there whether the device answers.
func (b *base) part(key, name, product string, types []model.DeviceType, tags []model.Tag, there bool, do func(on bool), clusters ...model.Cluster) error {
	id := b.device()
	if key != "" {
		id += "/" + key
	}
	number, err := b.house.c.Server.EndpointFor(id)
	if err != nil {
		return fmt.Errorf("matter: show %s: %w", b.device(), err)
	}
	label, err := b.house.label(id, name)
	if err != nil {
		return err
	}
	unique := b.house.unique(id)
	bridged := cluster.NewBridged(cluster.BridgedDevice{VendorName: "loquet", ProductName: product, Label: label, SerialNumber: unique[:16], UniqueID: unique,
		HardwareVersionText: "1", SoftwareVersionText: cut(b.house.c.About.Firmware, 64), Reachable: there,
		SetLabel: func(l string) error { return b.house.keepLabel(id, name, l) }})
	b.parts = append(b.parts, part{bridged: bridged, config: model.EndpointConfig{ID: number, DeviceTypes: types, Tags: tags,
		Clusters: append([]model.Cluster{bridged, cluster.NewIdentify(cluster.IdentifyActuator, do)}, clusters...)}})
	return nil
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
