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

// maxDrive is the hard cap of a motor bolt's relays.
const maxDrive = 10 * time.Second

// MotorConfig are the settings of the bolt driver "motor".
type MotorConfig struct {
	SecureRelay   hw.Ref        `yaml:"secure_relay" line:"output" jsonschema_description:"the relay, or the input of an H-bridge, that drives the bolt out"`
	UnsecureRelay hw.Ref        `yaml:"unsecure_relay" line:"output" jsonschema_description:"the relay, or the input of an H-bridge, that draws the bolt back"`
	Pulse         time.Duration `yaml:"pulse,omitempty" jsonschema_description:"how long a relay is on, 20ms to 10s; a contact at the end of the way ends it sooner"`
	Secured       hw.Ref        `yaml:"secured,omitempty" line:"input" jsonschema_description:"the contact that is made while the bolt is fully out"`
	Unsecured     hw.Ref        `yaml:"unsecured,omitempty" line:"input" jsonschema_description:"the contact that is made while the bolt is fully back"`
}

// Check implements hw.Checker.
func (c MotorConfig) Check() error {
	var errs []error
	if c.SecureRelay == "" || c.UnsecureRelay == "" {
		errs = append(errs, &hw.FieldError{Field: "secure_relay", Problem: "a motor bolt needs a relay a direction", Remedy: "name secure_relay and unsecure_relay"})
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
	return hw.New("motor", "a motor bolt on two relays, with contacts at its ends",
		MotorConfig{Pulse: 500 * time.Millisecond},
		func(ctx context.Context, env *hw.Env, c MotorConfig) (device.Bolt, error) {
			return NewMotor(ctx, env, c)
		})
}

// Motor drives a bolt both ways.
type Motor struct {
	id               string
	pulse            time.Duration
	secure, unsecure hw.Output
	atEnd            map[hw.Output]hw.Input // the contact at the end of each way, where there is one

	mu   sync.Mutex // one order at a time: both directions together would burn the motor
	last hw.Output
	off  time.Time
}

var (
	_ device.Bolt          = (*Motor)(nil)
	_ device.BoltRefresher = (*Motor)(nil)
)

// NewMotor borrows the relays, at rest, and the end contacts. It returns a Lock where there are contacts.
func NewMotor(ctx context.Context, env *hw.Env, c MotorConfig) (device.Bolt, error) {
	m := &Motor{id: env.Device(), pulse: c.Pulse}
	var errs [2]error
	m.secure, errs[0] = env.Output(ctx, c.SecureRelay, hw.OutputOptions{Cap: maxDrive})
	m.unsecure, errs[1] = env.Output(ctx, c.UnsecureRelay, hw.OutputOptions{Cap: maxDrive})
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if c.Secured == "" && c.Unsecured == "" {
		return m, nil
	}
	l, err := NewLock(ctx, env, m, BoltParts{Secured: c.Secured, Unsecured: c.Unsecured})
	if err != nil {
		return nil, err
	}
	m.atEnd = map[hw.Output]hw.Input{m.secure: l.secured.in, m.unsecure: l.unsecured.in}
	return l, nil
}

// Throw implements device.Bolt. The other direction is brought to rest first.
func (m *Motor) Throw(ctx context.Context, target device.BoltTarget) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out hw.Output
	switch target {
	case device.BoltTargetSecured:
		out = m.secure
	case device.BoltTargetUnsecured:
		out = m.unsecure
	default:
		return noTarget(m.id)
	}
	if m.last != nil && m.last != out && time.Now().Before(m.off) {
		if err := m.last.Set(ctx, false, 0); err != nil {
			return err
		}
	}
	m.last, m.off = out, time.Now().Add(2*maxDrive)
	if err := out.Set(ctx, true, m.pulse); err != nil {
		return err
	}
	if in := m.atEnd[out]; in != nil {
		go m.stopAt(in, out)
	}
	return nil
}

// stopAt takes the power from the motor when its bolt is at the end of its way, so that it does not push
// against it for the rest of the pulse. The pulse is its limit, as ever: a contact that says nothing changes nothing.
func (m *Motor) stopAt(in hw.Input, out hw.Output) {
	ctx, cancel := context.WithTimeout(context.Background(), m.pulse)
	defer cancel()
	for level := range in.Watch(ctx) {
		if !level.Active {
			continue
		}
		m.mu.Lock()
		if m.last == out { // no other order came in between
			_ = out.Set(ctx, false, 0) // it goes to rest with its pulse all the same
		}
		m.mu.Unlock()
		return
	}
}

// Readings implements device.Bolt. The relays see nothing of the bolt.
func (m *Motor) Readings(ctx context.Context) <-chan device.LockReading {
	return watchOutputs(ctx, m.reading, resting{Output: m.secure}, resting{Output: m.unsecure})
}

// RefreshBolt implements device.BoltRefresher.
func (m *Motor) RefreshBolt(context.Context) (device.LockReading, error) {
	a, err := askOutputs(m.id, resting{Output: m.secure}, resting{Output: m.unsecure})
	return m.reading(a), err
}

func (m *Motor) present() device.LockReading {
	r, _ := m.RefreshBolt(context.Background())
	return r
}

func (m *Motor) reading(a acting) device.LockReading {
	return device.LockReading{Energised: a.away, Taken: a.taken, Fault: a.fault}
}
