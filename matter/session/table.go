package session

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"
)

// ErrFull is returned when no session id is free.
var ErrFull = errors.New("session: table full")

// DefaultSize leaves room for three sessions on each of sixteen fabrics and some more (Matter 1.4 4.14.2.8).
const DefaultSize = 64

// Table holds the secure sessions of a node. It may be used by several goroutines.
type Table struct {
	size int

	mu       sync.Mutex
	sessions map[uint16]*Session
	reserved map[uint16]struct{}
	next     uint16
	watchers []func(*Session)
}

// NewTable makes a table for at most size sessions.
func NewTable(size int) *Table {
	var b [2]byte
	_, _ = rand.Read(b[:])
	return &Table{size: size, sessions: map[uint16]*Session{}, reserved: map[uint16]struct{}{}, next: binary.LittleEndian.Uint16(b[:])}
}

// OnClose calls f after each session that ends, without any lock held. Call it before the table is used.
func (t *Table) OnClose(f func(*Session)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watchers = append(t.watchers, f)
}

// Reserve hands out a session id for a handshake that has begun. Release gives it back, Add takes it for good.
func (t *Table) Reserve() (uint16, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.reserved) >= t.size {
		return 0, ErrFull
	}
	for range 1 << 16 {
		t.next++
		if _, held := t.reserved[t.next]; held || t.next == 0 || t.sessions[t.next] != nil {
			continue
		}
		t.reserved[t.next] = struct{}{}
		return t.next, nil
	}
	return 0, ErrFull
}

// Release gives back a reserved id.
func (t *Table) Release(id uint16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.reserved, id)
}

// Add takes an established session in. When the table is full, the session that was used least recently ends and is
// returned, so that its peer can be told; a fabric's last session is only taken when every fabric has just one, and
// a PASE session never.
func (t *Table) Add(s *Session) (evicted *Session, err error) {
	t.mu.Lock()
	delete(t.reserved, s.ID())
	if len(t.sessions) >= t.size {
		if evicted = t.victim(s.FabricIndex()); evicted == nil {
			t.mu.Unlock()
			return nil, ErrFull
		}
		delete(t.sessions, evicted.ID())
	}
	t.sessions[s.ID()] = s
	t.mu.Unlock()
	if evicted != nil {
		t.ended(evicted)
	}
	return evicted, nil
}

// victim is the session to end for one more of the fabric.
func (t *Table) victim(fabric uint8) *Session {
	count := map[uint8]int{fabric: 1}
	for _, s := range t.sessions {
		count[s.FabricIndex()]++
	}
	var best, last *Session
	for _, s := range t.sessions {
		if s.Kind() == PASE {
			continue
		}
		if older(s, last) {
			last = s
		}
		if count[s.FabricIndex()] > 1 && older(s, best) {
			best = s
		}
	}
	if best != nil {
		return best
	}
	return last
}

func older(s, than *Session) bool { return than == nil || s.usedAt().Before(than.usedAt()) }

// Get returns the session with an id of this node, or nil.
func (t *Table) Get(id uint16) *Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sessions[id]
}

// All returns the sessions for which keep is true; nil keeps all.
func (t *Table) All(keep func(*Session) bool) []*Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*Session
	for _, s := range t.sessions {
		if keep == nil || keep(s) {
			all = append(all, s)
		}
	}
	return all
}

// HasPASE says whether somebody holds a session with the passcode.
func (t *Table) HasPASE() bool {
	return len(t.All(func(s *Session) bool { return s.Kind() == PASE })) > 0
}

// Remove ends a session.
func (t *Table) Remove(s *Session) {
	t.mu.Lock()
	held := t.sessions[s.ID()] == s
	if held {
		delete(t.sessions, s.ID())
	}
	t.mu.Unlock()
	if held {
		t.ended(s)
	}
}

// RemoveFabric ends all sessions of a fabric, except one (nil: all). The one over which the removal was asked for is
// ended by its caller, after the answer.
func (t *Table) RemoveFabric(index uint8, except *Session) {
	for _, s := range t.All(func(s *Session) bool { return s != except && s.FabricIndex() == index }) {
		t.Remove(s)
	}
}

// RemoveAll ends all sessions.
func (t *Table) RemoveAll() {
	for _, s := range t.All(nil) {
		t.Remove(s)
	}
}

func (t *Table) ended(s *Session) {
	s.close()
	t.mu.Lock()
	watchers := t.watchers
	t.mu.Unlock()
	for _, f := range watchers {
		f(s)
	}
}
