package sigma

import "sync"

// remembered is how many first messages are kept in mind: more than anybody can record of a household in a while.
const remembered = 512

// seen knows the random numbers of the handshakes that were begun. Only who has the fabric's keys can make a first message for
// a number of his own, so that one that comes again was recorded: it is not worth a place.
type seen struct {
	mu    sync.Mutex
	all   map[[randomSize]byte]bool
	order [][randomSize]byte // oldest first
}

func (s *seen) has(random []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[[randomSize]byte(random)]
}

// add remembers a number; the oldest is forgotten for it when there are too many.
func (s *seen) add(random []byte) {
	k := [randomSize]byte(random)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[k] {
		return
	}
	if len(s.order) >= remembered {
		delete(s.all, s.order[0])
		s.order = append(s.order[:0], s.order[1:]...)
	}
	s.all[k] = true
	s.order = append(s.order, k)
}
