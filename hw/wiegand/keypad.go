package wiegand

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Config are the settings of the keypad driver "wiegand".
type Config struct {
	D0     hw.Ref `yaml:"d0" line:"input" jsonschema_description:"the wire of the zeros (mostly green), high at rest; ! in front where a coupler inverts it"`
	D1     hw.Ref `yaml:"d1" line:"input" jsonschema_description:"the wire of the ones (mostly white), on the same board, inverted if d0 is"`
	LED    hw.Ref `yaml:"led,omitempty" line:"output" jsonschema_description:"the reader's green light"`
	Beeper hw.Ref `yaml:"beeper,omitempty" line:"output" jsonschema_description:"the reader's beeper"`
}

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	for field, ref := range map[string]hw.Ref{"d0": c.D0, "d1": c.D1} {
		if ref == "" {
			errs = append(errs, &hw.FieldError{Field: field, Problem: "a reader has two wires, and this one is missing", Remedy: "name both, for example d0: gpio:12 and d1: gpio:13"})
		}
	}
	if c.D0 != "" && c.D0 == c.D1 {
		errs = append(errs, &hw.FieldError{Field: "d1", Problem: "both wires are the same line", Remedy: "give each wire a line of its own"})
	}
	zero, zeroErr := c.D0.Parse()
	one, oneErr := c.D1.Parse()
	if len(errs) == 0 && zeroErr == nil && oneErr == nil && (zero.Board != one.Board || zero.ActiveLow != one.ActiveLow) {
		errs = append(errs, &hw.FieldError{Field: "d1", Problem: "the wires are on two boards, or one of them is inverted and the other is not", Remedy: "wire both to the same board in the same way"})
	}
	return errors.Join(errs...)
}

// Driver is the keypad driver "wiegand".
func Driver() hw.Driver[device.Keypad] {
	return hw.New("wiegand", "a keypad or card reader with the wires D0 and D1", Config{},
		func(ctx context.Context, env *hw.Env, c Config) (device.Keypad, error) { return NewKeypad(ctx, env, c) })
}

// entryBuffer is how many keys and cards wait for a slow reader: more than anybody types in a minute.
const entryBuffer = 64

// Keypad is a reader on two wires.
type Keypad struct {
	edges       hw.Edges
	led, beeper hw.Output // nil where there is none
}

var _ device.Keypad = (*Keypad)(nil)

// NewKeypad borrows the wires.
func NewKeypad(ctx context.Context, env *hw.Env, c Config) (*Keypad, error) {
	edges, err := env.FallingEdges(ctx, c.D0, c.D1) // a pulse is over before its end could be told from its start
	if err != nil {
		return nil, err
	}
	k := &Keypad{edges: edges}
	for ref, out := range map[hw.Ref]*hw.Output{c.LED: &k.led, c.Beeper: &k.beeper} {
		if ref == "" {
			continue
		}
		if *out, err = env.Output(ctx, ref, hw.OutputOptions{Cap: shown}); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Entries implements device.Keypad: each key by itself, and cards with all their bits, parity included. A
// frame that is rejected comes as a star, which clears: a digit that was lost must not join those around it.
func (k *Keypad) Entries(ctx context.Context) <-chan device.KeypadEntry {
	out := make(chan device.KeypadEntry, entryBuffer)
	events := Read(ctx, k.edges.Watch(ctx)) // from now on, not from when the goroutine runs
	go func() {
		defer close(out)
		for e := range events {
			entry := e.entry()
			entry.Arrived = time.Now()
			select {
			case out <- entry:
			default: // a slow reader keeps what came before
			}
		}
	}()
	return out
}

func (e Event) entry() device.KeypadEntry {
	switch {
	case e.Err != nil:
		return device.KeypadEntry{Keys: "*"}
	case e.Card.Len > 0:
		return device.KeypadEntry{Card: &device.Card{Bits: e.Card.Len, Data: e.Card.data()}}
	}
	return device.KeypadEntry{Keys: device.Keys(rune(e.Key))}
}

// data is the bits, the first one highest, filled up with zeros.
func (f Frame) data() []byte {
	b := make([]byte, (f.Len+7)/8)
	whole := f.Bits << (8*len(b) - f.Len)
	for i := range b {
		b[len(b)-1-i] = byte(whole >> (8 * i))
	}
	return b
}

// Times of what the reader shows.
const (
	shown     = 3 * time.Second
	shortBeep = 100 * time.Millisecond
	longBeep  = time.Second
	beepEvery = 250 * time.Millisecond
)

// Feedback implements device.Keypad: granted is the light and one beep, a wrong code three beeps, a door
// that stays shut for another reason two, a keypad that does not listen one long one. One beep without the
// light asks for the other half of a code.
func (k *Keypad) Feedback(ctx context.Context, v device.Verdict) error {
	switch v.Kind {
	case device.VerdictNone:
		return nil
	case device.VerdictGranted:
		var lit error
		if k.led != nil {
			lit = k.led.Set(ctx, true, shown)
		}
		if errors.Is(lit, hw.ErrStillOn) {
			lit = nil
		}
		return errors.Join(lit, k.beep(ctx, 1, shortBeep))
	case device.VerdictMore:
		return k.beep(ctx, 1, shortBeep)
	case device.VerdictWrong:
		return k.beep(ctx, 3, shortBeep)
	case device.VerdictLocked:
		return k.beep(ctx, 1, longBeep)
	default:
		return k.beep(ctx, 2, shortBeep)
	}
}

// beep gives the first beep now. Those after it are nobody's to wait for.
func (k *Keypad) beep(ctx context.Context, times int, long time.Duration) error {
	if k.beeper == nil {
		return nil
	}
	for i := 1; i < times; i++ {
		time.AfterFunc(time.Duration(i)*beepEvery, func() { _ = k.beeper.Set(context.Background(), true, long) })
	}
	if err := k.beeper.Set(ctx, true, long); !errors.Is(err, hw.ErrStillOn) {
		return err
	}
	return nil
}
