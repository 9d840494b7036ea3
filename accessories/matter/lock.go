package matter

import (
	"context"
	"errors"
	"sync"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
)

// lock is a lock as a DoorLock.
type lock struct {
	base
	cluster *doorlock.Lock
	book    *book // nil: it has no users

	showing sync.Mutex // reading the state and telling it are one step
	last    device.LockState
	forced  bool // the door was opened although the bolt was out, and is open still
}

func (h *House) newLock(i Item) (thing, error) {
	t := &lock{base: base{house: h, item: i}, last: i.Lock.State()}
	traits := i.Lock.Config().Traits
	c := doorlock.Config{Type: lockType(traits.Drive), Unbolts: traits.Drive == device.BoltDriveMotor || traits.Drive == device.BoltDriveCommanded,
		Senses: traits.SensesDoor, Bolt: t, Limits: limits(), MayEdit: t.mayEdit}
	if h.c.Register != nil && i.LockFace.Codes {
		t.book = h.bookOf(i.Lock.ID())
		c.Book = t.book
	}
	c.State = t.state(t.last)
	t.cluster = doorlock.New(c)
	if t.book != nil {
		t.book.watch(t.usersChanged)
	}
	power := t.power(i.LockFace.Battery, t.last.Battery)
	return t, t.part(piece{name: i.Name, product: "Lock", types: power.types(typeDoorLock), there: t.last.Available, show: h.identify(i.Lock.ID(), i.Lock.Identify),
		clusters: power.and(t.cluster)})
}

func lockType(d device.BoltDrive) doorlock.Type {
	switch d {
	case device.BoltDriveStrike:
		return doorlock.LatchBolt
	case device.BoltDriveMaglock:
		return doorlock.Magnetic
	case device.BoltDriveMotor:
		return doorlock.DeadBolt
	default:
		return doorlock.Other
	}
}

// state is what the cluster tells of a lock. What is not known is null, and a jam is no lock.
func (t *lock) state(s device.LockState) doorlock.State {
	c := t.item.Lock.Config()
	out := doorlock.State{Lock: doorlock.Unknown, Door: doorlock.DoorUnknown, Enabled: s.Available, AutoRelock: c.AutoRelock}
	if c.Traits.Hold > 0 {
		out.AutoRelock = c.Traits.Hold
	}
	switch s.Bolt {
	case device.BoltSecured:
		out.Lock = doorlock.Locked
	case device.BoltUnsecured:
		out.Lock = doorlock.Unlocked
	case device.BoltJammed:
		out.Lock = doorlock.NotFullyLocked
	case device.BoltUnknown:
	}
	switch s.DoorOpen {
	case device.Yes:
		out.Door = doorlock.DoorOpen
		if t.forced {
			out.Door = doorlock.DoorForcedOpen
		}
	case device.No:
		out.Door = doorlock.DoorClosed
	case device.Unknown:
	}
	if s.LockedOut {
		out.Mode = doorlock.NoRemote
	}
	out.RequirePIN = t.book != nil && t.book.requiresPIN()
	return out
}

func (t *lock) show() {
	t.showing.Lock()
	defer t.showing.Unlock()
	s := t.item.Lock.State()
	was := t.last
	t.last = s
	if forced := t.isForced(was, s); forced != t.forced {
		if t.forced = forced; forced {
			t.cluster.Alarm(doorlock.AlarmForced)
		}
	}
	t.cluster.Set(t.state(s))
	t.battery(s.Battery)
	t.reachable(s.Available)
	t.tell(was, s)
}

// isForced says whether a door stands open that was opened although its bolt was seen out. A strike or a magnet is no such
// bolt: a handle inside opens those doors, as it should.
func (t *lock) isForced(was, is device.LockState) bool {
	traits := t.item.Lock.Config().Traits
	bolt := traits.SensesBolt && (traits.Drive == device.BoltDriveMotor || traits.Drive == device.BoltDriveCommanded)
	opened := was.DoorOpen == device.No && was.Bolt == device.BoltSecured && is.Bolt == device.BoltSecured
	return bolt && is.Available && is.DoorOpen == device.Yes && (t.forced || opened)
}

// tell tells what happened between two states.
func (t *lock) tell(was, is device.LockState) {
	if was.Bolt == is.Bolt {
		return
	}
	by := t.by(is.Cause)
	switch {
	case is.Bolt == device.BoltJammed:
		t.cluster.Alarm(doorlock.AlarmJammed)
	case was.Bolt == device.BoltUnknown:
		// it was found so, nobody moved it
	case is.Bolt == device.BoltSecured:
		t.cluster.Operated(doorlock.OperationLock, by)
	case is.Bolt == device.BoltUnsecured:
		t.cluster.Operated(doorlock.OperationUnlock, by)
	}
}

// by says who moved the bolt.
func (t *lock) by(c device.Cause) doorlock.Who {
	w := doorlock.Who{Source: source(c.Kind)}
	w.Fabric, w.Node = t.house.peer(c)
	code := c.Place // of a command that came with a PIN
	if c.Kind == device.CauseCode {
		code = c.Actor
	}
	if t.book != nil {
		w.User, w.PIN = t.book.who(code)
	}
	return w
}

// source is how an operation came about, in the words of the cluster.
func source(k device.CauseKind) doorlock.Source {
	switch k {
	case device.CauseMatter, device.CauseHomeKit, device.CauseConsole, device.CauseMQTT:
		return doorlock.SourceRemote
	case device.CauseCode:
		return doorlock.SourceKeypad
	case device.CauseExit:
		return doorlock.SourceButton
	case device.CauseAutoRelock, device.CauseAutoClose:
		return doorlock.SourceAuto
	case device.CauseOutside:
		return doorlock.SourceManual
	default:
		return doorlock.SourceUnspecified
	}
}

// Operate implements doorlock.Bolt. A PIN that came with the command counts even where none is needed.
func (t *lock) Operate(ctx context.Context, c *model.Caller, o doorlock.Order) error {
	action := device.ActionUnlock
	if o.Operation == doorlock.OperationLock {
		action = device.ActionLock
	}
	by := doorlock.Who{Source: doorlock.SourceRemote, Fabric: c.Fabric, Node: c.Node}
	_, err := t.command(ctx, c, action, func(ctx context.Context, d device.Command) (device.Answer, error) {
		code, err := t.admit(o.PIN)
		if err != nil {
			return device.Answer{}, err
		}
		if code != "" {
			by.User, by.PIN = t.book.who(code)
			d.Cause.Place = code
		}
		return t.item.Lock.Command(ctx, d)
	})
	if err != nil {
		t.refused(o.Operation, by, err)
	}
	return err
}

// admit returns the code behind the PIN of a command; "" where it has none and needs none.
func (t *lock) admit(pin []byte) (code string, err error) {
	switch {
	case t.book == nil:
		return "", nil
	case pin != nil:
		return t.house.admit(t.device(), pin)
	case t.book.requiresPIN():
		return "", &denied{mistake: doorlock.MistakeCredential}
	}
	return "", nil
}

// refused tells the others that somebody wanted to move the bolt, and why it was not.
func (t *lock) refused(o doorlock.Operation, by doorlock.Who, err error) {
	m := doorlock.MistakeUnspecified
	var d *denied
	switch {
	case errors.As(err, &d):
		m = d.mistake
		if d.alarm {
			t.cluster.Alarm(doorlock.AlarmWrongCodes)
		}
	case errors.Is(err, model.UnsupportedAccess), errors.Is(err, model.InvalidInState):
		m = doorlock.MistakeRestricted
	}
	t.cluster.NotOperated(o, m, by)
}

// mayEdit says whether a controller may change users: whoever may not unlock must not make a PIN that does.
func (t *lock) mayEdit(c *model.Caller) error {
	w, err := t.house.who(c)
	if err != nil {
		return err
	}
	if err := t.house.c.Rules.May(w.fabric, w.node, w.admin, device.ActionUnlock, t.device()); err != nil {
		return model.UnsupportedAccess
	}
	return nil
}

// RequirePIN implements doorlock.Bolt.
func (t *lock) RequirePIN(_ context.Context, c *model.Caller, on bool) error {
	if err := t.mayEdit(c); err != nil {
		return err
	}
	if err := t.book.requirePIN(on); err != nil {
		return err
	}
	t.show()
	return nil
}

// usersChanged tells of users that the owner made or removed.
func (t *lock) usersChanged(came, went []uint16) {
	for _, i := range went {
		t.cluster.UserChanged(doorlock.UserWent(i))
	}
	for _, i := range came {
		t.cluster.UserChanged(doorlock.UserCame(i))
	}
}

// SetMode implements doorlock.Bolt: the lock-out of remote unlocking, which all faces share.
func (t *lock) SetMode(ctx context.Context, c *model.Caller, m doorlock.Mode) error {
	w, err := t.house.who(c)
	if err != nil {
		return err
	}
	action := device.ActionUnlock // whoever ends the lock-out may unlock
	if m == doorlock.NoRemote {
		action = device.ActionLock
	}
	if err := t.house.c.Rules.May(w.fabric, w.node, w.admin, action, t.device()); err != nil {
		return model.UnsupportedAccess
	}
	return t.house.status(t.device(), t.item.Lock.SetLockedOut(ctx, m == doorlock.NoRemote, device.Cause{Kind: device.CauseMatter, Actor: w.actor()}))
}
