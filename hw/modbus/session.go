package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/loquet/loquet/device"
)

const (
	// maxHeard is how many bytes may come before an answer is given up.
	maxHeard = 4 * (maxPDU + header)
	// leastWait is the time for an answer below which an order is not sent any more.
	leastWait = 20 * time.Millisecond
	// silences after which a connection is made anew: it may be dead without telling.
	silences = 2
)

// conn is a serial port or a TCP connection.
type conn interface {
	io.ReadWriteCloser
	SetWriteDeadline(time.Time) error
}

// session is one connection. The goroutine that serves it is the only one that speaks on it.
type session struct {
	conn    conn
	framing framing
	gap     time.Duration
	in      chan []byte
	orders  chan *request // before polls
	polls   chan *request
	lost    chan struct{} // closed when the other side is gone
	gone    chan struct{} // closed when nothing is sent any more

	free    time.Time // when the line is free again
	silent  int       // questions in a row without an answer
	answers int
	broken  bool // nothing that comes can be understood any more
}

// request is one question, handed to the session with a channel for its answer.
type request struct {
	unit   byte
	pdu    pdu
	until  time.Time     // when it is given up
	within time.Duration // how long after the question the answer may come
	reply  chan reply
}

type reply struct {
	data []byte
	at   time.Time // before the question went out; zero if it did not
	err  error
}

func newSession(c conn, f framing, gap time.Duration) *session {
	s := &session{
		conn: c, framing: f, gap: gap, in: make(chan []byte, 16), orders: make(chan *request), polls: make(chan *request),
		lost: make(chan struct{}), gone: make(chan struct{}),
	}
	go s.read()
	return s
}

// read waits for bytes always, so that a plug that is pulled is noticed at once.
func (s *session) read() {
	defer close(s.lost)
	for {
		b := make([]byte, maxPDU+header)
		n, err := s.conn.Read(b)
		if err != nil {
			return
		}
		select {
		case s.in <- b[:n]:
		case <-s.gone:
			return
		}
	}
}

// ask sends one question, once, and waits for its answer: for so long, and not after until. ctx ends the
// waiting for the line, not that for the answer. An error says that an order changed nothing, unless it is
// device.ErrUnsure.
func (s *session) ask(ctx context.Context, unit byte, p pdu, until time.Time, within time.Duration) ([]byte, time.Time, error) {
	r := &request{unit: unit, pdu: p, until: until, within: within, reply: make(chan reply, 1)}
	queue := s.polls
	if p.orders() {
		queue = s.orders
	}
	busy := time.NewTimer(time.Until(until))
	defer busy.Stop()
	select {
	case queue <- r:
	case <-s.gone:
		return nil, time.Time{}, errGone
	case <-ctx.Done():
		return nil, time.Time{}, ctx.Err()
	case <-busy.C:
		return nil, time.Time{}, errBusy
	}
	got := <-r.reply
	return got.data, got.at, got.err
}

var (
	errSilent = errors.New("no answer")

	errGone = fmt.Errorf("%w: there is no connection", device.ErrUnavailable)
	errBusy = fmt.Errorf("%w: the line is busy", device.ErrUnavailable)
)

// serve answers requests until the connection is of no use or ctx ends. It tells whether any board
// answered.
func (s *session) serve(ctx context.Context) bool {
	defer func() {
		close(s.gone)
		_ = s.conn.Close()
	}()
	for s.silent < silences && !s.broken {
		r := s.next(ctx)
		if r == nil {
			break
		}
		data, at, err := s.exchange(r)
		r.reply <- reply{data, at, err}
	}
	return s.answers > 0
}

// next is the request that is sent next; nil when there is none any more.
func (s *session) next(ctx context.Context) *request {
	select {
	case r := <-s.orders:
		return r
	default:
	}
	select {
	case r := <-s.orders:
		return r
	case r := <-s.polls:
		return r
	case <-s.lost:
	case <-ctx.Done():
	}
	return nil
}

// exchange sends one question and waits for its answer.
func (s *session) exchange(r *request) ([]byte, time.Time, error) {
	if left := time.Until(s.free); left > 0 {
		time.Sleep(left) // some milliseconds that the standard wants between two frames
	}
	for s.pending() { // an answer that nobody waits for any more
	}
	at := time.Now()
	if r.until.Sub(at) < leastWait {
		return nil, time.Time{}, errBusy
	}
	if at.Add(r.within).Before(r.until) {
		r.until = at.Add(r.within)
	}
	if err := s.write(s.framing.frame(r.unit, r.pdu), r.until); err != nil {
		s.broken = true
		return nil, at, err
	}
	data, err := s.listen(r)
	s.free = time.Now().Add(s.gap)
	switch {
	case errors.Is(err, errSilent):
		s.silent++
		err = lost(r.pdu, "the board does not answer")
	case errors.Is(err, errGone):
		s.broken = true
		err = lost(r.pdu, "the connection ended before the answer")
	case errors.Is(err, errGarbled):
		s.broken = true
		err = lost(r.pdu, errGarbled.Error())
	case errors.Is(err, errOther):
		err = lost(r.pdu, errOther.Error())
	default:
		s.silent = 0
		s.answers++
		if !r.pdu.orders() && errors.Is(err, device.ErrUnsure) {
			err = lost(r.pdu, "the gateway or the board cannot say") // a question leaves nothing unsure
		}
	}
	return data, at, err
}

// lost is the error for an answer that did not come: an order may have been carried out all the same.
func lost(p pdu, why string) error {
	if p.orders() {
		return fmt.Errorf("%w: %s", device.ErrUnsure, why)
	}
	return fmt.Errorf("%w: %s", device.ErrUnavailable, why)
}

func (s *session) listen(r *request) ([]byte, error) {
	late := time.NewTimer(time.Until(r.until))
	defer late.Stop()
	var got []byte
	for {
		select {
		case b := <-s.in:
			got = append(got, b...)
		case <-s.lost:
			select {
			case b := <-s.in: // it came before the end
				got = append(got, b...)
			default:
				return nil, errGone
			}
		case <-late.C:
			return nil, errSilent
		}
		data, err := s.framing.answer(got, r.unit, r.pdu)
		if !errors.Is(err, errShort) {
			return data, err
		}
		if len(got) > maxHeard {
			return nil, errGarbled
		}
	}
}

func (s *session) pending() bool {
	select {
	case <-s.in:
		return true
	default:
		return false
	}
}

func (s *session) write(out []byte, until time.Time) error {
	select {
	case <-s.lost:
		return errGone
	default:
	}
	if err := s.conn.SetWriteDeadline(until); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	n, err := s.conn.Write(out)
	switch {
	case err != nil && n == 0:
		return fmt.Errorf("%w: %w", errGone, err)
	case err != nil:
		return fmt.Errorf("%w: the order was cut off: %w", device.ErrUnsure, err)
	}
	return nil
}
