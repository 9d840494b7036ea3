package matter

import (
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/model"
)

// Device types with the revisions of the data model 1.6. A controller may refuse a revision that it does not know.
var (
	typeDoorLock       = model.DeviceType{ID: 0x000A, Revision: 4}
	typeContactSensor  = model.DeviceType{ID: 0x0015, Revision: 2}
	typeWindowCovering = model.DeviceType{ID: 0x0202, Revision: 6}
	typeClosure        = model.DeviceType{ID: 0x0230, Revision: 1}
	typePowerSource    = model.DeviceType{ID: 0x0011, Revision: 1}
)

// contact is a contact of its own.
type contact struct {
	base
	state *cluster.BooleanState
}

func (h *House) newContact(i Item) (thing, error) {
	s := i.Contact.State()
	t := &contact{base: base{house: h, item: i}, state: cluster.NewBooleanState(closed(s.Open))}
	power := t.power(i.ContactFace.Battery, s.Battery)
	return t, t.part(piece{name: i.Name, product: "Contact", types: power.types(typeContactSensor), there: s.Available,
		show: h.identify(i.Contact.ID(), i.Contact.Identify), clusters: power.and(t.state)})
}

func (t *contact) show() {
	s := t.item.Contact.State()
	t.state.Set(closed(s.Open))
	t.battery(s.Battery)
	t.reachable(s.Available)
}

// closed is what a contact sensor says. What nobody has seen closed is not closed.
func closed(open device.Tri) bool { return open == device.No }
