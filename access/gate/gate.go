// Package gate stands between a keypad and the doors it opens: what is typed becomes an entry, the entry a
// code, the code a person, and if the rules allow it a command with its cause. A right code waits for no
// disk; a wrong one is on the disk before its red light, so that cutting the power wins nobody a guess.
package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

// Door is what a right code at the keypad does to a device.
type Door struct {
	ID     string
	Action device.Action // ActionOpen or ActionUnlock
}

// Config says what a keypad is for.
type Config struct {
	Keypad string
	Group  string // the keypads that share codes
	Doors  []Door
	// Length ends an entry after that many digits; 0: it ends with # or when nothing more is pressed.
	Length int
	// Timeout is how long a key is waited for; 0: 8 s.
	Timeout time.Duration
}

const defaultTimeout = 8 * time.Second

// Codes are people and their codes. The errors of Find wrap access.ErrUnknownCode, which counts as a wrong
// try, or else access.ErrDamaged, then with the id of the code.
type Codes interface {
	Find(group string, secret seal.Secret) (access.Match, error)
	Tries(keypad string) (count []byte, ok bool, err error)
	SaveTries(keypad string, count []byte) error // on the disk when it returns nil
}

// Journal is the history. Flush returns when all that was recorded is on the disk.
type Journal interface {
	device.Journal
	Flush(ctx context.Context) error
}

// Uses counts how often a code was used. Take says so and counts one more use until done is called: two
// keypads at once use up a code only once. What is really used is counted from the history.
type Uses interface {
	Take(codeID string) (uses access.Uses, done func())
}

// Deps are what a gate works with. Command and Notice must be safe for use by several goroutines; Notice
// and Uses may be nil; without Uses no code opens that may be used so many times only.
type Deps struct {
	Pad     device.Keypad
	Codes   Codes
	Journal Journal
	Clock   access.Clock
	Uses    Uses
	Command func(ctx context.Context, door string, c device.Command) (device.Answer, error)
	Notice  func(Notice)
}

// Notice is something an owner should know of.
type Notice struct {
	Keypad string
	Kind   NoticeKind
	Wait   time.Duration // NoticeClosed: for how long
	Err    error         // the others: why
	Code   string        // NoticeDuress: the id of the code
}

// NoticeKind is the sort of a notice.
type NoticeKind uint8

// Kinds of notices.
const (
	NoticeNone    NoticeKind = iota
	NoticeClosed             // too many wrong tries
	NoticeUnsaved            // a wrong try is not on the disk: a power cut would forget it
	NoticeDamaged            // the count of wrong tries could not be read, and an hour is waited
	NoticeGone               // the keypad does not answer
	NoticeDuress             // a person types under duress; the keypad shows nothing of it
)

// Limits.
const (
	diskWait     = 3 * time.Second  // for a wrong try to be on the disk; after that no light is shown
	lightWait    = time.Second      // for the keypad to show a light
	ageing       = 10 * time.Minute // how often the age of wrong tries is written down
	reconnecting = 5 * time.Second
)

// Gate is one keypad at work.
type Gate struct {
	cfg     Config
	d       Deps
	lock    *access.Lockout
	scribe  scribe
	typed   typed
	half    *half // of a code that wants two; nil: none is waited for
	told    bool  // the history says already that this closed keypad was used
	damaged error
}

// New returns a gate that knows the wrong tries of before.
func New(cfg Config, d Deps) (*Gate, error) {
	if cfg.Keypad == "" || len(cfg.Doors) == 0 || cfg.Length != 0 && (cfg.Length < access.MinDigits || cfg.Length > access.MaxDigits) {
		return nil, fmt.Errorf("keypad %q: it opens nothing, or its entries have no length", cfg.Keypad)
	}
	for _, door := range cfg.Doors {
		if door.Action != device.ActionOpen && door.Action != device.ActionUnlock {
			return nil, fmt.Errorf("keypad %s: it can only open and unlock, and does neither to %s", cfg.Keypad, door.ID)
		}
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if d.Notice == nil {
		d.Notice = func(Notice) {}
	}
	g := &Gate{cfg: cfg, d: d, lock: &access.Lockout{}, typed: typed{length: cfg.Length}}
	count, ok, err := d.Codes.Tries(cfg.Keypad)
	switch {
	case err != nil:
		count = nil // as damaged
		fallthrough
	case ok:
		var bad error
		g.lock, bad = access.RestoreLockout(count, time.Now())
		g.damaged = errors.Join(err, bad)
	}
	return g, nil
}

// Run listens until ctx ends, and returns its error.
func (g *Gate) Run(ctx context.Context) error {
	g.scribe = newScribe(func(count []byte) error { return g.d.Codes.SaveTries(g.cfg.Keypad, count) })
	defer g.scribe.stop()
	if g.damaged != nil {
		g.notice(Notice{Kind: NoticeDamaged, Err: g.damaged})
	}
	g.write()                 // a try that the last process did not see the end of is counted now
	pause := time.NewTimer(0) // until the entry ends by itself
	<-pause.C
	age := time.NewTicker(ageing)
	defer age.Stop()
	defer pause.Stop()
	entries, again := g.d.Pad.Entries(ctx), (<-chan time.Time)(nil)
	for {
		select {
		case <-ctx.Done():
			if !g.lock.Quiet(time.Now()) {
				if err := g.keep(context.WithoutCancel(ctx)); err != nil {
					g.notice(Notice{Kind: NoticeUnsaved, Err: err})
				}
			}
			return ctx.Err()
		case e, ok := <-entries:
			if !ok {
				entries, again = nil, time.After(reconnecting)
				if ctx.Err() == nil {
					g.notice(Notice{Kind: NoticeGone, Err: device.ErrUnavailable})
				}
				continue
			}
			g.entry(ctx, e)
			pause.Reset(g.cfg.Timeout)
		case <-again:
			entries, again = g.d.Pad.Entries(ctx), nil
		case <-pause.C:
			g.end(ctx, time.Now())
			if now := time.Now(); g.half.over(now, g.cfg.Timeout) {
				g.lapse(ctx)
				g.show(ctx, device.Verdict{Kind: device.VerdictNotNow})
			} else if g.half != nil { // what was typed was its end, or came in between
				pause.Reset(g.cfg.Timeout)
			}
		case <-age.C:
			if !g.lock.Quiet(time.Now()) || g.scribe.dropped() {
				g.write()
			}
		}
	}
}

// entry takes in keys or a card.
func (g *Gate) entry(ctx context.Context, e device.KeypadEntry) {
	at := e.Arrived
	if at.IsZero() {
		at = time.Now()
	}
	if g.typed.stale(at, g.cfg.Timeout) {
		g.end(ctx, at) // the pause ended it, but nobody looked
	}
	if g.half.over(at, g.cfg.Timeout) {
		g.lapse(ctx)
	}
	if g.half != nil {
		g.half.last = at
	}
	if e.Card != nil {
		g.typed.clear()
		card := device.Card{Bits: e.Card.Bits, Data: append([]byte(nil), e.Card.Data...)}
		g.judge(ctx, seal.Secret{Card: &card}, fmt.Sprintf("card of %d bits", card.Bits), at)
		return
	}
	for _, key := range []byte(e.Keys) {
		if key == '*' {
			g.lapse(ctx)
		}
		if g.typed.press(key, at) {
			g.end(ctx, at)
		}
	}
	// A try is marked on the disk while the rest of it is typed. One that comes whole is not: its door would
	// have to share the disk with the mark, and a power cut would still come before it.
	if g.typed.n >= access.MinDigits && g.lock.Wait(time.Now()) == 0 && g.lock.Begin() {
		g.write()
	}
}

// end judges what was typed since the last entry ended: all of it, as one try. Whatever its length, no part
// of it is ever tried on its own.
func (g *Gate) end(ctx context.Context, at time.Time) {
	keys, n := g.typed.take()
	switch {
	case n == 0:
	case n < access.MinDigits && g.lock.Wait(time.Now()) == 0:
		g.show(ctx, device.Verdict{Kind: device.VerdictWrong}) // no PIN is that short: nothing was guessed
	default:
		g.judge(ctx, seal.Secret{Keys: keys}, fmt.Sprintf("%d digits", n), at)
	}
}

func (g *Gate) write() { g.scribe.later(g.lock.Record(time.Now())) }

// keep returns when the count is on the disk, or cannot be brought there.
func (g *Gate) keep(ctx context.Context) error {
	return g.scribe.now(ctx, g.lock.Record(time.Now()), diskWait)
}

func (g *Gate) show(ctx context.Context, v device.Verdict) {
	ctx, cancel := context.WithTimeout(ctx, lightWait)
	defer cancel()
	if err := g.d.Pad.Feedback(ctx, v); err != nil && ctx.Err() == nil {
		g.notice(Notice{Kind: NoticeGone, Err: err})
	}
}

func (g *Gate) notice(n Notice) {
	n.Keypad = g.cfg.Keypad
	g.d.Notice(n)
}
