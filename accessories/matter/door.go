package matter

import (
	"context"
	"sync"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/model"
)

// door is a door as a covering with a contact beside it, or a closure, or a contact.
type door struct {
	base
	showing  sync.Mutex // reading the state and telling it are one step
	covering *cluster.WindowCovering
	closure  *cluster.ClosureControl
	contact  *cluster.BooleanState
}

func (h *House) newDoor(i Item) (thing, error) {
	t := &door{base: base{house: h, item: i}}
	s := i.Door.State()
	power := t.power(i.DoorFace.Battery, s.Battery)
	identify := h.identify(i.Door.ID(), i.Door.Identify)
	label := i.Name
	switch i.DoorFace.Shape {
	case ShapeClosure:
		t.closure = cluster.NewClosureControl(closureState(s), t.order)
		return t, t.part(piece{name: label, product: "Door", types: power.types(typeClosure), tags: closureTags(i.Door.Config().Kind), there: s.Available, show: identify,
			clusters: power.and(t.closure)})
	case ShapeCovering:
		t.covering = cluster.NewWindowCovering(coverState(s), t.order)
		err := t.part(piece{name: label, product: "Door", types: power.types(typeWindowCovering), there: s.Available, show: identify, clusters: power.and(t.covering)})
		if err != nil || !i.Door.Config().Traits.SensesClosed {
			return t, err
		}
		power, label = nil, joined(label, "contact")
	case ShapeContact:
	}
	t.contact = cluster.NewBooleanState(doorClosed(s))
	return t, t.part(piece{key: "contact", name: label, product: "Door contact", types: power.types(typeContactSensor), there: s.Available, show: identify,
		clusters: power.and(t.contact)})
}

func (t *door) show() {
	t.showing.Lock()
	defer t.showing.Unlock()
	s := t.item.Door.State()
	if t.covering != nil {
		t.covering.Set(coverState(s))
	}
	if t.closure != nil {
		t.closure.Set(closureState(s))
	}
	if t.contact != nil {
		t.contact.Set(doorClosed(s))
	}
	t.battery(s.Battery)
	t.reachable(s.Available)
}

// doorClosed says whether a door is certainly closed.
func doorClosed(s device.DoorState) bool { return s.Position == device.PositionClosed }

// coverState is what a covering tells of a door.
func coverState(s device.DoorState) cluster.CoverState {
	var c cluster.CoverState
	switch s.Position {
	case device.PositionOpening:
		c.Motion = cluster.Rising
	case device.PositionClosing:
		c.Motion = cluster.Falling
	default:
	}
	set := func(on bool, bit cluster.Safety) {
		if on {
			c.Safety |= bit
		}
	}
	set(s.LockedOut, cluster.SafetyRemoteLockout)
	set(!s.Available, cluster.SafetyNoAnswer)
	set(s.Position == device.PositionUnknown, cluster.SafetyPosition)
	set(s.Obstructed == device.Yes, cluster.SafetyObstacle)
	set(s.Fault != "", cluster.SafetyHardware)
	set(s.Suspended, cluster.SafetyManualOnly)
	return c
}

// closureState is what a closure tells of a door.
func closureState(s device.DoorState) cluster.ClosureState {
	c := cluster.ClosureState{Current: cluster.PositionUnknown, Target: cluster.PositionUnknown}
	switch s.Position {
	case device.PositionClosed:
		c.Current = cluster.FullyClosed
	case device.PositionOpen:
		c.Current = cluster.FullyOpen
	case device.PositionClosing, device.PositionOpening:
		c.Current, c.Main = cluster.PartiallyOpen, cluster.ClosureMoving
	case device.PositionStopped:
		c.Current = cluster.PartiallyOpen
	case device.PositionUnknown:
	}
	switch s.Target {
	case device.TargetClosed:
		c.Target = cluster.FullyClosed
	case device.TargetOpen:
		c.Target = cluster.FullyOpen
	case device.TargetUnknown:
	}
	if s.Obstructed == device.Yes {
		c.Faults = append(c.Faults, cluster.FaultSensor)
	}
	if s.Fault != "" || s.Suspended {
		c.Faults = append(c.Faults, cluster.FaultMaintenance)
	}
	switch {
	case c.Main == cluster.ClosureMoving:
	case s.Warning:
		c.Main = cluster.ClosureWaiting
	case len(c.Faults) > 0:
		c.Main = cluster.ClosureError
	}
	return c
}

// closureTags tell a gate from a garage door (Matter standard namespaces, closure).
func closureTags(k device.DoorKind) []model.Tag {
	const closures, gate, garage = 0x44, 4, 5
	if k.Gate() {
		return []model.Tag{{Namespace: closures, Tag: gate}}
	}
	return []model.Tag{{Namespace: closures, Tag: garage}}
}

// order carries out what a controller asks of the door.
func (t *door) order(ctx context.Context, c *model.Caller, o cluster.CoverOrder) error {
	actions := map[cluster.CoverOrder]device.Action{cluster.CoverOpen: device.ActionOpen, cluster.CoverClose: device.ActionClose, cluster.CoverStop: device.ActionStop}
	_, err := t.command(ctx, c, actions[o], t.item.Door.Command)
	return err
}
