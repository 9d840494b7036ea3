package matter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
)

// Holiday implements doorlock.Holidays.
func (b *book) Holiday(index uint8) (doorlock.Holiday, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, t, err := b.open()
	if err != nil {
		return doorlock.Holiday{}, false
	}
	h, ok := t.Holidays[index]
	return h, ok
}

// SaveHoliday implements doorlock.Holidays: in a vacation only codes of owners open this lock.
func (b *book) SaveHoliday(index uint8, h doorlock.Holiday) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, t, err := b.open()
	if err != nil {
		return err
	}
	mode := access.HolidayUsual
	if h.Mode == doorlock.ModeVacation {
		mode = access.HolidayOwners
	}
	holiday := access.Holiday{ID: b.holidayID(index), From: wall(h.Start, 59), To: wall(h.End, 0), Zone: b.house.c.Register.Zone().String(), Mode: mode, Doors: []string{b.lock}}
	if err := holiday.Check(); err != nil {
		return fmt.Errorf("%w: %w", model.ConstraintError, err)
	}
	if _, err := l.SaveHoliday(holiday); err != nil {
		return fault(err)
	}
	t.Holidays[index] = h
	return b.keep(t)
}

// RemoveHoliday implements doorlock.Holidays.
func (b *book) RemoveHoliday(index uint8) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, t, err := b.open()
	if err != nil {
		return err
	}
	if err := l.RemoveHoliday(b.holidayID(index)); err != nil {
		return fault(err)
	}
	delete(t.Holidays, index)
	return b.keep(t)
}

// holidayID is the record of a holiday in the ledger, the same one whenever it is set.
func (b *book) holidayID(index uint8) string {
	sum := sha256.Sum256([]byte(b.lock))
	return fmt.Sprintf("matter-%s-%d", hex.EncodeToString(sum[:8]), index)
}
