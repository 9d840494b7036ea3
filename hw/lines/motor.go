package lines

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

const (
	// maxDrive is the hard cap of what runs a motor bolt.
	maxDrive = 10 * time.Second
	// minDead and maxDead bound how long an H-bridge is off around a change of its direction.
	minDead = time.Millisecond
	maxDead = 500 * time.Millisecond
)

// MotorConfig are the settings of the bolt driver "motor": a relay a direction, or an H-bridge.
type MotorConfig struct {
	SecureRelay   hw.Ref        `yaml:"secure_relay,omitempty" line:"output" jsonschema_description:"the relay, or the input of an H-bridge, that drives the bolt out"`
	UnsecureRelay hw.Ref        `yaml:"unsecure_relay,omitempty" line:"output" jsonschema_description:"the relay, or the input of an H-bridge, that draws the bolt back"`
	Direction     hw.Ref        `yaml:"direction,omitempty" line:"output" jsonschema_description:"instead of two relays: the direction input of an H-bridge, active drives the bolt out"`
	Enable        hw.Ref        `yaml:"enable,omitempty" line:"output" jsonschema_description:"the enable input of that H-bridge, on while the motor runs"`
	DeadTime      time.Duration `yaml:"dead_time,omitempty" jsonschema_description:"how long an H-bridge is off before and after its direction changes, 1ms to 500ms"`
	Pulse         time.Duration `yaml:"pulse,omitempty" jsonschema_description:"how long the motor runs, 20ms to 10s; a contact at the end of the way ends it sooner"`
	Secured       hw.Ref        `yaml:"secured,omitempty" line:"input" jsonschema_description:"the contact that is made while the bolt is fully out"`
	Unsecured     hw.Ref        `yaml:"unsecured,omitempty" line:"input" jsonschema_description:"the contact that is made while the bolt is fully back"`
}

// Check implements hw.Checker.
func (c MotorConfig) Check() error {
	var errs []error
	if c.bridged() {
		errs = append(errs, c.checkBridge())
	} else if c.SecureRelay == "" || c.UnsecureRelay == "" {
		errs = append(errs, &hw.FieldError{Field: "secure_relay", Problem: "a motor bolt needs a relay a direction", Remedy: "name secure_relay and unsecure_relay, or direction and enable of an H-bridge"})
	}
	if c.Pulse < minPulse || c.Pulse > maxDrive {
		errs = append(errs, &hw.FieldError{Field: "pulse", Problem: fmt.Sprintf("%v is not between %v and %v", c.Pulse, minPulse, maxDrive), Remedy: "take 500ms, or the time that the lock's maker gives"})
	}
	return errors.Join(errs...)
}

// Traits implements hw.BoltDescriber.
func (c MotorConfig) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveMotor, SensesBolt: c.Secured != ""}
}

// MotorDriver is the bolt driver "motor".
func MotorDriver() hw.Driver[device.Bolt] {
	return hw.New("motor", "a motor bolt on two relays or an H-bridge, with contacts at its ends",
		MotorConfig{Pulse: 500 * time.Millisecond, DeadTime: 50 * time.Millisecond},
		func(ctx context.Context, env *hw.Env, c MotorConfig) (device.Bolt, error) {
			return NewMotor(ctx, env, c)
		})
}

// drive is what runs a motor one way or the other. One order at a time: both ways together would burn it.
type drive interface {
	// run starts towards a target, for limit at most, with the other way at rest.
	run(ctx context.Context, target device.BoltTarget, limit time.Duration) error
	// halt takes the power away.
	halt(ctx context.Context) error
	outputs() []resting
}

// Motor drives a bolt both ways.
type Motor struct {
	id    string
	pulse time.Duration
	drive drive
	atEnd map[device.BoltTarget]hw.Input // the contact at the end of each way, where there is one

	mu     sync.Mutex // one order at a time
	toward device.BoltTarget
}

var (
	_ device.Bolt          = (*Motor)(nil)
	_ device.BoltRefresher = (*Motor)(nil)
)

// NewMotor borrows the outputs, at rest, and the end contacts. It returns a Lock where there are contacts.
func NewMotor(ctx context.Context, env *hw.Env, c MotorConfig) (device.Bolt, error) {
	m := &Motor{id: env.Device(), pulse: c.Pulse}
	var err error
	if c.bridged() {
		m.drive, err = newHBridge(ctx, env, c)
	} else {
		m.drive, err = newTwoRelays(ctx, env, c)
	}
	if err != nil {
		return nil, err
	}
	if c.Secured == "" && c.Unsecured == "" {
		return m, nil
	}
	l, err := NewLock(ctx, env, m, BoltParts{Secured: c.Secured, Unsecured: c.Unsecured})
	if err != nil {
		return nil, err
	}
	m.atEnd = map[device.BoltTarget]hw.Input{device.BoltTargetSecured: l.secured.in, device.BoltTargetUnsecured: l.unsecured.in}
	return l, nil
}

// Throw implements device.Bolt. The other direction is brought to rest first.
func (m *Motor) Throw(ctx context.Context, target device.BoltTarget) error {
	if target != device.BoltTargetSecured && target != device.BoltTargetUnsecured {
		return noTarget(m.id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.toward = target
	if err := m.drive.run(ctx, target, m.pulse); err != nil {
		return err
	}
	if in := m.atEnd[target]; in != nil {
		go m.stopAt(in, target)
	}
	return nil
}

// stopAt takes the power from the motor when its bolt is at the end of its way, so that it does not push
// against it for the rest of the pulse. The pulse is its limit, as ever: a contact that says nothing changes nothing.
func (m *Motor) stopAt(in hw.Input, target device.BoltTarget) {
	ctx, cancel := context.WithTimeout(context.Background(), m.pulse)
	defer cancel()
	for level := range in.Watch(ctx) {
		if !level.Active {
			continue
		}
		m.mu.Lock()
		if m.toward == target { // no other order came in between
			_ = m.drive.halt(ctx) // it goes to rest with its pulse all the same
		}
		m.mu.Unlock()
		return
	}
}

// Readings implements device.Bolt. The outputs see nothing of the bolt.
func (m *Motor) Readings(ctx context.Context) <-chan device.LockReading {
	return watchOutputs(ctx, m.reading, m.drive.outputs()...)
}

// RefreshBolt implements device.BoltRefresher.
func (m *Motor) RefreshBolt(context.Context) (device.LockReading, error) {
	a, err := askOutputs(m.id, m.drive.outputs()...)
	return m.reading(a), err
}

func (m *Motor) present() device.LockReading {
	r, _ := m.RefreshBolt(context.Background())
	return r
}

func (m *Motor) reading(a acting) device.LockReading {
	return device.LockReading{Energised: a.away, Taken: a.taken, Fault: a.fault}
}

// twoRelays are a relay a direction.
type twoRelays struct {
	secure, unsecure hw.Output
	last             hw.Output
	off              time.Time // when last is at rest for certain
}

func newTwoRelays(ctx context.Context, env *hw.Env, c MotorConfig) (*twoRelays, error) {
	r := &twoRelays{}
	var errs [2]error
	r.secure, errs[0] = env.Output(ctx, c.SecureRelay, hw.OutputOptions{Cap: maxDrive})
	r.unsecure, errs[1] = env.Output(ctx, c.UnsecureRelay, hw.OutputOptions{Cap: maxDrive})
	return r, errors.Join(errs[:]...)
}

func (r *twoRelays) run(ctx context.Context, target device.BoltTarget, limit time.Duration) error {
	out := r.unsecure
	if target == device.BoltTargetSecured {
		out = r.secure
	}
	if r.last != nil && r.last != out && time.Now().Before(r.off) {
		if err := r.last.Set(ctx, false, 0); err != nil {
			return err
		}
	}
	r.last, r.off = out, time.Now().Add(2*maxDrive)
	return out.Set(ctx, true, limit)
}

func (r *twoRelays) halt(ctx context.Context) error { return r.last.Set(ctx, false, 0) }

func (r *twoRelays) outputs() []resting {
	return []resting{{Output: r.secure}, {Output: r.unsecure}}
}
