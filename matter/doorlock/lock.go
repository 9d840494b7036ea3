package doorlock

import (
	"context"
	"sync"
	"time"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// Order is what a controller wants of the bolt.
type Order struct {
	Operation Operation
	// PIN is what came with the command; nil: none. It must not be kept or logged, and is cleared after the call.
	PIN []byte
}

// Bolt moves the bolt and decides who may. An error is a model.Status, or becomes a Failure.
type Bolt interface {
	Operate(ctx context.Context, c *model.Caller, o Order) error
	SetMode(ctx context.Context, c *model.Caller, m Mode) error
	// RequirePIN says that commands need a PIN from now on, or no longer.
	RequirePIN(ctx context.Context, c *model.Caller, on bool) error
}

// State is what a lock tells.
type State struct {
	Lock       LockState
	Door       DoorState
	Enabled    bool          // it can take orders
	AutoRelock time.Duration // 0: it stays unlocked
	Mode       Mode
	RequirePIN bool // with users: commands need a PIN
}

// Config says what a lock is.
type Config struct {
	Type    Type
	Unbolts bool // it draws its bolt and leaves the latch to the handle
	Senses  bool // it knows whether the door stands open
	Bolt    Bolt
	State   State  // the first one
	Book    Book   // nil: it has no users
	Limits  Limits // with a Book
	// MayEdit says who may change users, beside the privilege that it takes; nil: nobody is held back.
	MayEdit func(c *model.Caller) error
}

// Lock is the cluster.
type Lock struct {
	model.Base
	c       Config
	editing sync.Mutex // held over a whole command on users

	mu    sync.Mutex
	state State
}

// New returns the cluster of a lock.
func New(c Config) *Lock {
	var features uint32
	if c.Unbolts {
		features |= featureUnbolt
	}
	if c.Senses {
		features |= featureDoor
	}
	if c.Book != nil {
		features |= userFeatures
	}
	l := &Lock{c: c, state: c.State}
	l.Init(class(features))
	return l
}

// Set tells of a new state.
func (l *Lock) Set(s State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.state
	l.state = s
	var changed []uint32
	note := func(id uint32, different bool) {
		if _, ok := l.Class().Attribute(id); ok && different {
			changed = append(changed, id)
		}
	}
	note(lockState, was.Lock != s.Lock)
	note(actuatorEnabled, was.Enabled != s.Enabled)
	note(doorState, was.Door != s.Door)
	note(autoRelockTime, was.AutoRelock != s.AutoRelock)
	note(operatingMode, was.Mode != s.Mode)
	note(requirePIN, was.RequirePIN != s.RequirePIN)
	if len(changed) > 0 {
		l.Changed(changed...)
	}
	if l.c.Senses && was.Door != s.Door && s.Door != DoorUnknown {
		l.Emit(eventDoor, 0, func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(s.Door)) })
	}
}

// ReadAttribute implements model.Cluster.
func (l *Lock) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch id {
	case lockState:
		unless(w, tag, uint8(l.state.Lock), uint8(Unknown))
	case lockType:
		w.Uint(tag, uint64(l.c.Type))
	case actuatorEnabled:
		w.Bool(tag, l.state.Enabled)
	case doorState:
		unless(w, tag, uint8(l.state.Door), uint8(DoorUnknown))
	case autoRelockTime:
		w.Uint(tag, uint64(l.state.AutoRelock/time.Second))
	case operatingMode:
		w.Uint(tag, uint64(l.state.Mode))
	case supported:
		w.Uint(tag, supportedModes)
	case requirePIN:
		w.Bool(tag, l.state.RequirePIN)
	case credentialRules:
		w.Uint(tag, singleRules)
	default:
		w.Uint(tag, l.limit(id))
	}
	return nil
}

// limit is the attribute of one of the limits.
func (l *Lock) limit(id uint32) uint64 {
	m := &l.c.Limits
	return map[uint32]uint64{totalUsers: uint64(m.Users), pinUsers: uint64(m.Users), weekDaysPerUser: uint64(m.WeekDays), yearDaysPerUser: uint64(m.YearDays),
		holidays: uint64(m.Holidays), maxPIN: uint64(m.MaxPIN), minPIN: uint64(m.MinPIN), credentialsOfUser: uint64(m.PerUser),
		wrongCodeLimit: uint64(m.WrongCodes), disableTime: uint64(m.DisabledTime)}[id]
}

// unless writes a number, or null where it is the one that stands for it.
func unless(w *tlv.Writer, tag tlv.Tag, v, null uint8) {
	if v == null {
		w.Null(tag)
		return
	}
	w.Uint(tag, uint64(v))
}

// WriteAttribute implements model.Writer.
func (l *Lock) WriteAttribute(ctx context.Context, c *model.Caller, id uint32, v tlv.Element) error {
	if id == requirePIN {
		on, err := v.Bool()
		if err != nil {
			return err
		}
		return l.c.Bolt.RequirePIN(ctx, c, on)
	}
	m, err := v.UintMax(0xFF)
	switch {
	case err != nil:
		return err
	case id != operatingMode:
		return model.UnsupportedWrite
	case Mode(m) != Normal && Mode(m) != NoRemote:
		return model.ConstraintError
	}
	return l.c.Bolt.SetMode(ctx, c, Mode(m))
}

// Invoke implements model.Invoker.
func (l *Lock) Invoke(ctx context.Context, c *model.Caller, id uint32, fields tlv.Element) ([]byte, error) {
	f := tlv.OpenStruct(fields)
	switch id {
	case commandLock, commandUnlock, commandUnbolt:
		return nil, l.operate(ctx, c, id, f)
	}
	reads := id == commandGetUser || id == commandCredentialStatus || id == commandGetWeekDay || id == commandGetYearDay || id == commandGetHoliday
	if l.c.MayEdit != nil && !reads {
		if err := l.c.MayEdit(c); err != nil {
			return nil, err
		}
	}
	return l.edit(c, id, f)
}

// mostPIN bounds a PIN in a command; what a PIN may be is for whoever judges it.
const mostPIN = 64

// operate reads a command that moves the bolt.
func (l *Lock) operate(ctx context.Context, c *model.Caller, id uint32, f *tlv.Fields) error {
	o := Order{Operation: OperationUnlock}
	if id == commandLock {
		o.Operation = OperationLock
	}
	if b, ok := f.OptionalOctets(0, 0, mostPIN); ok {
		o.PIN = b
	}
	if err := f.Err(); err != nil {
		return err
	}
	defer clear(o.PIN)
	return l.c.Bolt.Operate(ctx, c, o)
}

// Who says who did something, as far as it is known.
type Who struct {
	Source Source
	User   uint16 // 0: not known
	PIN    uint16 // the credential with which it was done; 0: none, or not known
	Fabric uint8  // 0: not over Matter, or not known
	Node   uint64
}

func (w *Who) write(t *tlv.Writer, first uint8) {
	orNull(t, first, uint64(w.User))
	orNull(t, first+1, uint64(w.Fabric))
	orNull(t, first+2, w.Node)
}

// writePINs adds with which credentials it was done; a lock without users has no such member.
func (l *Lock) writePINs(t *tlv.Writer, n uint8, who Who) {
	switch {
	case l.c.Book == nil:
	case who.PIN == 0:
		t.Null(tlv.Context(n))
	default:
		t.Array(tlv.Context(n))
		writePIN(t, tlv.Anonymous(), who.PIN)
		t.End()
	}
}

// Alarm tells of an alarm.
func (l *Lock) Alarm(a Alarm) {
	l.Emit(eventAlarm, 0, func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(a)) })
}

// Operated tells that the bolt was moved.
func (l *Lock) Operated(o Operation, who Who) {
	l.Emit(eventOperation, 0, func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(o))
		w.Uint(tlv.Context(1), uint64(who.Source))
		who.write(w, 2)
		l.writePINs(w, 5, who)
	})
}

// NotOperated tells that the bolt was not moved, and why.
func (l *Lock) NotOperated(o Operation, m Mistake, who Who) {
	l.Emit(eventError, 0, func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(o))
		w.Uint(tlv.Context(1), uint64(who.Source))
		w.Uint(tlv.Context(2), uint64(m))
		who.write(w, 3)
		l.writePINs(w, 6, who)
	})
}
