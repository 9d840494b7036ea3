package usbrelay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/internal/serial"
)

// maxAnswer is more than any answer has.
const maxAnswer = 1024

// cable is a serial port with one question on it at a time.
type cable struct {
	port *serial.Port
	in   chan []byte
	lost chan struct{} // closed with in
	stop chan struct{}
	once sync.Once
}

func newCable(path string, baud int) (*cable, error) {
	port, err := serial.Open(path, serial.Mode{Baud: baud})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	c := &cable{port: port, in: make(chan []byte, 16), lost: make(chan struct{}), stop: make(chan struct{})}
	go c.read()
	return c, nil
}

// Gone implements relays.
func (c *cable) Gone() <-chan struct{} { return c.lost }

// Close implements relays: it lets go of the port.
func (c *cable) Close() {
	c.once.Do(func() {
		close(c.stop)
		_ = c.port.Close()
	})
}

// read waits for bytes always, so that a plug that is pulled is noticed at once.
func (c *cable) read() {
	defer close(c.lost)
	for {
		b := make([]byte, 256)
		n, err := c.port.Read(b)
		if err != nil {
			return
		}
		select {
		case c.in <- b[:n]:
		case <-c.stop:
			return
		}
	}
}

// ask writes out once and collects bytes until answer says that they are all. Errors are
// device.ErrUnsure once a byte may have gone out.
func (c *cable) ask(ctx context.Context, out []byte, answer func([]byte) bool) error {
	for c.pending() { // an answer that nobody waits for any more
	}
	if err := c.write(ctx, out); err != nil {
		return err
	}
	var got []byte
	for !answer(got) {
		select {
		case b := <-c.in:
			got = append(got, b...)
			if len(got) > maxAnswer {
				return fmt.Errorf("%w: the answer has no end", device.ErrUnsure)
			}
		case <-c.lost:
			return fmt.Errorf("%w: the port was closed before the answer", device.ErrUnsure)
		case <-ctx.Done():
			return fmt.Errorf("%w: the relay board does not answer", device.ErrUnsure)
		}
	}
	return nil
}

func (c *cable) pending() bool {
	select {
	case <-c.in:
		return true
	default:
		return false
	}
}

func (c *cable) write(ctx context.Context, out []byte) error {
	select {
	case <-c.lost:
		return fmt.Errorf("%w: the port is closed", device.ErrUnavailable)
	default:
	}
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(answerWithin)
	}
	if err := c.port.SetWriteDeadline(until); err != nil {
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	n, err := c.port.Write(out)
	switch {
	case err != nil && n == 0:
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	case err != nil:
		return fmt.Errorf("%w: %w", device.ErrUnsure, err)
	}
	return nil
}

// drain waits until what was written has left the machine.
func (c *cable) drain(ctx context.Context) error { return within(ctx, c.port.Drain) }

// within runs a call of the kernel that may take longer than ctx lasts.
func within(ctx context.Context, call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: %w", device.ErrUnsure, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: the relay board does not answer", device.ErrUnsure)
	}
}

// errDisobeyed is an answer that says something else than what was ordered.
var errDisobeyed = errors.New("the relay board tells another state than the one ordered")

func disobeyed(want, got bool) error {
	if want == got {
		return nil
	}
	return fmt.Errorf("%w: %w", device.ErrUnsure, errDisobeyed)
}
