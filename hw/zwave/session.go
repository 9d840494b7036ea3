package zwave

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/loquet/loquet/device"
)

// Limits of a connection.
const (
	mostMessage = 32 << 20         // a server tells all about all nodes in one message
	writeWithin = 3 * time.Second  // until a message is out
	beginWithin = 15 * time.Second // until the server has said who it is and begun to tell
	askEvery    = 10 * time.Second // a ping
	silentFor   = 20 * time.Second // without an answer to a ping: with askEvery, 30 s of silence are the end
	mostCalls   = 64               // that wait for an answer at a time
)

// session is one connection to a server. Reading belongs to one goroutine; calls come from many.
type session struct {
	conn   *websocket.Conn
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	schema int

	mu      sync.Mutex
	last    int
	waiting map[string]chan message
	ended   bool
}

var (
	errGone = fmt.Errorf("%w: there is no connection to the zwave-js-server", device.ErrUnavailable)
	errFull = fmt.Errorf("%w: too many calls wait for the zwave-js-server", device.ErrUnavailable)
)

// serverError is what a server says instead of a result.
type serverError struct {
	code  string
	zwave int // of a zwave_error
	words string
}

func (e *serverError) Error() string {
	if e.zwave != 0 {
		return fmt.Sprintf("Z-Wave error %d: %s", e.zwave, e.words)
	}
	return e.code + ": " + e.words
}

// newSession speaks with a server that was just reached, until it has said who it is.
func newSession(ctx context.Context, conn *websocket.Conn) (*session, error) {
	conn.SetReadLimit(mostMessage)
	_, first, err := conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	hello, err := parseMessage(first)
	switch {
	case err != nil:
		return nil, err
	case hello.Type != "version":
		return nil, errors.New("it is no zwave-js-server: it does not begin with its version")
	case hello.MaxSchema < leastSchema:
		return nil, fmt.Errorf("the zwave-js-server is too old: it speaks schema %d, and %d is needed; update the Z-Wave software", hello.MaxSchema, leastSchema)
	case hello.MinSchema > newestSchema:
		return nil, fmt.Errorf("the zwave-js-server is too new: it wants schema %d, and this loquet speaks %d; update loquet", hello.MinSchema, newestSchema)
	}
	return &session{conn: conn, schema: min(hello.MaxSchema, newestSchema), waiting: make(map[string]chan message)}, nil
}

// read serves the connection until it ends, and says why. Events go to tell.
func (s *session) read(tell func(event)) error {
	defer s.end()
	for n := uint64(1); ; n++ {
		kind, b, err := s.conn.Read(s.ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			return errors.New("the server sent something that is no text")
		}
		m, err := parseMessage(b)
		if err != nil {
			return err
		}
		m.at = n
		switch m.Type {
		case "result":
			s.answered(m)
		case "event":
			e, err := parseEvent(m.Event)
			if err != nil {
				return err
			}
			e.at = n
			if e.Source == "driver" && e.Event == "driver ready" {
				return errors.New("the Z-Wave driver began anew")
			}
			tell(e)
		}
	}
}

func (s *session) answered(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch, ok := s.waiting[m.MessageID]; ok {
		delete(s.waiting, m.MessageID)
		ch <- m // there is room: one answer
	}
}

// end lets go of everybody who waits.
func (s *session) end() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for id, ch := range s.waiting {
		delete(s.waiting, id)
		close(ch)
	}
	_ = s.conn.CloseNow()
}

// ping ends the connection when the server is silent.
func (s *session) ping() {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(s.ctx, silentFor)
		err := s.conn.Ping(ctx)
		cancel()
		if err != nil {
			s.cancel()
			return
		}
	}
}

// arguments are what a command is about.
type arguments map[string]any

// call sends one command, once, and waits for its result. An error that wraps device.ErrUnsure says that
// the command may be carried out all the same; every other one that it was not, or that it is known how it
// went.
func (s *session) call(ctx context.Context, command string, args arguments) (message, error) {
	if err := ctx.Err(); err != nil {
		return message{}, err
	}
	if s.ctx.Err() != nil {
		return message{}, errGone
	}
	id, ch, err := s.wait()
	if err != nil {
		return message{}, err
	}
	whole := map[string]any{"messageId": id, "command": command}
	for k, v := range args {
		whole[k] = v
	}
	b, err := json.Marshal(whole)
	if err != nil {
		s.forget(id)
		return message{}, err
	}
	// A write that is given up in the middle ends the connection: it has a time of its own, not the caller's.
	write, cancel := context.WithTimeout(s.ctx, writeWithin)
	defer cancel()
	if err := s.conn.Write(write, websocket.MessageText, b); err != nil {
		s.cancel()
		s.forget(id)
		return message{}, fmt.Errorf("%w: the connection ended while the command went out", device.ErrUnsure)
	}
	select {
	case m, ok := <-ch:
		switch {
		case !ok:
			return message{}, fmt.Errorf("%w: the connection ended before the answer", device.ErrUnsure)
		case m.Success:
			return m, nil
		case m.ErrorCode == "zwave_error":
			return message{}, &serverError{m.ErrorCode, m.ZWaveCode, m.ZWaveMessage}
		}
		return message{}, &serverError{m.ErrorCode, 0, m.Message}
	case <-ctx.Done():
		s.forget(id)
		return message{}, fmt.Errorf("%w: no answer in time: %w", device.ErrUnsure, ctx.Err())
	}
}

func (s *session) wait() (string, chan message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return "", nil, errGone
	case len(s.waiting) >= mostCalls:
		return "", nil, errFull
	}
	s.last++
	id, ch := strconv.Itoa(s.last), make(chan message, 1)
	s.waiting[id] = ch
	return id, ch, nil
}

func (s *session) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
}
