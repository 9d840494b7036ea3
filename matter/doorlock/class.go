package doorlock

import "github.com/loquet/loquet/matter/model"

const revision = 10

// Attributes (section 5.2.9).
const (
	lockState       = 0x00
	lockType        = 0x01
	actuatorEnabled = 0x02
	doorState       = 0x03
	autoRelockTime  = 0x23
	operatingMode   = 0x25
	supported       = 0x26
)

// Commands (section 5.2.10).
const (
	commandLock   = 0x00
	commandUnlock = 0x01
	commandUnbolt = 0x27
)

// Events (section 5.2.11).
const (
	eventAlarm     = 0
	eventDoor      = 1
	eventOperation = 2
	eventError     = 3
)

// class describes a lock with these features.
func class(features uint32) *model.Class {
	c := model.Class{ID: ID, Revision: revision, Features: features,
		Attributes: []model.Attribute{{ID: lockState, Read: model.View}, {ID: lockType, Read: model.View}, {ID: actuatorEnabled, Read: model.View},
			{ID: autoRelockTime, Read: model.View}, {ID: operatingMode, Read: model.View, Write: model.Manage},
			{ID: supported, Read: model.View, Quality: model.Fixed}},
		Commands: []model.Command{timed(commandLock, model.Operate), timed(commandUnlock, model.Operate)},
		Events:   []model.EventKind{critical(eventAlarm), critical(eventOperation), critical(eventError)}}
	if features&featureDoor != 0 {
		c.Attributes = append(c.Attributes, model.Attribute{ID: doorState, Read: model.View})
		c.Events = append(c.Events, critical(eventDoor))
	}
	if features&featureUnbolt != 0 {
		c.Commands = append(c.Commands, timed(commandUnbolt, model.Operate))
	}
	return model.NewClass(c)
}

func timed(id uint32, p model.Privilege) model.Command {
	return model.Command{ID: id, Response: model.NoResponse, Invoke: p, Quality: model.Timed}
}

func critical(id uint32) model.EventKind {
	return model.EventKind{ID: id, Read: model.View, Priority: model.Critical}
}
