package commission

import (
	"maps"
	"strings"
	"sync"

	"github.com/loquet/loquet/matter"
)

// storage lets a node serve its fabrics although nothing can be written: what it can do without after a restart lives in
// memory then. Everything else is refused, so that nobody is told that something was kept.
type storage struct {
	under matter.Storage

	mu    sync.Mutex
	aside map[string][]byte // records that could not be written; nil: deleted
}

func newStorage(under matter.Storage) *storage {
	return &storage{under: under, aside: map[string][]byte{}}
}

// Get implements matter.Storage.
func (s *storage) Get(key string) ([]byte, bool, error) {
	s.mu.Lock()
	value, aside := s.aside[key]
	s.mu.Unlock()
	if aside {
		return value, value != nil, nil
	}
	return s.under.Get(key)
}

// List implements matter.Storage.
func (s *storage) List(prefix string) (map[string][]byte, error) {
	out, err := s.under.List(prefix)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, value := range s.aside {
		if strings.HasPrefix(key, prefix) {
			out[key] = value
		}
	}
	maps.DeleteFunc(out, func(_ string, v []byte) bool { return v == nil })
	return out, nil
}

// Apply implements matter.Storage.
func (s *storage) Apply(changes map[string][]byte) error {
	err := s.under.Apply(changes)
	for key := range changes {
		if err != nil && !matter.Expendable(key) {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, value := range changes {
		if err == nil {
			delete(s.aside, key)
		} else {
			s.aside[key] = value
		}
	}
	return nil
}
