package hw

import (
	"context"
	"errors"
	"fmt"
)

// bus is something several devices use together: a serial port, a broker's client.
type bus struct {
	value any
	close func() error
	users int
}

// Share lends the bus known by key, opening it for the first who asks and closing it after the last one's
// Env. The key names kind and place ("serial:/dev/ttyUSB0"): all who use it agree on the type T.
func Share[T any](ctx context.Context, e *Env, key string, open func(context.Context) (T, func() error, error)) (T, error) {
	value, giveBack, err := borrow(ctx, e.house, key, open)
	if err == nil && !e.keep(&e.rest, giveBack) {
		err = errors.Join(ErrClosed, giveBack())
	}
	if err != nil {
		var none T
		return none, opError(e.device, "open "+key, err)
	}
	return value, nil
}

func borrow[T any](ctx context.Context, h *house, key string, open func(context.Context) (T, func() error, error)) (T, func() error, error) {
	h.ask.Lock()
	defer h.ask.Unlock()
	var none T
	b, ok := h.buses[key]
	if !ok {
		value, closeBus, err := open(ctx)
		if err != nil {
			return none, nil, err
		}
		b = &bus{value: value, close: closeBus}
		h.buses[key] = b
	}
	value, ok := b.value.(T)
	if !ok {
		return none, nil, fmt.Errorf("%w as something else", ErrInUse)
	}
	b.users++
	return value, func() error {
		h.ask.Lock()
		defer h.ask.Unlock()
		if b.users--; b.users > 0 {
			return nil
		}
		delete(h.buses, key)
		return b.close()
	}, nil
}
