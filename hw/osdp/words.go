package osdp

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
)

// keysOf reads a KEYPAD reply: reader, how many, the keys in ASCII, with 0D for # and 7F for *. One that is
// not understood clears, so that the keys around it do not join.
func keysOf(data []byte) device.Keys {
	if len(data) < 2 || int(data[1]) != len(data)-2 {
		return ""
	}
	keys := bytes.Clone(data[2:])
	for i, key := range keys {
		switch {
		case key >= '0' && key <= '9', key == '*', key == '#':
		case key == 0x0D:
			keys[i] = '#'
		default:
			keys[i] = '*'
		}
	}
	return device.Keys(keys)
}

const maxCardBits = 256

// cardOf reads a RAW reply: reader, format, how many bits (two bytes), the bits, the first one highest.
func cardOf(data []byte) *device.Card {
	if len(data) < 4 {
		return nil
	}
	bits := int(data[2]) | int(data[3])<<8
	card := bytes.Clone(data[4:])
	if bits == 0 || bits > maxCardBits || len(card) != (bits+7)/8 {
		return nil
	}
	card[len(card)-1] &= 0xFF << (8*len(card) - bits)
	return &device.Card{Bits: bits, Data: card}
}

// Colours of a reader's light.
const (
	red   = 1
	green = 2
	amber = 3
)

// light is a LED command: reader 0, light 0, for a while that colour; the permanent state stays.
func light(colour, tenths byte) []byte {
	return []byte{0, 0, 2, 1, 0, colour, colour, tenths, 0, 0, 0, 0, 0, 0}
}

// sound is a BUZ command: reader 0, its tone, on and off in tenths of a second, how often.
func sound(on, off, times byte) []byte { return []byte{0, 2, on, off, times} }

// Feedback implements device.Keypad: granted is green and one beep, a wrong code red and three, a door that
// stays shut for another reason amber and two, a keypad that does not listen red and a long one. Amber and one
// beep ask for the other half of a code.
func (k *Keypad) Feedback(ctx context.Context, v device.Verdict) error {
	var colour, on, times byte
	switch v.Kind {
	case device.VerdictNone:
		return nil
	case device.VerdictGranted:
		colour, on, times = green, 1, 1
	case device.VerdictMore:
		colour, on, times = amber, 1, 1
	case device.VerdictWrong:
		colour, on, times = red, 1, 3
	case device.VerdictLocked:
		colour, on, times = red, 10, 1
	default:
		colour, on, times = amber, 1, 2
	}
	if err := k.show(ctx, cmdLED, light(colour, 30)); err != nil {
		return err
	}
	return k.show(ctx, cmdBuzzer, sound(on, 2, times))
}

const showWithin = time.Second

// show has a command given in its turn.
func (k *Keypad) show(ctx context.Context, id byte, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, showWithin) // a verdict that comes later is about somebody else
	defer cancel()
	o := order{id: id, data: data, err: make(chan error, 1)}
	if !k.Status().Online {
		return fmt.Errorf("%w: the reader is offline", device.ErrUnavailable)
	}
	select {
	case k.orders <- o:
	case <-k.done:
		return device.ErrUnavailable
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.err:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
