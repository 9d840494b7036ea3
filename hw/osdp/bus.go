package osdp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/internal/serial"
)

const (
	replyWithin = 200 * time.Millisecond // IEC 60839-11-5, 5.7: a reader begins to answer before
	turnaround  = 5 * time.Millisecond   // before the panel speaks again: readers share two wires
	tries       = 3                      // of the same bytes; a reader answers a repeated number from its memory
)

// errSilent is a reader that does not answer.
var errSilent = fmt.Errorf("%w: the reader does not answer", device.ErrUnavailable)

// bus is an RS-485 line with one or several readers, on which one of them is spoken to at a time.
type bus struct {
	path string
	baud int
	turn chan struct{}

	wire *wire // nil while the port is not open
}

// wire is an open port with a goroutine that reads it.
type wire struct {
	port *serial.Port
	in   chan []byte
	stop chan struct{}
	free time.Time // when the line is free again
}

func newBus(path string, baud int) *bus {
	return &bus{path: path, baud: baud, turn: make(chan struct{}, 1)}
}

// exchange sends bytes and returns the first whole frame of that reader that fits. The same bytes are sent
// again where nothing comes.
func (b *bus) exchange(ctx context.Context, out []byte, times int, fits func(frame) bool) (frame, error) {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return frame{}, ctx.Err()
	}
	defer func() { <-b.turn }()
	if err := b.open(); err != nil {
		return frame{}, err
	}
	for range times {
		f, err := b.once(ctx, out, fits)
		if !errors.Is(err, errSilent) {
			if err != nil && ctx.Err() == nil {
				b.close()
			}
			return f, err
		}
	}
	return frame{}, errSilent
}

func (b *bus) once(ctx context.Context, out []byte, fits func(frame) bool) (frame, error) {
	if err := sleep(ctx, time.Until(b.wire.free)); err != nil {
		return frame{}, err
	}
	for late := true; late; { // an answer that nobody waits for any more
		select {
		case _, late = <-b.wire.in:
		default:
			late = false
		}
	}
	if err := b.wire.port.SetWriteDeadline(time.Now().Add(replyWithin)); err != nil {
		return frame{}, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	if _, err := b.wire.port.Write(out); err != nil {
		return frame{}, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	defer func() { b.wire.free = time.Now().Add(turnaround) }()
	silent := time.NewTimer(replyWithin)
	defer silent.Stop()
	var got []byte
	for {
		select {
		case more, ok := <-b.wire.in:
			if !ok {
				return frame{}, fmt.Errorf("%w: the port is gone", device.ErrUnavailable)
			}
			got = append(got, more...)
		case <-silent.C:
			return frame{}, errSilent
		case <-ctx.Done():
			return frame{}, ctx.Err()
		}
		for {
			f, n, err := parse(got)
			if errors.Is(err, errShort) {
				break
			}
			got = got[n:]
			if err == nil && fits(f) {
				return f, nil
			}
		}
	}
}

func (b *bus) open() error {
	if b.wire != nil {
		return nil
	}
	port, err := serial.Open(b.path, serial.Mode{Baud: b.baud})
	if err != nil {
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	w := &wire{port: port, in: make(chan []byte, 16), stop: make(chan struct{})}
	go w.read()
	b.wire = w
	return nil
}

func (b *bus) close() {
	if b.wire == nil {
		return
	}
	close(b.wire.stop)
	_ = b.wire.port.Close()
	b.wire = nil
}

// Close lets go of the port, once nobody speaks on it.
func (b *bus) Close() error {
	b.turn <- struct{}{}
	b.close()
	<-b.turn
	return nil
}

func (w *wire) read() {
	defer close(w.in)
	for {
		b := make([]byte, 256)
		n, err := w.port.Read(b)
		if err != nil {
			return
		}
		select {
		case w.in <- b[:n]:
		case <-w.stop:
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
