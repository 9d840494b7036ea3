package zwave

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
)

// Times between two attempts to connect.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
)

// server is a zwave-js-server with the locks on it, connected for as long as anybody uses it.
type server struct {
	url    string
	log    zerolog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	locks   map[int]map[*Lock]struct{} // by node
	session *session                   // nil while there is none
	why     string                     // why there is none
}

func newServer(log zerolog.Logger, url string) *server {
	s := &server{url: url, log: log.With().Str("zwave", url).Logger(), done: make(chan struct{}),
		locks: make(map[int]map[*Lock]struct{}), why: "it is not connected yet"}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.run()
	return s
}

func (s *server) close() error {
	s.cancel()
	<-s.done
	return nil
}

// join adds a lock. Two devices cannot be one lock.
func (s *server) join(l *Lock) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.locks[l.node] {
		if other.endpoint == l.endpoint {
			return fmt.Errorf("%w: node %d is used by %s", hw.ErrInUse, l.node, other.id)
		}
	}
	if s.locks[l.node] == nil {
		s.locks[l.node] = make(map[*Lock]struct{})
	}
	s.locks[l.node][l] = struct{}{}
	if s.session != nil {
		l.tell(came{s.session})
	}
	return nil
}

func (s *server) leave(l *Lock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.locks[l.node], l)
}

// run keeps the server connected.
func (s *server) run() {
	defer close(s.done)
	backoff, told := firstBackoff, ""
	for s.ctx.Err() == nil {
		began, err := s.serve()
		if s.ctx.Err() != nil {
			return
		}
		if began {
			backoff, told = firstBackoff, ""
		}
		if why := err.Error(); why != told { // once, not at each try
			told = why
			s.log.Warn().Err(err).Msg("the zwave-js-server cannot be used")
		}
		select {
		case <-time.After(backoff):
			backoff = min(2*backoff, lastBackoff)
		case <-s.ctx.Done():
		}
	}
}

// serve makes one connection and keeps it until it ends.
func (s *server) serve() (began bool, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, beginWithin)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return false, s.lost(err)
	}
	defer func() { _ = conn.CloseNow() }()
	now, err := newSession(ctx, conn)
	if err != nil {
		return false, s.lost(err)
	}
	now.ctx, now.cancel = context.WithCancel(s.ctx)
	defer now.cancel()
	over := make(chan error, 1)
	go func() { over <- now.read(s.event) }()
	if err = s.begin(ctx, now); err == nil {
		s.came(now)
		s.log.Info().Int("schema", now.schema).Msg("the zwave-js-server is connected")
		go now.ping()
		began = true
	} else {
		now.cancel()
	}
	ended := <-over
	if err == nil {
		err = ended
	}
	return began, s.lost(err)
}

func (s *server) dial(ctx context.Context) (*websocket.Conn, error) {
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: beginWithin}, // and no proxy
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the server sends elsewhere") },
	}
	conn, _, err := websocket.Dial(ctx, s.url, &websocket.DialOptions{HTTPClient: client}) //nolint:bodyclose // the library closes it
	return conn, err
}

// begin agrees on a schema and asks for events. What the server knows of its nodes comes with it and is
// left aside: each lock asks for itself.
func (s *server) begin(ctx context.Context, now *session) error {
	if _, err := now.call(ctx, "initialize", arguments{"schemaVersion": now.schema}); err != nil {
		return err
	}
	_, err := now.call(ctx, "start_listening", nil)
	return err
}

func (s *server) came(now *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = now
	for l := range s.all() {
		l.tell(came{now})
	}
}

// lost tells everybody that the connection is gone.
func (s *server) lost(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session, s.why = nil, err.Error()
	for l := range s.all() {
		l.tell(went{s.why})
	}
	return err
}

// event brings an event to the locks it is about.
func (s *server) event(e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.Source == "node":
		for l := range s.locks[e.NodeID] {
			l.tell(e)
		}
	case e.Source == "controller" && e.Event == "status changed":
		for l := range s.all() {
			l.tell(e)
		}
	case e.Source == "controller" && (e.Event == "node removed" || e.Event == "node added"):
		for l := range s.locks[e.Node.NodeID] {
			l.tell(e)
		}
	}
}

func (s *server) all() map[*Lock]struct{} {
	all := make(map[*Lock]struct{})
	for _, some := range s.locks {
		for l := range some {
			all[l] = struct{}{}
		}
	}
	return all
}
