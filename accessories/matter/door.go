package matter

import (
	"context"
	"sync"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/model"
)

// door is a door as a covering, with a contact beside it.
type door struct {
	base
	showing  sync.Mutex // reading the state and telling it are one step
	covering *cluster.WindowCovering
	contact  *cluster.BooleanState // nil where nobody sees the door closed
}

func (h *House) newDoor(i Item) (thing, error) {
	t := &door{base: base{house: h, item: i}}
	s, identify := i.Door.State(), h.identify(i.Door.ID(), i.Door.Identify)
	name := ""
	if i.DoorFace.Shape != ShapeContact {
		t.covering = cluster.NewWindowCovering(coverState(s), t.order)
		if err := t.part("", i.Name, "Door", []model.DeviceType{typeWindowCovering}, nil, s.Available, identify, t.covering); err != nil {
			return nil, err
		}
		name = "contact"
	}
	if !i.Door.Config().Traits.SensesClosed && t.covering != nil {
		return t, nil
	}
	t.contact = cluster.NewBooleanState(doorClosed(s))
	label := i.Name
	if name != "" {
		label = joined(label, name)
	}
	return t, t.part("contact", label, "Door contact", []model.DeviceType{typeContactSensor}, nil, s.Available, identify, t.contact)
}

func (t *door) show() {
	t.showing.Lock()
	defer t.showing.Unlock()
	s := t.item.Door.State()
	if t.covering != nil {
		t.covering.Set(coverState(s))
	}
	if t.contact != nil {
		t.contact.Set(doorClosed(s))
	}
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

// order carries out what a controller asks of the door.
func (t *door) order(ctx context.Context, c *model.Caller, o cluster.CoverOrder) error {
	actions := map[cluster.CoverOrder]device.Action{cluster.CoverOpen: device.ActionOpen, cluster.CoverClose: device.ActionClose, cluster.CoverStop: device.ActionStop}
	_, err := t.house.command(ctx, c, t.device(), actions[o], t.item.Door.Command)
	return err
}
