package matter

import (
	"strings"
	"time"

	"github.com/loquet/loquet/matter/session"
)

// Opening is how a node can be commissioned at a moment.
type Opening struct {
	Open  bool
	Own   bool      // with the codes of Setup; else with those of the administrator who opened it
	Until time.Time // zero: for as long as the node is in no fabric
	Spent bool      // too many wrong passcodes have closed it
}

// Opening says whether and how the node can be commissioned now.
func (s *Server) Opening() Opening {
	until := s.window.Until()
	s.mu.Lock()
	defer s.mu.Unlock()
	o := Opening{Spent: s.spent}
	if s.opening != nil {
		o.Open, o.Own, o.Until = true, s.opening.mode == 1, until
	}
	return o
}

// CloseWindow ends what OpenWindow or an administrator began, and undoes what a commissioner who came in has done so far. It
// fails with commissioning.ErrNotOpen when no window is open.
func (s *Server) CloseWindow() error {
	if err := s.window.Close(); err != nil {
		return err
	}
	s.failsafe.Expire()
	return nil
}

// Seen is how the controllers of a fabric are connected.
type Seen struct {
	Sessions int
	Last     time.Time // zero: not since the node started
}

// Seen says when a fabric was heard last.
func (s *Server) Seen(index uint8) Seen {
	s.mu.Lock()
	out := Seen{Last: s.heard[index]}
	s.mu.Unlock()
	for _, each := range s.sessions.All(func(each *session.Session) bool { return each.FabricIndex() == index && each.Kind() == session.CASE }) {
		out.Sessions++
		if at := each.ActiveAt(); at.After(out.Last) {
			out.Last = at
		}
	}
	return out
}

// Load is how much a node has to do.
type Load struct{ Sessions, Subscriptions int }

// Load counts now.
func (s *Server) Load() Load {
	return Load{Sessions: len(s.sessions.All(nil)), Subscriptions: int(s.engine.Load(0).Subscriptions)}
}

// ended remembers when the peer of a session was heard last.
func (s *Server) ended(each *session.Session) {
	if each.Kind() != session.CASE {
		return
	}
	index, at := each.FabricIndex(), each.ActiveAt()
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.After(s.heard[index]) {
		s.heard[index] = at
	}
}

// Expendable says whether a record of a node's storage may be lost with the process: counters of starts, versions of the
// structure, what makes controllers come back sooner. Where nothing can be written for a while, such records can live in
// memory, and the node serves its fabrics all the same.
func Expendable(key string) bool {
	return key == rebootsKey || key == structureKey || strings.HasPrefix(key, "resumption/") || strings.HasPrefix(key, "subscriptions/")
}

// Numbering says whether a record is one of the numbers of endpoints. Those of a node that nobody sees yet can be written
// together: what counts is that a number is kept before it is shown.
func Numbering(key string) bool {
	return key == endpointNextKey || strings.HasPrefix(key, endpointPrefix)
}
