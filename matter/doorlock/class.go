package doorlock

import "github.com/loquet/loquet/matter/model"

const revision = 10

// Attributes (section 5.2.9).
const (
	lockState         = 0x00
	lockType          = 0x01
	actuatorEnabled   = 0x02
	doorState         = 0x03
	totalUsers        = 0x11
	pinUsers          = 0x12
	weekDaysPerUser   = 0x14
	yearDaysPerUser   = 0x15
	holidays          = 0x16
	maxPIN            = 0x17
	minPIN            = 0x18
	credentialRules   = 0x1B
	credentialsOfUser = 0x1C
	autoRelockTime    = 0x23
	operatingMode     = 0x25
	supported         = 0x26
	wrongCodeLimit    = 0x30
	disableTime       = 0x31
	requirePIN        = 0x33
)

// Commands (section 5.2.10).
const (
	commandLock             = 0x00
	commandUnlock           = 0x01
	commandSetWeekDay       = 0x0B
	commandGetWeekDay       = 0x0C
	commandClearWeekDay     = 0x0D
	commandSetYearDay       = 0x0E
	commandGetYearDay       = 0x0F
	commandClearYearDay     = 0x10
	commandSetHoliday       = 0x11
	commandGetHoliday       = 0x12
	commandClearHoliday     = 0x13
	commandSetUser          = 0x1A
	commandGetUser          = 0x1B
	responseGetUser         = 0x1C
	commandClearUser        = 0x1D
	commandSetCredential    = 0x22
	responseSetCredential   = 0x23
	commandCredentialStatus = 0x24
	responseCredential      = 0x25
	commandClearCredential  = 0x26
	commandUnbolt           = 0x27
)

// Events (section 5.2.11).
const (
	eventAlarm      = 0
	eventDoor       = 1
	eventOperation  = 2
	eventError      = 3
	eventUserChange = 4
)

// userFeatures come together: who has users has PINs, schedules, and PINs from afar.
const userFeatures = featurePIN | featureUser | featureRemote | featureWeekDay | featureYearDay | featureHoliday

// class describes a lock with these features.
func class(features uint32) *model.Class {
	c := model.Class{ID: ID, Revision: revision, Features: features,
		Attributes: []model.Attribute{{ID: lockState, Read: model.View}, {ID: lockType, Read: model.View}, {ID: actuatorEnabled, Read: model.View},
			{ID: autoRelockTime, Read: model.View}, {ID: operatingMode, Read: model.View, Write: model.Manage},
			{ID: supported, Read: model.View, Quality: model.Fixed}},
		Commands: []model.Command{order(commandLock), order(commandUnlock)},
		Events:   []model.EventKind{critical(eventAlarm), critical(eventOperation), critical(eventError)}}
	if features&featureDoor != 0 {
		c.Attributes = append(c.Attributes, model.Attribute{ID: doorState, Read: model.View})
		c.Events = append(c.Events, critical(eventDoor))
	}
	if features&featureUnbolt != 0 {
		c.Commands = append(c.Commands, order(commandUnbolt))
	}
	if features&featureUser != 0 {
		addUsers(&c)
	}
	return model.NewClass(c)
}

// addUsers adds what belongs to userFeatures.
func addUsers(c *model.Class) {
	for _, id := range []uint32{totalUsers, pinUsers, weekDaysPerUser, yearDaysPerUser, holidays, maxPIN, minPIN, credentialRules, credentialsOfUser} {
		c.Attributes = append(c.Attributes, model.Attribute{ID: id, Read: model.View, Quality: model.Fixed})
	}
	c.Attributes = append(c.Attributes, model.Attribute{ID: wrongCodeLimit, Read: model.View}, model.Attribute{ID: disableTime, Read: model.View},
		model.Attribute{ID: requirePIN, Read: model.View, Write: model.Administer})
	edit := func(id, response uint32, q model.Quality) {
		c.Commands = append(c.Commands, model.Command{ID: id, Response: response, Invoke: model.Administer, Quality: q})
	}
	for _, id := range []uint32{commandSetWeekDay, commandClearWeekDay, commandSetYearDay, commandClearYearDay, commandSetHoliday, commandClearHoliday} {
		edit(id, model.NoResponse, 0)
	}
	for _, id := range []uint32{commandGetWeekDay, commandGetYearDay, commandGetHoliday} {
		edit(id, id, 0)
	}
	edit(commandSetUser, model.NoResponse, model.Timed)
	edit(commandGetUser, responseGetUser, 0)
	edit(commandClearUser, model.NoResponse, model.Timed)
	edit(commandSetCredential, responseSetCredential, model.Timed)
	edit(commandCredentialStatus, responseCredential, 0)
	edit(commandClearCredential, model.NoResponse, model.Timed)
	c.Events = append(c.Events, model.EventKind{ID: eventUserChange, Read: model.View, Priority: model.Info})
}

// order is a command that moves the bolt: it must follow a timed request.
func order(id uint32) model.Command {
	return model.Command{ID: id, Response: model.NoResponse, Invoke: model.Operate, Quality: model.Timed}
}

func critical(id uint32) model.EventKind {
	return model.EventKind{ID: id, Read: model.View, Priority: model.Critical}
}
