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

// link is a serial port with one question on it at a time.
type link struct {
	port *serial.Port
	in   chan []byte
	lost chan struct{} // closed with in
	stop chan struct{}
	once sync.Once
}

func newLink(path string, baud int) (*link, error) {
	port, err := serial.Open(path, serial.Mode{Baud: baud})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	l := &link{port: port, in: make(chan []byte, 16), lost: make(chan struct{}), stop: make(chan struct{})}
	go l.read()
	return l, nil
}

func (l *link) gone() <-chan struct{} { return l.lost }

// Close lets go of the port.
func (l *link) Close() error {
	var err error
	l.once.Do(func() {
		close(l.stop)
		err = l.port.Close()
	})
	return err
}

// read waits for bytes always, so that a plug that is pulled is noticed at once.
func (l *link) read() {
	defer close(l.lost)
	for {
		b := make([]byte, 256)
		n, err := l.port.Read(b)
		if err != nil {
			return
		}
		select {
		case l.in <- b[:n]:
		case <-l.stop:
			return
		}
	}
}

// ask writes out once and collects bytes until answer says that they are all. Errors are
// device.ErrUnsure once a byte may have gone out.
func (l *link) ask(ctx context.Context, out []byte, answer func([]byte) bool) error {
	for l.pending() { // an answer that nobody waits for any more
	}
	if err := l.write(ctx, out); err != nil {
		return err
	}
	var got []byte
	for !answer(got) {
		select {
		case b := <-l.in:
			got = append(got, b...)
			if len(got) > maxAnswer {
				return fmt.Errorf("%w: the answer has no end", device.ErrUnsure)
			}
		case <-l.lost:
			return fmt.Errorf("%w: the port was closed before the answer", device.ErrUnsure)
		case <-ctx.Done():
			return fmt.Errorf("%w: the relay board does not answer", device.ErrUnsure)
		}
	}
	return nil
}

func (l *link) pending() bool {
	select {
	case <-l.in:
		return true
	default:
		return false
	}
}

func (l *link) write(ctx context.Context, out []byte) error {
	select {
	case <-l.lost:
		return fmt.Errorf("%w: the port is closed", device.ErrUnavailable)
	default:
	}
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(answerWithin)
	}
	if err := l.port.SetWriteDeadline(until); err != nil {
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	n, err := l.port.Write(out)
	switch {
	case err != nil && n == 0:
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	case err != nil:
		return fmt.Errorf("%w: %w", device.ErrUnsure, err)
	}
	return nil
}

// drain waits until what was written has left the machine.
func (l *link) drain(ctx context.Context) error { return within(ctx, l.port.Drain) }

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
