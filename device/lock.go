package device

import (
	"context"
	"errors"
)

// Lock is one real lock. All its methods may be called from any goroutine.
type Lock struct {
	cfg LockConfig
	a   *actor[LockState, LockReading]
}

// NewLock returns a lock that does nothing until Run. The error says what is wrong with cfg.
func NewLock(cfg LockConfig, b Bolt, deps Deps[LockState]) (*Lock, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if b == nil {
		return nil, errors.New("lock " + cfg.ID + ": it has no bolt")
	}
	d := driver[LockReading]{
		move:     func(ctx context.Context, target uint8) error { return b.Throw(ctx, BoltTarget(target)) },
		readings: b.Readings,
	}
	r, asks := b.(BoltRefresher)
	if asks {
		d.refresh = r.RefreshBolt
	}
	if i, ok := b.(Identifier); ok {
		d.identify = i.Identify
	}
	m := newLockMachine(cfg, asks, deps.Limit)
	m.interrupted = deps.Interrupted
	a, err := newActor(cfg.ID, m, d, deps)
	if err != nil {
		return nil, err
	}
	cfg.Interlock.join(cfg.ID)
	return &Lock{cfg: cfg, a: a}, nil
}

// ID returns the id of the configuration.
func (l *Lock) ID() string { return l.cfg.ID }

// Name returns the name of the configuration.
func (l *Lock) Name() string { return l.cfg.Name }

// Config returns what the lock is.
func (l *Lock) Config() LockConfig { return l.cfg }

// Run lets the lock live until ctx ends, and returns its error. Nothing moves when it begins, and
// what is on when it ends is left to the driver.
func (l *Lock) Run(ctx context.Context) error { return l.a.serve(ctx) }

// State returns what is known of the lock now. It never waits.
func (l *Lock) State() LockState { return l.a.state() }

// Busy reports whether a throw is owed or under way, or a relay is on.
func (l *Lock) Busy() bool { return l.a.owed.Load() }

// Command asks the lock to act, as Door.Command does.
func (l *Lock) Command(ctx context.Context, c Command) (Answer, error) {
	return l.a.ask(ctx, message{kind: messageCommand, r: request{cmd: c}})
}

// SetLockedOut locks remote unlocking out, or ends that, as Door.SetLockedOut does.
func (l *Lock) SetLockedOut(ctx context.Context, on bool, c Cause) error {
	_, err := l.a.ask(ctx, message{kind: messageLockOut, on: on, cause: c})
	return err
}

// Identify lets the lock show which one it is, without moving. errors.ErrUnsupported if it cannot.
func (l *Lock) Identify(ctx context.Context) error {
	_, err := l.a.ask(ctx, message{kind: messageIdentify})
	return err
}
