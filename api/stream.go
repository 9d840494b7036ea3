package api

import (
	"encoding/json"
	"sync"
)

const (
	streamQueue = 256 // events a client may lag behind before it is dropped
	streamMax   = 32  // clients at a time
)

// Stream carries what changes to the clients of /api/v1/stream. Its methods never block, so that a
// door's actor may call them: a client that does not keep up is dropped, and comes back with the seq
// of the last row that it saw.
type Stream struct {
	mu      sync.Mutex
	clients map[*subscriber]struct{}
	dropped uint64
}

// NewStream returns a stream without clients.
func NewStream() *Stream { return &Stream{clients: map[*subscriber]struct{}{}} }

type subscriber struct {
	events chan event // closed when the subscriber is dropped
}

// event is encoded once for all clients. seq is only set for rows of the history.
type event struct {
	name string
	seq  int64
	data []byte
}

// State tells that a device changed.
func (s *Stream) State(d Device) { s.publish("state", 0, d) }

// Row tells of a new row in the history. Rows must come in the order of their seq.
func (s *Stream) Row(r Row) { s.publish("history", r.Seq, r) }

// Health tells that the problems changed; it is given all of them.
func (s *Stream) Health(problems []Problem) { s.publish("health", 0, health(problems)) }

func (s *Stream) publish(name string, seq int64, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) == 0 {
		return
	}
	data, err := json.Marshal(v)
	if err != nil { // only a time outside the years 0 to 9999 gets here: no client can read that
		return
	}
	e := event{name: name, seq: seq, data: data}
	for c := range s.clients {
		select {
		case c.events <- e:
		default:
			s.dropped++
			delete(s.clients, c)
			close(c.events)
		}
	}
}

// subscribe returns nil if there are too many clients already.
func (s *Stream) subscribe() *subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= streamMax {
		return nil
	}
	c := &subscriber{events: make(chan event, streamQueue)}
	s.clients[c] = struct{}{}
	return c
}

func (s *Stream) unsubscribe(c *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.clients[c]; ok {
		delete(s.clients, c)
		close(c.events)
	}
}

func (s *Stream) counts() (clients int, dropped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients), s.dropped
}

// health never holds null, which clients would have to expect.
func health(problems []Problem) Health {
	if problems == nil {
		problems = []Problem{}
	}
	return Health{Problems: problems}
}
