package im

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/events"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// Exchange is one conversation with a controller. Send is reliable: it returns when the message is on its way and tells
// of a peer that does not acknowledge by an error of Send or of the next Receive. Receive honours its context.
type Exchange interface {
	Session() Session
	Send(ctx context.Context, opcode uint8, payload []byte) error
	Receive(ctx context.Context) (opcode uint8, payload []byte, err error)
	Close()
}

// Session is the secure session an exchange runs over.
type Session interface {
	// Caller says who the peer is at this moment.
	Caller() model.Caller
	// Open begins an exchange with the peer.
	Open(ctx context.Context) (Exchange, error)
	// Done is closed when the session has ended.
	Done() <-chan struct{}
	// Address is where the peer was last heard, in a form that Config.Dial understands; empty for unknown.
	Address() string
}

// Access says what a caller may do at a place.
type Access interface {
	Level(c *model.Caller, at acl.Place) model.Privilege
}

// Storage keeps subscriptions over a restart. Apply is all or nothing; a nil value deletes.
type Storage interface {
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

// Config says what an engine serves, and its limits. Node and Access are needed.
type Config struct {
	Node   *model.Node
	Access Access
	Events *events.Log // nil: the node has no events
	// Storage and Dial resume subscriptions: without them a subscription ends with its session. Dial opens a session
	// to a node of a fabric; address is where it was last heard.
	Storage Storage
	Dial    func(ctx context.Context, fabric uint8, node uint64, address string) (Session, error)

	MaxPayload             int           // octets of a message's payload; 0 is 1150, which fits IPv6's least MTU
	MaxInvokes             int           // commands of one invoke request; 0 is 10
	MaxSubscriptions       int           // of one fabric; 0 is 24
	MaxSubscriptionsInAll  int           // 0 is 120
	ResponseTimeout        time.Duration // how long a controller may take with the next message; 0 is 30 s
	ResumeAfter, ResumeFor time.Duration // first wait before a lost subscription is resumed, and for how long; 0 is 5 s and 2 h
	// Failed hears of an interaction that broke off: no answer, a message that is not valid. It must not wait.
	Failed func(error)
}

// Engine serves interactions. It is safe for use by several goroutines.
type Engine struct {
	c   Config
	ctx context.Context
	end context.CancelFunc
	run sync.WaitGroup

	mu            sync.Mutex
	subscriptions map[uint32]*subscription
	hurry         chan struct{} // closed, and made anew, when who waits to dial shall do so now
	closed        bool

	established, sent, received atomic.Uint32
}

// New returns an engine. Close ends it.
func New(c Config) *Engine {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	wait := func(v *time.Duration, to time.Duration) {
		if *v == 0 {
			*v = to
		}
	}
	set(&c.MaxPayload, 1150)
	set(&c.MaxInvokes, 10)
	set(&c.MaxSubscriptions, 24)
	set(&c.MaxSubscriptionsInAll, 120)
	wait(&c.ResponseTimeout, 30*time.Second)
	wait(&c.ResumeAfter, 5*time.Second)
	wait(&c.ResumeFor, 2*time.Hour)
	if c.Failed == nil {
		c.Failed = func(error) {}
	}
	e := &Engine{c: c, subscriptions: map[uint32]*subscription{}, hurry: make(chan struct{})}
	e.ctx, e.end = context.WithCancel(context.Background())
	return e
}

// Close ends all subscriptions, which can be resumed by the next engine, and waits for their goroutines.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.end()
	e.run.Wait()
}

// Handle serves the interaction that a first message begins, and closes the exchange.
func (e *Engine) Handle(ctx context.Context, ex Exchange, opcode uint8, payload []byte) {
	defer ex.Close()
	e.received.Add(1)
	if err := e.handle(ctx, ex, opcode, payload); err != nil {
		var status model.Status
		switch {
		case errors.As(err, &status):
		case errors.Is(err, errInvalid), errors.Is(err, tlv.ErrEncoding), errors.Is(err, tlv.ErrLimit), errors.Is(err, tlv.ErrMissing), errors.Is(err, tlv.ErrType):
			status = model.InvalidAction
		default:
			e.c.Failed(err)
			return
		}
		e.c.Failed(err)
		_ = e.status(ctx, ex, status)
	}
}

func (e *Engine) handle(ctx context.Context, ex Exchange, opcode uint8, payload []byte) error {
	timed := false
	if opcode == OpTimedRequest {
		timed = true
		var err error
		if opcode, payload, err = e.timed(ctx, ex, payload); err != nil {
			return err
		}
	}
	switch opcode {
	case OpReadRequest:
		return e.read(ctx, ex, payload)
	case OpSubscribeRequest:
		return e.subscribe(ctx, ex, payload)
	case OpWriteRequest:
		return e.write(ctx, ex, payload, timed)
	case OpInvokeRequest:
		return e.invoke(ctx, ex, payload, timed)
	case OpStatusResponse, OpSubscribeResponse, OpReportData, OpWriteResponse, OpInvokeResponse:
		if timed {
			return model.InvalidAction
		}
		return nil // an answer that nobody waits for any more
	}
	return model.InvalidAction
}

// timed answers a timed request and waits for what it announces (Matter 1.4 section 8.8). The time begins when the request
// came in.
func (e *Engine) timed(ctx context.Context, ex Exchange, payload []byte) (uint8, []byte, error) {
	ms, err := parseTimedRequest(payload)
	if err != nil {
		return 0, nil, err
	}
	deadline := time.Now().Add(time.Duration(ms) * time.Millisecond)
	if err := e.status(ctx, ex, model.Success); err != nil {
		return 0, nil, err
	}
	opcode, next, err := e.receive(ctx, ex)
	switch {
	case err != nil:
		return 0, nil, err
	case time.Now().After(deadline):
		return 0, nil, model.Timeout
	case opcode != OpWriteRequest && opcode != OpInvokeRequest:
		return 0, nil, model.InvalidAction
	}
	return opcode, next, nil
}

func (e *Engine) send(ctx context.Context, ex Exchange, opcode uint8, payload []byte) error {
	e.sent.Add(1)
	return ex.Send(ctx, opcode, payload)
}

func (e *Engine) receive(ctx context.Context, ex Exchange) (uint8, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, e.c.ResponseTimeout)
	defer cancel()
	opcode, payload, err := ex.Receive(ctx)
	if err == nil {
		e.received.Add(1)
	}
	return opcode, payload, err
}

func (e *Engine) status(ctx context.Context, ex Exchange, s model.Status) error {
	w := tlv.NewWriter(make([]byte, 0, 16))
	w.Struct(tlv.Anonymous())
	w.Uint(tlv.Context(0), uint64(s))
	b, err := finish(w)
	if err != nil {
		return err
	}
	return e.send(ctx, ex, OpStatusResponse, b)
}

// finish adds the revision and closes the message.
func finish(w *tlv.Writer) ([]byte, error) {
	w.Uint(tlv.Context(revisionTag), Revision)
	w.End()
	return w.Finish()
}

// confirmed waits for the status response that lets a chunked answer go on.
func (e *Engine) confirmed(ctx context.Context, ex Exchange) error {
	opcode, payload, err := e.receive(ctx, ex)
	if err != nil {
		return err
	}
	if opcode != OpStatusResponse {
		return errRefused{model.InvalidAction}
	}
	s, err := parseStatusResponse(payload)
	if err != nil {
		return err
	}
	if s != uint8(model.Success) {
		return errRefused{model.Status(s)}
	}
	return nil
}

// errRefused is a controller that does not want the rest. It is not answered.
type errRefused struct{ status model.Status }

func (e errRefused) Error() string { return "matter/im: the controller ended it: " + e.status.String() }

// Load counts what the diagnostics show.
type Load struct {
	Subscriptions, SubscriptionsOfFabric  uint16
	Established, MessagesSent, MessagesIn uint32
}

// Load returns the counts as of now.
func (e *Engine) Load(fabric uint8) Load {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := Load{Subscriptions: uint16(len(e.subscriptions)), Established: e.established.Load(), MessagesSent: e.sent.Load(), MessagesIn: e.received.Load()}
	for _, s := range e.subscriptions {
		if s.fabric == fabric {
			l.SubscriptionsOfFabric++
		}
	}
	return l
}

func (e *Engine) level(c *model.Caller, endpoint *model.Endpoint, cluster uint32) model.Privilege {
	return e.c.Access.Level(c, acl.Place{Endpoint: endpoint.ID(), DeviceTypes: endpoint.DeviceTypes(), Cluster: cluster})
}
