package commission

import (
	"maps"
	"strings"
	"sync"

	"github.com/loquet/loquet/matter"
)

// storage is where a node keeps what it remembers. What it can do without after a restart is written often: it has a place of
// its own, away from what must never be lost; and when that place cannot be written it lives in memory, so that the node
// serves its fabrics all the same. Everything else is refused then, so that nobody is told that something was kept.
type storage struct {
	precious, light matter.Storage

	mu       sync.Mutex
	aside    map[string][]byte // records of light that could not be written; nil: deleted
	gathered map[string][]byte // numbers of endpoints that are to be written together; nil: each at once
}

func newStorage(precious, light matter.Storage) *storage {
	return &storage{precious: precious, light: light, aside: map[string][]byte{}}
}

// Get implements matter.Storage.
func (s *storage) Get(key string) ([]byte, bool, error) {
	if !matter.Expendable(key) {
		s.mu.Lock()
		value, ok := s.gathered[key]
		s.mu.Unlock()
		if ok {
			return value, true, nil
		}
		return s.precious.Get(key)
	}
	s.mu.Lock()
	value, aside := s.aside[key]
	s.mu.Unlock()
	if aside {
		return value, value != nil, nil
	}
	value, ok, err := s.light.Get(key)
	if err != nil {
		value, ok = nil, false // damaged: the node does without
	}
	return value, ok, nil
}

// List implements matter.Storage. A prefix lies on one side.
func (s *storage) List(prefix string) (map[string][]byte, error) {
	if !matter.Expendable(prefix) {
		return s.precious.List(prefix)
	}
	out, err := s.light.List(prefix)
	if err != nil {
		out = map[string][]byte{}
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
	precious, light := map[string][]byte{}, map[string][]byte{}
	for key, value := range changes {
		if matter.Expendable(key) {
			light[key] = value
		} else {
			precious[key] = value
		}
	}
	if len(precious) > 0 && !s.gather(precious) {
		if err := s.precious.Apply(precious); err != nil {
			return err
		}
	}
	if len(light) == 0 {
		return nil
	}
	err := s.light.Apply(light)
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, value := range light {
		if err == nil {
			delete(s.aside, key)
		} else {
			s.aside[key] = value
		}
	}
	return nil
}

// begin gathers the numbers of endpoints until keep: a house of a hundred locks is written once, not a hundred times.
func (s *storage) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathered = map[string][]byte{}
}

// gather takes numbers of endpoints aside, if it is the time for that.
func (s *storage) gather(changes map[string][]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gathered == nil {
		return false
	}
	for key := range changes {
		if !matter.Numbering(key) {
			return false
		}
	}
	maps.Copy(s.gathered, changes)
	return true
}

// keep writes what was gathered.
func (s *storage) keep() error {
	s.mu.Lock()
	all := s.gathered
	s.gathered = nil
	s.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	return s.precious.Apply(all)
}
