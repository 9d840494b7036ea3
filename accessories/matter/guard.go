package matter

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
)

// guard judges the PINs that come with commands. All locks share its count of wrong tries: whoever guesses gains nothing
// by going to the next lock.
type guard struct {
	mu    sync.Mutex
	count *access.Lockout // nil until the ledger could be read
}

// denied is why a PIN lets nobody in.
type denied struct {
	mistake doorlock.Mistake
	alarm   bool // too many were wrong, from now on
}

func (d *denied) Error() string { return "the PIN that came with the command lets nobody in" }

// Unwrap makes it a Failure on the wire, whatever was wrong with the PIN.
func (d *denied) Unwrap() error { return model.Failure }

// admit returns the code behind a PIN that may operate the lock now. A wrong one is on the disk before it is answered.
func (h *House) admit(lock string, pin []byte) (codeID string, err error) {
	g := &h.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	l, err := h.c.Register.Ledger()
	if err != nil {
		return "", errors.Join(model.Failure, err)
	}
	if g.count == nil {
		h.recall(lock, l)
	}
	now := time.Now()
	if g.count.Wait(now) > 0 {
		return "", &denied{mistake: doorlock.MistakeDisabled}
	}
	m, err := l.Find(h.c.Register.Group, seal.Secret{Keys: device.Keys(pin)})
	switch {
	case errors.Is(err, access.ErrUnknownCode):
		wait := g.count.Miss(now)
		if err := l.SaveTries(guessPlace, g.count.Record(now)); err != nil {
			h.notice(Notice{Lock: lock, Kind: NoticeUnsaved, Err: err})
		}
		if wait > 0 {
			h.notice(Notice{Lock: lock, Kind: NoticeClosed, Wait: wait})
		}
		return "", &denied{mistake: doorlock.MistakeCredential, alarm: wait > 0}
	case err != nil:
		return "", errors.Join(model.Failure, err)
	}
	d := access.Question{Person: m.Person, Code: m.Code, Door: lock, At: h.c.Register.Clock.Moment(), House: m.House}.Decide()
	if !d.Allowed {
		h.c.Log.Info().Str("device", lock).Str("code", m.Code.ID).Str("reason", string(d.Reason)).Msg("PIN refused")
		return "", &denied{mistake: doorlock.MistakeRestricted}
	}
	if g.count.Hit() {
		h.later(func(context.Context) { h.keepCount(lock, l) })
	}
	if m.Code.Duress {
		h.notice(Notice{Lock: lock, Kind: NoticeDuress, Code: m.Code.ID})
	}
	return m.Code.ID, nil
}

// recall reads the count of wrong tries of before.
func (h *House) recall(lock string, l Ledger) {
	record, ok, err := l.Tries(guessPlace)
	if err == nil && !ok {
		h.guard.count = &access.Lockout{}
		return
	}
	if err != nil {
		record = nil // as damaged
	}
	count, bad := access.RestoreLockout(record, time.Now())
	if h.guard.count = count; bad != nil {
		h.notice(Notice{Lock: lock, Kind: NoticeDamaged, Err: errors.Join(err, bad)})
	}
}

// keepCount writes the count down as it is by then.
func (h *House) keepCount(lock string, l Ledger) {
	h.guard.mu.Lock()
	defer h.guard.mu.Unlock()
	if err := l.SaveTries(guessPlace, h.guard.count.Record(time.Now())); err != nil {
		h.notice(Notice{Lock: lock, Kind: NoticeUnsaved, Err: err})
	}
}

func (h *House) notice(n Notice) {
	if h.c.Register.Notice != nil {
		h.c.Register.Notice(n)
	}
}
