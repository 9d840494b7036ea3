package apitest

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/loquet/loquet/api"
)

// Found puts what nobody knows into places of locks. Place 9 is of a lock that does not show its digits.
func (l *Ledger) Found(found ...api.UnknownCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unknown = found
}

// UnknownCodes lists it.
func (l *Ledger) UnknownCodes(context.Context) ([]api.UnknownCode, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.unknown), l.Fail
}

func (l *Ledger) place(lock string, slot int) (int, error) {
	i := slices.IndexFunc(l.unknown, func(u api.UnknownCode) bool { return u.Lock == lock && u.Slot == slot })
	if i < 0 {
		return 0, fmt.Errorf("place %d of %s: %w", slot, lock, api.ErrNotFound)
	}
	return i, l.Fail
}

// AdoptCode gives a person a code of that many digits.
func (l *Ledger) AdoptCode(ctx context.Context, lock string, slot int, person string) (api.Code, error) {
	l.mu.Lock()
	i, err := l.place(lock, slot)
	l.mu.Unlock()
	switch {
	case err != nil:
		return api.Code{}, err
	case slot == 9:
		return api.Code{}, &api.Error{Status: http.StatusConflict, Code: "not-shown", Title: "Nobody knows the digits", Why: "the lock does not show the digits of this code", Remedy: "clear it"}
	}
	c, err := l.AddCode(ctx, api.CodeRequest{Person: person, PIN: Made, Doors: &[]string{lock}})
	if err == nil {
		l.mu.Lock()
		l.unknown = slices.Delete(l.unknown, i, i+1)
		l.mu.Unlock()
	}
	return c.Code, err
}

// LeaveUnknownCode leaves it.
func (l *Ledger) LeaveUnknownCode(_ context.Context, lock string, slot int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, err := l.place(lock, slot)
	if err == nil {
		l.unknown[i].Left = true
	}
	return err
}

// ClearUnknownCode clears it.
func (l *Ledger) ClearUnknownCode(_ context.Context, lock string, slot int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, err := l.place(lock, slot)
	if err == nil {
		l.unknown = slices.Delete(l.unknown, i, i+1)
	}
	return err
}
