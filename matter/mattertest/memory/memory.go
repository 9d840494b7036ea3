// Package memory is storage for tests: without a disk, but with its faults. It knows nothing else of a node, so that the
// tests of every package below matter can use it.
package memory

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"sync"
)

// Store keeps octets under keys, as matter.Storage wants it. Its methods may be used by several goroutines.
type Store struct {
	mu      sync.Mutex
	kept    map[string][]byte
	unread  error
	fault   func(changes map[string][]byte) error
	applies int
}

// New returns an empty store.
func New() *Store { return &Store{kept: map[string][]byte{}} }

// Get returns what stands under a key.
func (s *Store) Get(key string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.kept[key]
	return bytes.Clone(b), ok, s.unread
}

// List returns all keys with a prefix.
func (s *Store) List(prefix string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][]byte{}
	for k, v := range s.kept {
		if strings.HasPrefix(k, prefix) {
			out[k] = bytes.Clone(v)
		}
	}
	return out, s.unread
}

// Apply changes all or, when the fault says so, nothing.
func (s *Store) Apply(changes map[string][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applies++
	if s.fault != nil {
		if err := s.fault(changes); err != nil {
			return err
		}
	}
	for k, v := range changes {
		if v == nil {
			delete(s.kept, k)
		} else {
			s.kept[k] = bytes.Clone(v)
		}
	}
	return nil
}

// Put stores a value, whatever the fault says.
func (s *Store) Put(key string, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[key] = value
}

// Clone is what a power cut leaves at this moment.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Store{kept: maps.Clone(s.kept)}
}

// Fault lets f refuse changes from now on; nil for a disk that works. f must not use the store.
func (s *Store) Fault(f func(changes map[string][]byte) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Full is the fault of a full disk.
func Full(map[string][]byte) error { return errors.New("disk full") }

// Unreadable makes everything unreadable; nil makes it readable again.
func (s *Store) Unreadable(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread = err
}

// Applies is how often something was to be stored.
func (s *Store) Applies() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applies
}

// All returns everything.
func (s *Store) All() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.kept)
}
