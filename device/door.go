package device

import (
	"context"
	"errors"
)

// Deps are what a device needs beside its driver. Publish and Notice run on the device's own
// goroutine, one after another: they must return at once and must not call the device.
type Deps[S any] struct {
	Journal Journal
	Memory  Memory
	Publish func(S)      // called with every state that differs from the one before; may be nil
	Notice  func(Notice) // called when a problem begins or ends; may be nil
	Limit   *PulseLimit  // shared by all devices; nil: none
	Crew    *Crew        // makes their calls, shared by all devices; nil: a goroutine of its own for each
	Awake   *Awake       // shared by all devices; nil: none
	// Interrupted says that the journal knows a move of this device without an end: the program may have
	// ended right after an edge of its relay, so that the first two seconds see no other.
	Interrupted bool
}

// Door is one real door. All its methods may be called from any goroutine.
type Door struct {
	cfg DoorConfig
	a   *actor[DoorState, Reading]
}

// NewDoor returns a door that does nothing until Run. The error says what is wrong with cfg.
func NewDoor(cfg DoorConfig, o Opener, deps Deps[DoorState]) (*Door, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errors.New("door " + cfg.ID + ": it has no opener")
	}
	var caps capabilities
	d := driver[Reading]{
		move:     func(ctx context.Context, target uint8) error { return o.Trigger(ctx, Target(target)) },
		readings: o.Readings,
	}
	if r, ok := o.(Refresher); ok && cfg.Traits.Refreshes {
		caps.refresh, d.refresh = true, r.Refresh
	}
	if s, ok := o.(Stopper); ok && cfg.Traits.Stops {
		caps.stop, d.stop = true, s.Stop
	}
	if w, ok := o.(Warner); ok && cfg.Traits.Warns {
		caps.warn, d.warn = true, w.Warn
	}
	if i, ok := o.(Identifier); ok {
		d.identify = i.Identify
	}
	m := newDoorMachine(cfg, caps, deps.Limit)
	m.interrupted = deps.Interrupted
	a, err := newActor(cfg.ID, m, d, deps)
	if err != nil {
		return nil, err
	}
	cfg.Interlock.join(cfg.ID)
	return &Door{cfg: cfg, a: a}, nil
}

// ID returns the id of the configuration.
func (d *Door) ID() string { return d.cfg.ID }

// Name returns the name of the configuration.
func (d *Door) Name() string { return d.cfg.Name }

// Config returns what the door is.
func (d *Door) Config() DoorConfig { return d.cfg }

// Run lets the door live until ctx ends, and returns its error. Nothing moves when it begins, and
// what is on when it ends is left to the driver.
func (d *Door) Run(ctx context.Context) error { return d.a.serve(ctx) }

// State returns what is known of the door now. It never waits.
func (d *Door) State() DoorState { return d.a.state() }

// Busy reports whether a move, a pulse or a warning is owed or under way.
func (d *Door) Busy() bool { return d.a.owed.Load() }

// Command asks the door to act, and returns when it has begun to, or will not: within three seconds,
// whatever the driver and the journal do. The error is always a *Refusal. When ctx ends first, a
// command that is not owed yet is forgotten.
func (d *Door) Command(ctx context.Context, c Command) (Answer, error) {
	return d.a.ask(ctx, message{kind: messageCommand, r: request{cmd: c}})
}

// SetLockedOut locks remote operation out, or ends that. It returns when it is kept over a restart;
// with an error it holds until one.
func (d *Door) SetLockedOut(ctx context.Context, on bool, c Cause) error {
	_, err := d.a.ask(ctx, message{kind: messageLockOut, on: on, cause: c})
	return err
}

// Identify lets the door show which one it is, without moving. errors.ErrUnsupported if it cannot.
func (d *Door) Identify(ctx context.Context) error {
	_, err := d.a.ask(ctx, message{kind: messageIdentify})
	return err
}
