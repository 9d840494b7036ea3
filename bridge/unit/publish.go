package unit

import (
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
)

// The publish functions run on a device's actor: they hand the state to every face and never wait.

func (b *Builder) publishDoor(u *Unit) func(device.DoorState) {
	return func(s device.DoorState) {
		b.shown(u, api.DoorDevice(u.ID, u.label(), s, b.Zone()), s.Available, s.Position != device.PositionUnknown)
		b.raise(health.LockedOut, u.ID, "", s.LockedOut)
		b.raise(health.Obstructed, u.ID, "", s.Available && s.Obstructed == device.Yes)
		b.raise(health.BatteryLow, u.ID, "", s.Battery.Known && s.Battery.Low)
	}
}

func (b *Builder) publishLock(u *Unit) func(device.LockState) {
	return func(s device.LockState) {
		b.shown(u, api.LockDevice(u.ID, u.label(), s, b.Zone()), s.Available, s.Bolt != device.BoltUnknown)
		b.raise(health.LockedOut, u.ID, "", s.LockedOut)
		b.raise(health.LockJammed, u.ID, "", s.Available && s.Bolt == device.BoltJammed)
		b.raise(health.BatteryLow, u.ID, "", s.Battery.Known && s.Battery.Low)
	}
}

func (b *Builder) publishContact(u *Unit) func(device.ContactState) {
	return func(s device.ContactState) {
		b.shown(u, api.ContactDevice(u.ID, u.label(), s, b.Zone()), s.Available, s.Open != device.Unknown)
		b.raise(health.BatteryLow, u.ID, "", s.Battery.Known && s.Battery.Low)
	}
}

// shown passes a state on, and notes that the device has spoken.
func (b *Builder) shown(u *Unit, d api.Device, available, known bool) {
	b.Shown(u.ID, d)
	if available && known {
		u.once.Do(func() { close(u.settled) })
	}
}

// problems are the notices that an owner should find in the list of what is wrong.
func problems() map[device.NoticeCode]health.Code {
	return map[device.NoticeCode]health.Code{
		device.NoticeSuspended: health.Suspended, device.NoticeFault: health.DeviceFault, device.NoticeAway: health.DeviceUnavailable,
		device.NoticeUnreleased: health.RelayStuck, device.NoticeDisagree: health.ContactsDisagree, device.NoticeBounces: health.ContactBounces,
		device.NoticeInterlock: health.InterlockHeld,
	}
}

// notice logs what a device tells its owner beside its state.
func (b *Builder) notice(id string) func(device.Notice) {
	return func(n device.Notice) {
		if n.On {
			b.Log.Warn().Str("device", id).Str("notice", string(n.Code)).Str("detail", n.Detail).Msg("device notice")
		}
		if code, ok := problems()[n.Code]; ok {
			b.raise(code, id, n.Detail, n.On)
		}
	}
}

func (b *Builder) raise(code health.Code, subject, detail string, on bool) {
	if on {
		b.Board.Raise(code, subject, detail)
	} else {
		b.Board.Clear(code, subject)
	}
}
