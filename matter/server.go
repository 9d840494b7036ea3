package matter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/events"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/im"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/pase"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/sigma"
)

// Server is a Matter node that bridges devices.
type Server struct {
	c       Config
	secret  secret
	numbers sync.Mutex

	table    *fabric.Table
	failsafe *commissioning.Failsafe
	window   *commissioning.Window
	log      *events.Log
	node     *model.Node
	engine   *im.Engine
	sessions *session.Table
	resume   *sigma.Resumptions
	pase     *pase.Responder
	sigma    sigma.Config
	endings  *endings
	basic    *cluster.BasicInformation
	diag     *cluster.GeneralDiagnostics

	endpoint *mrp.Endpoint
	conns    []net.PacketConn
	wake     chan struct{}
	stop     context.CancelFunc
	run      sync.WaitGroup

	mu      sync.Mutex
	opening *opening
	own     bool                // the opening is for the node's own passcode, because it is in no fabric
	spent   bool                // too many wrong passcodes since the last time it was opened
	gone    []uint8             // fabrics that left and are to be cleaned up after
	heard   map[uint8]time.Time // when sessions of a fabric that have ended were heard last
}

// New makes a server from what is stored. It fails with ErrState rather than taking a new identity.
func New(c Config) (*Server, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.defaults()
	s := &Server{c: c, wake: make(chan struct{}, 1), sessions: session.NewTable(session.DefaultSize), heard: map[uint8]time.Time{}}
	s.sessions.OnClose(s.ended)
	var err error
	if s.secret, err = loadSecret(&c); err != nil {
		return nil, err
	}
	if s.c.Attestation, err = loadAttestation(&c); err != nil {
		return nil, err
	}
	if s.table, err = fabric.Open(c.Storage, c.Fabrics); err != nil {
		return nil, err
	}
	if s.log, err = events.Open(c.Storage); err != nil {
		return nil, err
	}
	if s.resume, err = sigma.NewResumptions(4*c.Fabrics, c.Storage); err != nil {
		return nil, err
	}
	if err := s.resume.Retain(s.table.Fabrics()); err != nil {
		c.Failed(fmt.Errorf("matter: forget what is left of former fabrics: %w", err))
	}
	s.endings = newEndings(s.endSession)
	s.failsafe = commissioning.NewFailsafe(s.table, cluster.MostFailsafe)
	s.window = commissioning.NewWindow(entrance{s})
	s.pase = pase.New(pase.Config{Sessions: s.sessions, Params: session.OwnParams(), Established: s.passcodeProved, Failed: s.passcodeFailed})
	s.sigma = sigma.Config{Sessions: s.sessions, Fabrics: s.table, Resumptions: s.resume, Params: session.OwnParams(), Now: s.trustedTime,
		Evicted: s.farewell, Failed: s.failedIn(ErrHandshake)}
	s.node = model.NewNode(model.Config{Events: s.log, Revisions: c.Revisions})
	s.engine = im.New(s.interactions())
	s.table.Watch(s.fabricChanged)
	s.failsafe.OnEnd(s.failsafeEnded)
	return s, s.build()
}

func (s *Server) interactions() im.Config {
	return im.Config{Node: s.node, Access: s.table, Events: s.log, Storage: s.c.Storage, Dial: s.dial, Failed: s.failedIn(ErrInteraction),
		MaxInvokes: maxInvokes, MaxSubscriptions: maxSubscriptions}
}

// failedIn tells of errors as being about something.
func (s *Server) failedIn(what error) func(error) {
	return func(err error) { s.c.Failed(fmt.Errorf("%w: %w", what, err)) }
}

// Node returns the data model, to which endpoints can be added at any time.
func (s *Server) Node() *model.Node { return s.node }

// Setup returns what a commissioner needs to know.
func (s *Server) Setup() Setup { return s.secret.Setup }

// Fabrics returns the memberships. They must not be changed.
func (s *Server) Fabrics() []*fabric.Fabric { return s.table.All() }

// Start opens the sockets and serves until Stop. Start is called once.
func (s *Server) Start(ctx context.Context) error {
	conns := s.c.Conns
	if conns == nil {
		conn, err := s.listen(ctx)
		if err != nil {
			return err
		}
		conns = []net.PacketConn{conn}
	}
	s.conns = conns
	channel := securechannel.Handler{Sessions: s.sessions, PASE: s.pase.Handle, CASE: sigma.NewResponder(s.sigma).Handle}
	ep, err := mrp.New(mrp.Config{Conns: conns, Sessions: s.sessions, Handlers: map[uint32]mrp.ProtocolHandler{
		message.SecureChannel: channel.Handle, message.InteractionModel: s.interact}})
	if err != nil {
		return err
	}
	s.endpoint = ep
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.run.Go(func() {
		if err := ep.Run(run); err != nil && run.Err() == nil {
			s.c.Failed(fmt.Errorf("matter: serve: %w", err))
		}
	})
	select {
	case <-s.c.Settled:
		return s.begin(run)
	default:
	}
	s.run.Go(func() {
		select {
		case <-run.Done():
		case <-s.c.Settled:
			if err := s.begin(run); err != nil {
				s.c.Failed(err)
			}
		}
	})
	return nil
}

// begin is what a node does when its endpoints are there.
func (s *Server) begin(run context.Context) error {
	s.node.Watch(s.structureChanged)
	s.restructured()
	s.welcome()
	s.run.Go(func() { s.care(run) })
	s.basic.Started()
	s.diag.Started()
	s.poke()
	return s.engine.Resume(s.member)
}

// member says whether the node is in a fabric.
func (s *Server) member(index uint8) bool {
	_, ok := s.table.Get(index)
	return ok
}

// listen opens the configured port, or another one when that is taken.
func (s *Server) listen(ctx context.Context) (net.PacketConn, error) {
	var l net.ListenConfig
	conn, err := l.ListenPacket(ctx, "udp", s.c.Addr)
	if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
		return conn, err
	}
	s.c.Failed(fmt.Errorf("matter: another program has %s, so some ecosystems may not find this one: %w", s.c.Addr, err))
	host, _, err := net.SplitHostPort(s.c.Addr)
	if err != nil {
		return nil, err
	}
	return l.ListenPacket(ctx, "udp", net.JoinHostPort(host, "0"))
}

// Addr returns the address that is served; nil before Start.
func (s *Server) Addr() net.Addr {
	if len(s.conns) == 0 {
		return nil
	}
	return s.conns[0].LocalAddr()
}

func (s *Server) port() int {
	if a, ok := s.Addr().(*net.UDPAddr); ok {
		return a.Port
	}
	return Port
}

// NetworkChanged tells the server that interfaces or addresses of the machine have changed: diagnostics show it, and controllers
// that could not be reached are looked for again at once.
func (s *Server) NetworkChanged() {
	s.diag.NetworkChanged()
	s.engine.Hurry()
}

// Stop ends all sessions and waits until everything has ended. Controllers are told.
func (s *Server) Stop() {
	if s.stop == nil {
		return
	}
	s.basic.Stopping()
	s.engine.Close()
	for _, each := range s.sessions.All(nil) {
		s.endSession(each)
	}
	_ = s.window.Close() // it may be closed already
	s.pase.Close()
	s.failsafe.Expire()
	s.stop()
	s.run.Wait()
	s.log.Close()
	s.c.Advertise(nil)
}

// interact serves one interaction.
func (s *Server) interact(ctx context.Context, x *mrp.Exchange, first mrp.Message) {
	on := x.Session()
	if on == nil || !s.endings.enter(on) {
		return
	}
	defer s.endings.leave(on)
	select {
	case <-s.c.Settled:
	case <-ctx.Done():
		return
	case <-on.Done():
		return
	}
	s.engine.Handle(ctx, exchange{x, s.endpoint}, first.Opcode, first.Payload)
}

func (s *Server) endSession(each *session.Session) {
	s.sessions.Remove(each)
	s.farewell(each)
}

func (s *Server) farewell(each *session.Session) {
	if s.endpoint != nil {
		securechannel.Farewell(s.endpoint, each)
	}
}
