package sim

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
)

// link is one connection.
type link struct {
	conn net.Conn
	out  frameWriter
	gone chan struct{} // closed when nothing more comes

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan reply
	closed  bool
}

// call sends a request and waits for its answer. Once an order is sent, an answer that does not come in
// time is device.ErrUnsure; a late one is thrown away.
func (l *link) call(ctx context.Context, r request, within time.Duration) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	answer := make(chan reply, 1)
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return reply{}, device.ErrUnavailable
	}
	l.last++
	r.ID = l.last
	l.waiting[r.ID] = answer
	l.mu.Unlock()
	defer l.forget(r.ID)

	// A frame that went out in part is not read by the world, so an error here says that nothing was done.
	if err := l.out.write(r, within); err != nil {
		l.close()
		return reply{}, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	var why error
	select {
	case a := <-answer:
		return a, a.err()
	case <-ctx.Done():
		why = ctx.Err()
	case <-timeout.C:
		why = context.DeadlineExceeded
	case <-l.gone:
		select {
		case a := <-answer:
			return a, a.err()
		default:
		}
		why = net.ErrClosed
	}
	lost := device.ErrUnavailable
	if r.Op == opSet || r.Op == opEvent {
		lost = device.ErrUnsure
	}
	return reply{}, fmt.Errorf("%w: no answer from the simulated world: %w", lost, why)
}

func (l *link) forget(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

func (l *link) alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed
}

// read hands out answers and pushes until the connection ends.
func (l *link) read(push func(reply)) {
	defer close(l.gone)
	in := bufio.NewReader(l.conn)
	var buf []byte
	for {
		var r reply
		if err := readFrame(in, &buf, &r); err != nil {
			l.shut()
			return
		}
		if r.ID == 0 {
			push(r)
			continue
		}
		l.mu.Lock()
		answer, ok := l.waiting[r.ID]
		delete(l.waiting, r.ID)
		l.mu.Unlock()
		if ok {
			answer <- r
		}
	}
}

func (l *link) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.conn.Close()
}

// close ends the connection; nothing is pushed afterwards.
func (l *link) close() {
	l.shut()
	<-l.gone
}
