package homekit

import (
	"sync"
	"time"
)

// Seen is when a controller was last heard, in this run of the program.
type Seen struct {
	Sessions int       // verified connections that are open now
	Last     time.Time // its last request; zero if there was none
	Answers  Answers
}

// visits remembers when controllers left, and how long they waited.
type visits struct {
	mu    sync.Mutex
	last  map[string]int64 // unix nanoseconds, by controller
	waits map[string]*waits
}

func (v *visits) waited(controller string, d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.waits[controller]
	if w == nil {
		w = &waits{}
		if v.waits == nil {
			v.waits = map[string]*waits{}
		}
		v.waits[controller] = w
	}
	w.add(d)
}

func (v *visits) left(controller string, at int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last == nil {
		v.last = map[string]int64{}
	}
	v.last[controller] = max(v.last[controller], at)
}

// Seen returns when a controller was last heard. The controller is one of Pairings.
func (s *Server) Seen(controller string) Seen {
	out := Seen{}
	s.visits.mu.Lock()
	last := s.visits.last[controller]
	if w := s.visits.waits[controller]; w != nil {
		out.Answers = w.figures()
	}
	s.visits.mu.Unlock()
	for _, c := range s.admission.all() {
		if who := c.who.Load(); who != nil && *who == controller {
			out.Sessions++
			last = max(last, c.active.Load())
		}
	}
	if last != 0 {
		out.Last = time.Unix(0, last)
	}
	return out
}

// note remembers that the session is shown the present value. Only what can be written matters: see Write.Told. It
// runs under the session's lock and the table's.
func (ss *session) note(a *attribute) {
	if !a.can(permWrite) {
		return
	}
	if ss.seen == nil {
		ss.seen = map[ID]uint64{}
	}
	ss.seen[a.ID] = a.version
}

func (ss *session) saw(a *attribute) {
	if ss == nil || !a.can(permWrite) {
		return
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.note(a)
}

func (ss *session) sawAll(version uint64) {
	if ss == nil {
		return
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.seenAll = version
}

func (ss *session) knows(a *attribute) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	v, ok := ss.seen[a.ID]
	return ok && v >= a.version || ss.seenAll >= a.version && ss.seenAll > 0
}
