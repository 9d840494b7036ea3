package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/rs/zerolog"
)

// Bounds of the broker. They are far above what a house needs.
const (
	maxClients    = 128
	maxPending    = 512 // messages on their way to one client: some 1 KiB each
	busyWait      = 3 * time.Second
	forOthers     = "network" // the listener for devices
	forTheHouse   = "house"   // the listener for the house's own client: it needs no account
	noStatistics  = 1 << 24   // seconds between two reports nobody reads
	noQueueForTen = 0         // seconds that the session of a client outlives its connection
)

// ServerOptions say where the broker listens and who gets in. Listen and Accounts are required.
type ServerOptions struct {
	Listen   string // "192.168.1.5:1883"
	Accounts *Accounts
	Own      []string // filters of topics that the house alone writes, whatever an account may
	// Orders is where accounts give orders to the house; nil: nowhere.
	Orders *OrderDesk
	// Told hears what the owner should know; it must not wait.
	Told func(Notice)
	Log  zerolog.Logger
}

// NoticeKind is what a Notice is about.
type NoticeKind uint8

// Kinds of notices. All but PortBusy are events and have no end.
const (
	PortBusy   NoticeKind = iota // another program listens there; tried again until it works
	Refused                      // a device knocked with a wrong account
	SameName                     // two devices of one name throw each other out
	TooMuch                      // a device said more than one can, and was thrown out
	NotAdopted                   // a device without an account was let in while the owner adopts
	Entered                      // a device was let in
	Foreign                      // a device announced what is not its own; that was not taken
)

// Notice is something about the broker or one of its clients. Client is what the client calls itself, with
// whatever is not plain text replaced.
type Notice struct {
	Kind   NoticeKind
	On     bool
	Client string
	User   string // the account of one that was let in; empty: none
	Remote string // address of the device
	Detail string
}

// Server is an MQTT broker in the process. Make it with NewServer and let it Run.
type Server struct {
	options ServerOptions
	ready   chan struct{} // closed when the house can connect

	mu      sync.Mutex
	mochi   *mochi.Server
	door    *doorman
	addr    net.Addr
	closing bool
}

// NewServer returns a broker that does not listen yet.
func NewServer(o ServerOptions) *Server {
	if o.Told == nil {
		o.Told = func(Notice) {}
	}
	return &Server{options: o, ready: make(chan struct{})}
}

// Run serves until ctx ends. The house's own client gets in at once; for devices the port is opened as soon
// as it is free.
func (s *Server) Run(ctx context.Context) error {
	caps := mochi.NewDefaultServerCapabilities()
	caps.MaximumClients = maxClients
	caps.MaximumClientWritesPending = maxPending
	caps.MaximumSessionExpiryInterval = noQueueForTen
	caps.MaximumPacketSize = MaxPacket
	caps.MaximumInflight = 64
	caps.ReceiveMaximum = 64
	caps.TopicAliasMaximum = 0 // an alias is looked up after its topic was judged
	caps.SharedSubAvailable = 0
	caps.MaximumMessageExpiryInterval = 0 // what a device said last stays what it said last
	m := mochi.New(&mochi.Options{Capabilities: caps, Logger: slog.New(slog.DiscardHandler), SysTopicResendInterval: noStatistics})
	door := newDoorman(m, s.options)
	if err := m.AddHook(door, nil); err != nil {
		return err
	}
	house := newIndoors(m)
	if err := m.AddListener(house); err != nil {
		return err
	}
	if err := m.Serve(); err != nil {
		return err
	}
	<-house.serving
	s.mu.Lock()
	s.mochi, s.door = m, door
	s.mu.Unlock()
	close(s.ready)
	s.serve(ctx, m)
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	return m.Close()
}

// serve keeps the port open until ctx ends.
func (s *Server) serve(ctx context.Context, m *mochi.Server) {
	busy := false
	for ctx.Err() == nil {
		l, err := listen(ctx, s.options.Listen)
		if err != nil {
			if !busy {
				s.options.Log.Error().Err(err).Str("address", s.options.Listen).Msg("the MQTT broker's port is not free, trying again")
			}
			busy = true
			s.options.Told(Notice{Kind: PortBusy, On: true, Detail: err.Error()})
			pause(ctx, busyWait)
			continue
		}
		s.options.Told(Notice{Kind: PortBusy})
		s.mu.Lock()
		s.addr = l.Addr()
		s.mu.Unlock()
		open := &outdoors{listeners.NewNet(forOthers, l), m}
		if err := m.AddListener(open); err != nil {
			s.options.Log.Error().Err(err).Msg("the MQTT broker does not listen")
			_ = l.Close()
			return
		}
		m.Listeners.Serve(forOthers, func(id string, c net.Conn) error {
			if g, ok := c.(*guest); ok {
				defer close(g.ended)
			}
			return m.EstablishConnection(id, c)
		})
		s.options.Log.Info().Str("address", l.Addr().String()).Msg("the MQTT broker listens")
		<-ctx.Done()
	}
}

// Addr is where devices connect; nil while the port is not open.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Dial connects the house's own client, past the network.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	m, closing := s.mochi, s.closing
	if !closing {
		m.Listeners.ClientsWg.Add(1) // the library counts it later, when it may wait for the last one already
	}
	s.mu.Unlock()
	if closing {
		return nil, errors.New("the broker is closed")
	}
	ours, theirs := net.Pipe()
	in := &insider{theirs, make(chan struct{})}
	go func() {
		defer m.Listeners.ClientsWg.Done()
		defer close(in.ended)
		_ = m.EstablishConnection(forTheHouse, in) // its end is heard at the other end
	}()
	return ours, nil
}

// Adopt lets devices that have no account in until a time, with these rights; a time that is past ends it.
func (s *Server) Adopt(until time.Time, rights Rights) {
	s.mu.Lock()
	d := s.door
	s.mu.Unlock()
	if d == nil {
		return
	}
	d.mu.Lock()
	d.adopting = adoption{until, rights}
	d.mu.Unlock()
	if !time.Now().Before(until) {
		s.Drop("")
	}
}

// Blank reports whether a device without an account is connected under this client id.
func (s *Server) Blank(client string) bool {
	s.mu.Lock()
	m := s.mochi
	s.mu.Unlock()
	if m == nil {
		return false
	}
	cl, ok := m.Clients.Get(client)
	return ok && !cl.Closed() && cl.Net.Listener == forOthers && len(cl.Properties.Username) == 0
}

// Connected counts the connections of each account.
func (s *Server) Connected() map[string]int {
	s.mu.Lock()
	d := s.door
	s.mu.Unlock()
	out := map[string]int{}
	if d == nil {
		return out
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, v := range d.visitors {
		if v.user != "" {
			out[v.user]++
		}
	}
	return out
}

// Drop ends the connections of an account, or of everybody who has none with an empty name.
func (s *Server) Drop(user string) {
	s.mu.Lock()
	m := s.mochi
	s.mu.Unlock()
	if m == nil {
		return
	}
	for _, cl := range inside(m, forOthers) {
		if string(cl.Properties.Username) == user {
			cl.Stop(fmt.Errorf("the account changed"))
		}
	}
}
