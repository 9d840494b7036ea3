package homekit

import (
	"slices"
	"strings"
	"testing"
)

// Types of services and characteristics (HAP R2 chapters 8 and 9), in the short form.
const (
	ServiceInformation = "3E"
	ServiceGarage      = "41"
	ServiceLock        = "45"

	TypeName         = "23"
	TypeSerial       = "30"
	TypeCurrentDoor  = "E"
	TypeTargetDoor   = "32"
	TypeObstructed   = "24"
	TypeCurrentLock  = "1D"
	TypeTargetLock   = "1E"
	TypeContactState = "6A"
)

// Values of the current and target states of doors and locks.
const (
	DoorOpen    = 0
	DoorClosed  = 1
	DoorOpening = 2
	DoorClosing = 3
	DoorStopped = 4

	LockUnsecured = 0
	LockSecured   = 1
	LockJammed    = 2
)

// StatusInvalid is the status of a value, or of a timed write, that is refused (HAP R2 table 6-11).
const StatusInvalid = -70410

// Accessory is one accessory of the bridge.
type Accessory struct {
	AID      uint64             `json:"aid"`
	Services []AccessoryService `json:"services"`
}

// AccessoryService is a service of an accessory.
type AccessoryService struct {
	Type            string           `json:"type"`
	IID             uint64           `json:"iid"`
	Characteristics []Characteristic `json:"characteristics"`
}

// Characteristic is a characteristic of a service.
type Characteristic struct {
	ID     `json:"-"`
	Type   string   `json:"type"`
	IID    uint64   `json:"iid"`
	Perms  []string `json:"perms"`
	Format string   `json:"format"`
	Value  any      `json:"value"`
	Min    *float64 `json:"minValue"`
	Max    *float64 `json:"maxValue"`
}

// Accessories lists what the bridge serves.
func (c *Controller) Accessories(t testing.TB) []Accessory {
	t.Helper()
	var body struct {
		Accessories []Accessory `json:"accessories"`
	}
	if err := c.call("accessories", nil, &body); err != nil {
		t.Fatal(err)
	}
	for _, a := range body.Accessories {
		for i := range a.Services {
			s := &a.Services[i]
			s.Type = short(s.Type)
			for j := range s.Characteristics {
				ch := &s.Characteristics[j]
				ch.Type, ch.ID = short(ch.Type), ID{AID: a.AID, IID: ch.IID}
			}
		}
	}
	return body.Accessories
}

// short turns a UUID of Apple's range into its short form, as the bridge may have sent it.
func short(uuid string) string {
	first, _, _ := strings.Cut(uuid, "-")
	return strings.TrimLeft(first, "0")
}

// Named returns the accessory with that name.
func Named(t testing.TB, list []Accessory, name string) Accessory {
	t.Helper()
	i := slices.IndexFunc(list, func(a Accessory) bool {
		ch, ok := a.find(ServiceInformation, TypeName)
		return ok && ch.Value == name
	})
	if i < 0 {
		t.Fatalf("no accessory is named %q", name)
	}
	return list[i]
}

// Get returns a characteristic that the accessory must have.
func (a Accessory) Get(t testing.TB, service, kind string) Characteristic {
	t.Helper()
	ch, ok := a.find(service, kind)
	if !ok {
		t.Fatalf("accessory %d has no characteristic %s in a service %s", a.AID, kind, service)
	}
	return ch
}

func (a Accessory) find(service, kind string) (Characteristic, bool) {
	for _, s := range a.Services {
		if s.Type != service {
			continue
		}
		for _, ch := range s.Characteristics {
			if ch.Type == kind {
				return ch, true
			}
		}
	}
	return Characteristic{}, false
}

// Numbers are the ids of everything the bridge serves, for comparing two lists: name -> aid, and for
// each accessory "service type/characteristic type" -> iid.
func Numbers(list []Accessory) map[string]map[string]uint64 {
	all := map[string]map[string]uint64{}
	for _, a := range list {
		numbers := map[string]uint64{"aid": a.AID}
		for _, s := range a.Services {
			numbers[s.Type] = s.IID
			for _, ch := range s.Characteristics {
				numbers[s.Type+"/"+ch.Type] = ch.IID
			}
		}
		name, _ := a.find(ServiceInformation, TypeName)
		text, _ := name.Value.(string)
		all[text] = numbers
	}
	return all
}
