package apitest

import (
	"context"
	"slices"

	"github.com/loquet/loquet/api"
)

// Holidays lists the holidays.
func (l *Ledger) Holidays(context.Context) ([]api.Holiday, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.holidays), l.Fail
}

// SaveHoliday adds or changes a holiday.
func (l *Ledger) SaveHoliday(_ context.Context, h api.Holiday) (api.Holiday, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holidays = append(slices.DeleteFunc(l.holidays, func(was api.Holiday) bool { return was.ID == h.ID }), h)
	return h, l.Fail
}

// RemoveHoliday removes a holiday.
func (l *Ledger) RemoveHoliday(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holidays = slices.DeleteFunc(l.holidays, func(was api.Holiday) bool { return was.ID == id })
	return l.Fail
}
