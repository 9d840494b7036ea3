package people

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/copies"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
)

// Locks are the locks that keep codes of their own. Their errors are those of access/copies.
type Locks interface {
	Found() []copies.Found
	Going() []copies.Copy
	Leave(lock string, slot int) error
	Reveal(ctx context.Context, lock string, slot int) (device.Keys, error)
	Clear(ctx context.Context, lock string, slot int) error
}

// lockTime is how long an owner waits for a lock: less than for the answer of the API.
const lockTime = 25 * time.Second

// UnknownCodes implements api.Ledger.
func (p *People) UnknownCodes(context.Context) ([]api.UnknownCode, error) {
	if p.Locks == nil {
		return nil, nil
	}
	var out []api.UnknownCode
	for _, f := range p.Locks.Found() {
		out = append(out, api.UnknownCode{Lock: f.Lock, Slot: f.Slot, Off: f.Off, Digits: f.Digits, First: f.First.In(p.Zone()), Seen: f.Seen.In(p.Zone()), Left: f.Left})
	}
	for _, c := range p.Locks.Going() {
		out = append(out, api.UnknownCode{Lock: c.Lock, Slot: c.Slot, Going: c.Code, Why: c.Why})
	}
	return out, nil
}

// AdoptCode implements api.Ledger. The PIN obeys the rules of any other: one that is too easy, or somebody's already, is
// refused.
func (p *People) AdoptCode(ctx context.Context, lock string, slot int, person string) (api.Code, error) {
	l, err := p.open()
	if err != nil {
		return api.Code{}, err
	}
	if p.Locks == nil {
		return api.Code{}, excuse(copies.ErrNothingFound)
	}
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	keys, err := p.Locks.Reveal(ctx, lock, slot)
	if err != nil {
		return api.Code{}, excuse(err)
	}
	if err := access.CheckPIN(keys); err != nil {
		return api.Code{}, explain(err)
	}
	c, err := l.AddCode(access.Code{Person: person, Doors: []string{lock}, Windows: []access.Window{{Kind: access.Always}}}, p.Group, seal.Secret{Keys: keys})
	if err != nil {
		return api.Code{}, explain(err)
	}
	return p.codeOf(l, c), nil
}

// LeaveUnknownCode implements api.Ledger.
func (p *People) LeaveUnknownCode(_ context.Context, lock string, slot int) error {
	if p.Locks == nil {
		return excuse(copies.ErrNothingFound)
	}
	return excuse(p.Locks.Leave(lock, slot))
}

// ClearUnknownCode implements api.Ledger.
func (p *People) ClearUnknownCode(ctx context.Context, lock string, slot int) error {
	if p.Locks == nil {
		return excuse(copies.ErrNothingFound)
	}
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	return excuse(p.Locks.Clear(ctx, lock, slot))
}

// excuse is the one place where an error about a place of a lock becomes an answer.
func excuse(err error) error {
	answer := func(status int, code, title, remedy string) error {
		return &api.Error{Status: status, Code: code, Title: title, Why: err.Error(), Remedy: remedy, Err: err}
	}
	switch {
	case errors.Is(err, copies.ErrNothingFound):
		return answer(http.StatusNotFound, "not-found", "There is nothing", "loquet codes unknown lists what was found")
	case errors.Is(err, copies.ErrOtherNow):
		return answer(http.StatusConflict, "changed", "It is something else by now", "loquet codes unknown shows what it is; say it again if you mean that")
	case errors.Is(err, copies.ErrNotShown):
		return answer(http.StatusConflict, "not-shown", "Nobody knows the digits", "clear it, and give that person a code: loquet codes add")
	case errors.Is(err, copies.ErrOff):
		return answer(http.StatusConflict, "off", "It opens nothing", "clear it, and give that person a code: loquet codes add")
	case errors.Is(err, copies.ErrNotCleared):
		return answer(http.StatusConflict, "not-cleared", "It is still there", "take it out at the lock itself, as its manual says")
	case errors.Is(err, copies.ErrNoAnswer):
		return answer(http.StatusServiceUnavailable, "lock-unavailable", "The lock does not answer", "see that the lock has power and is in reach, look with loquet codes unknown whether it was done, and say it again")
	}
	return err
}
