package haptest

import (
	"bytes"
	"errors"
	"strings"
	"sync"
)

// Memory is a storage for servers under test. Its fields make it fail; set them before use or under Lock.
type Memory struct {
	sync.Mutex
	Records map[string][]byte
	Damaged map[string]bool // Get and List of these fail
	Full    bool            // Apply fails
}

// NewMemory is an empty storage.
func NewMemory() *Memory { return &Memory{Records: map[string][]byte{}, Damaged: map[string]bool{}} }

var errDamaged = errors.New("haptest: this record is damaged")

// Get returns a record.
func (m *Memory) Get(key string) ([]byte, bool, error) {
	m.Lock()
	defer m.Unlock()
	if m.Damaged[key] {
		return nil, false, errDamaged
	}
	b, ok := m.Records[key]
	return bytes.Clone(b), ok, nil
}

// List returns the records whose key begins with prefix.
func (m *Memory) List(prefix string) (map[string][]byte, error) {
	m.Lock()
	defer m.Unlock()
	all := map[string][]byte{}
	for key := range m.Damaged {
		if strings.HasPrefix(key, prefix) {
			return nil, errDamaged
		}
	}
	for key, b := range m.Records {
		if strings.HasPrefix(key, prefix) {
			all[key] = bytes.Clone(b)
		}
	}
	return all, nil
}

// Apply changes records; nil deletes.
func (m *Memory) Apply(changes map[string][]byte) error {
	m.Lock()
	defer m.Unlock()
	if m.Full {
		return errors.New("haptest: no space left")
	}
	for key, b := range changes {
		if b == nil {
			delete(m.Records, key)
		} else {
			m.Records[key] = bytes.Clone(b)
		}
	}
	return nil
}

// Clone copies the records.
func (m *Memory) Clone() *Memory {
	m.Lock()
	defer m.Unlock()
	c := NewMemory()
	for key, b := range m.Records {
		c.Records[key] = bytes.Clone(b)
	}
	return c
}
