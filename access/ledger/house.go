package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/loquet/loquet/access"
)

// ErrInUse is wrapped when a group of doors is removed that codes name.
var ErrInUse = errors.New("codes name this group of doors")

// house is what decides beside the codes. The caller holds the lock.
func (l *Ledger) house() (h access.House) {
	if len(l.groups) == 0 && len(l.breaks) == 0 {
		return h
	}
	for _, id := range slices.Sorted(maps.Keys(l.groups)) {
		h.Groups = append(h.Groups, l.groups[id])
	}
	for _, id := range slices.Sorted(maps.Keys(l.breaks)) {
		h.Holidays = append(h.Holidays, l.breaks[id])
	}
	return h
}

// House are the groups of doors and the holidays.
func (l *Ledger) House() access.House {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.house()
}

// SaveDoorGroup adds a group of doors, or changes the one of that id; without an id it gets one.
func (l *Ledger) SaveDoorGroup(g access.DoorGroup) (access.DoorGroup, error) {
	if g.ID == "" {
		g.ID = newID()
	}
	if err := g.Check(); err != nil {
		return g, err
	}
	return g, l.saveHouse(doorsKeys+g.ID, g, func() { l.groups[g.ID] = g })
}

// RemoveDoorGroup removes a group of doors that no code names.
func (l *Ledger) RemoveDoorGroup(id string) error {
	for _, c := range l.Codes() {
		if slices.Contains(c.Groups, id) {
			return fmt.Errorf("%w: code %s", ErrInUse, c.ID)
		}
	}
	return l.saveHouse(doorsKeys+id, nil, func() { delete(l.groups, id) })
}

// SaveHoliday adds a holiday, or changes the one of that id; without an id it gets one.
func (l *Ledger) SaveHoliday(h access.Holiday) (access.Holiday, error) {
	if h.ID == "" {
		h.ID = newID()
	}
	if err := h.Check(); err != nil {
		return h, err
	}
	return h, l.saveHouse(breakKeys+h.ID, h, func() { l.breaks[h.ID] = h })
}

// RemoveHoliday removes a holiday. One that is not there is no error.
func (l *Ledger) RemoveHoliday(id string) error {
	return l.saveHouse(breakKeys+id, nil, func() { delete(l.breaks, id) })
}

// saveHouse writes a record, or removes it where it is nil, and then takes it in.
func (l *Ledger) saveHouse(key string, record any, take func()) error {
	l.edit.Lock()
	defer l.done()
	if err := l.whole(); err != nil {
		return err
	}
	var value []byte
	if record != nil {
		var err error
		if value, err = json.Marshal(record); err != nil {
			return err
		}
	}
	if err := l.space.Apply(map[string][]byte{key: value}); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	take()
	delete(l.damaged, key)
	return nil
}
