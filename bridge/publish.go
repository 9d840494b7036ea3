package bridge

import (
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
)

// The publish functions run on a device's actor: they hand the state to every face and never wait.

func (a *App) publishDoor(u *unit) func(device.DoorState) {
	return func(s device.DoorState) {
		a.faces.Changed(u.id)
		a.shown(u, api.DoorDevice(u.id, u.label(), s, a.zone.Load()), s.Available, s.Position != device.PositionUnknown)
		a.raise(health.LockedOut, u.id, "", s.LockedOut)
	}
}

func (a *App) publishLock(u *unit) func(device.LockState) {
	return func(s device.LockState) {
		a.faces.Changed(u.id)
		a.shown(u, api.LockDevice(u.id, u.label(), s, a.zone.Load()), s.Available, s.Bolt != device.BoltUnknown)
	}
}

func (a *App) publishContact(u *unit) func(device.ContactState) {
	return func(s device.ContactState) {
		a.faces.Changed(u.id)
		a.shown(u, api.ContactDevice(u.id, u.label(), s, a.zone.Load()), s.Available, s.Open != device.Unknown)
	}
}

// shown passes a state on to the stream, and notes that the device has spoken.
func (a *App) shown(u *unit, d api.Device, available, known bool) {
	a.stream.State(d)
	if available && known {
		u.once.Do(func() { close(u.settled) })
	}
}

func (a *App) raise(code health.Code, subject, detail string, on bool) {
	if on {
		a.board.Raise(code, subject, detail)
	} else {
		a.board.Clear(code, subject)
	}
}

// problems are the notices that an owner should find in the list of what is wrong.
func problems() map[device.NoticeCode]health.Code {
	return map[device.NoticeCode]health.Code{
		device.NoticeSuspended: health.Suspended, device.NoticeFault: health.DeviceFault, device.NoticeAway: health.DeviceUnavailable,
		device.NoticeUnreleased: health.RelayStuck, device.NoticeInterlock: health.InterlockHeld,
	}
}

// notice logs what a device tells its owner beside its state.
func (a *App) notice(id string) func(device.Notice) {
	return func(n device.Notice) {
		if n.On {
			a.log.Warn().Str("device", id).Str("notice", string(n.Code)).Str("detail", n.Detail).Msg("device notice")
		}
		if code, ok := problems()[n.Code]; ok {
			a.raise(code, id, n.Detail, n.On)
		}
	}
}

// settle waits until every device has told where it is, or 2 s: nothing is announced before, because a
// wrong first value makes phones ring.
func settle(units []*unit, limit time.Duration) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for _, u := range units {
		select {
		case <-u.settled:
		case <-deadline.C:
			return
		}
	}
}
