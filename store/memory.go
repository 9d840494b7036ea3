package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/loquet/loquet/device"
)

// Memory keeps what devices must not forget over a restart. It implements device.Memory.
type Memory struct{ space *Space }

var _ device.Memory = (*Memory)(nil)

// Recall returns what a device remembered; the zero value if it never did. A damaged memory is an
// error: the device was not new.
func (m *Memory) Recall(_ context.Context, id string) (device.Remembered, error) {
	var r device.Remembered
	data, ok, err := m.space.Get(id)
	if err != nil || !ok {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return device.Remembered{}, fmt.Errorf("memory of %s: %w", id, err)
	}
	return r, nil
}

// Remember is on the disk when it returns.
func (m *Memory) Remember(_ context.Context, id string, r device.Remembered) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return m.space.Apply(map[string][]byte{id: data})
}
