package matter

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/loquet/loquet/matter/im"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/session"
)

// errProtocol is a message of another protocol in the middle of an interaction.
var errProtocol = errors.New("matter: a message of another protocol")

// exchange is what the interaction model sees of an exchange.
type exchange struct {
	x  *mrp.Exchange
	ep *mrp.Endpoint
}

func (e exchange) Session() im.Session { return controller{e.x.Session(), e.ep} }
func (e exchange) Close()              { e.x.Close() }
func (e exchange) Send(ctx context.Context, opcode uint8, payload []byte) error {
	return e.x.Send(ctx, opcode, payload, true)
}

func (e exchange) Receive(ctx context.Context) (uint8, []byte, error) {
	m, err := e.x.Receive(ctx)
	if err == nil && m.Protocol != im.Protocol {
		err = errProtocol
	}
	return m.Opcode, m.Payload, err
}

// controller is what the interaction model sees of a session.
type controller struct {
	s  *session.Session
	ep *mrp.Endpoint
}

func (c controller) Done() <-chan struct{} { return c.s.Done() }
func (c controller) Address() string {
	if a := c.s.Route().Addr; a != nil {
		return a.String()
	}
	return ""
}

func (c controller) Caller() model.Caller {
	return model.Caller{Auth: model.Auth(c.s.Kind()), Fabric: c.s.FabricIndex(), Node: c.s.PeerNode(), CATs: c.s.CATs(),
		Challenge: c.s.AttestationChallenge(), Adopt: c.s.SetFabricIndex, Session: uint64(c.s.ID())}
}

func (c controller) Open(context.Context) (im.Exchange, error) {
	x, err := c.ep.NewExchange(c.s, im.Protocol)
	if err != nil {
		return nil, err
	}
	return exchange{x, c.ep}, nil
}

// endings ends sessions whose right to be there has gone, each as soon as the interactions that run over it have been
// answered; it takes no new ones.
type endings struct {
	end func(*session.Session)

	mu     sync.Mutex
	busy   map[*session.Session]int
	doomed map[*session.Session]bool
}

func newEndings(end func(*session.Session)) *endings {
	return &endings{end: end, busy: map[*session.Session]int{}, doomed: map[*session.Session]bool{}}
}

// enter begins an interaction over a session; false when it is to end.
func (e *endings) enter(s *session.Session) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.doomed[s] {
		return false
	}
	e.busy[s]++
	return true
}

// leave ends an interaction, and the session when it was waiting for that.
func (e *endings) leave(s *session.Session) {
	e.mu.Lock()
	e.busy[s]--
	over := e.busy[s] == 0
	doomed := over && e.doomed[s]
	if over {
		delete(e.busy, s)
		delete(e.doomed, s)
	}
	e.mu.Unlock()
	if doomed {
		e.end(s)
	}
}

// doom ends sessions, now or when they are no longer busy.
func (e *endings) doom(list []*session.Session) {
	e.mu.Lock()
	now := slices.DeleteFunc(slices.Clone(list), func(s *session.Session) bool {
		if e.busy[s] > 0 {
			e.doomed[s] = true
			return true
		}
		return false
	})
	e.mu.Unlock()
	for _, s := range now {
		e.end(s)
	}
}
