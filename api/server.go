package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Bounds of the server. None is configurable: a house has few clients, and an attacker gets no more.
const (
	maxConnections = 64 // per listener
	maxPerAddress  = 16 // of those, per address of another machine
	maxHeader      = 16 << 10
	maxBody        = 64 << 10
	headerTimeout  = 5 * time.Second
	readTimeout    = 15 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 60 * time.Second
	stopTimeout    = 3 * time.Second
)

// Options are what a Server needs beside the house. Only the zero value of Stream, Pairings, Keeper,
// Clock, Ledger, Keypads, Stays, Adopter, Sim and Tokens is replaced: a fresh stream, and paths that answer 404.
type Options struct {
	Log        zerolog.Logger
	Version    Version
	Hosts      []string        // names that Host may hold beside IP addresses, localhost and *.local
	StartToken string          // valid until the process ends, for the ready file; empty: none
	Tokens     Space           // where the tokens that owners make are kept
	Stream     *Stream         // what the program publishes to
	Pairings   Pairings        // nil without HomeKit
	Keeper     Keeper          // nil: no backups, no facts
	Clock      Timekeeper      // nil: nobody is asked what time it is
	Ledger     Ledger          // nil: no people, no codes
	Keypads    Keypads         // nil without keypads
	Adopter    Adopter         // nil without MQTT
	Stays      Stays           // nil: no calendars
	Sim        Simulator       // nil without simulated devices
	Metrics    func(io.Writer) // more lines for /metrics; may be nil
}

// Server answers the API.
type Server struct {
	house   House
	opts    Options
	log     zerolog.Logger
	stream  *Stream
	tokens  *tokens
	handler http.Handler
	metrics *counters
	openapi func() ([]byte, error)
	stop    chan struct{} // closed when streams must end
	stopped sync.Once
}

// New returns a server that is not listening yet. It fails if the tokens cannot be read.
func New(house House, opts Options) (*Server, error) {
	s := &Server{house: house, opts: opts, log: opts.Log, stream: opts.Stream, metrics: newCounters(), stop: make(chan struct{})}
	if s.stream == nil {
		s.stream = NewStream()
	}
	s.tokens = newTokens(opts.Tokens, opts.StartToken)
	if err := s.tokens.lost; err != nil {
		s.log.Error().Err(err).Msg("no token works that was made before")
	}
	routes := s.routes()
	// Written when somebody asks for the first time: a small computer starts sooner.
	s.openapi = sync.OnceValues(func() ([]byte, error) { return document(routes, opts.Version.Version) })
	s.handler = s.guard(s.mux(routes))
	return s, nil
}

// Handler answers requests whose connection was not accepted by Serve: all of them need a token.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on all listeners until ctx ends, then gives requests in flight 3 s. It closes the
// listeners. Connections of unix sockets are authenticated by the permission of the socket, all
// others by token. It returns nil after ctx ended, else the error of the first listener that failed.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnContext:       withPeer,
		ErrorLog:          slog.NewLogLogger(zerolog.NewSlogHandler(s.log), slog.LevelDebug),
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(limit(l, maxConnections, maxPerAddress)) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.stopped.Do(func() { close(s.stop) })
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		_ = server.Close()
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
