package unit

import (
	"context"
	"time"

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
		u.slots.seen(s.Available)
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
	if available {
		b.Board.Clear(health.DeviceUnavailable, u.ID)
	}
	if available && known {
		u.once.Do(func() { close(u.settled) })
	}
}

// problems are the notices that an owner should find in the list of what is wrong.
func problems() map[device.NoticeCode]health.Code {
	return map[device.NoticeCode]health.Code{
		device.NoticeSuspended: health.Suspended, device.NoticeFault: health.DeviceFault, device.NoticeAway: health.DeviceUnavailable,
		device.NoticeUnreleased: health.RelayStuck, device.NoticeDisagree: health.ContactsDisagree, device.NoticeBounces: health.ContactBounces,
		device.NoticeInterlock: health.InterlockHeld, device.NoticeWarning: health.WarningFailed,
	}
}

// notice logs what a device tells its owner beside its state.
func (b *Builder) notice(u *Unit) func(device.Notice) {
	id := u.ID
	return func(n device.Notice) {
		if n.Code == device.NoticeAway && n.On && u.ask != nil && u.life != nil {
			u.beside.Go(func() { b.explain(u.life, u) })
		}
		if n.On {
			b.Log.Warn().Str("device", id).Str("notice", string(n.Code)).Str("detail", n.Detail).Msg("device notice")
		}
		if code, ok := problems()[n.Code]; ok {
			b.raise(code, id, n.Detail, n.On)
		}
	}
}

// How long hardware that does not answer is left alone between two questions why. The first answers are often
// of no use: when a bridge starts nothing is connected yet.
const (
	whyFirst = time.Second
	whyLast  = 30 * time.Second
)

// explain asks hardware that went away why it does not answer, until it does or ctx ends: its driver knows, and
// what to do.
func (b *Builder) explain(ctx context.Context, u *Unit) {
	for !u.Available() && ctx.Err() == nil && u.asking.CompareAndSwap(false, true) { // one of these at a time
		for pause := whyFirst; !u.Available() && ctx.Err() == nil; pause = min(2*pause, whyLast) {
			b.why(ctx, u)
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
		u.asking.Store(false)
	}
}

func (b *Builder) why(ctx context.Context, u *Unit) {
	asking, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	what, missing := Trouble(u.ask(asking))
	if !missing || u.Available() || ctx.Err() != nil {
		return
	}
	b.Board.Raise(health.DeviceUnavailable, u.ID, what)
	if u.Available() { // it came back meanwhile
		b.Board.Clear(health.DeviceUnavailable, u.ID)
	}
}

func (b *Builder) raise(code health.Code, subject, detail string, on bool) {
	if on {
		b.Board.Raise(code, subject, detail)
	} else {
		b.Board.Clear(code, subject)
	}
}
