package gate

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

// judge decides about one try. what is its kind and length, for the history.
func (g *Gate) judge(ctx context.Context, secret seal.Secret, what string, at time.Time) {
	if wait := g.lock.Wait(time.Now()); wait > 0 {
		if !g.told {
			g.told = true
			g.refused(ctx, "", device.RefusedGuessing, what)
		}
		g.show(ctx, device.Verdict{Kind: device.VerdictLocked, Wait: wait})
		return
	}
	g.told = false
	m, err := g.d.Codes.Find(g.cfg.Group, secret)
	switch {
	case errors.Is(err, access.ErrUnknownCode):
		g.wrong(ctx, what, errors.Is(err, access.ErrDamaged))
	case err != nil:
		g.notNow(ctx, m.Code.ID, access.ReasonDamaged, what)
	default:
		g.right(ctx, m, what, at)
		if m.Code.Duress && !m.Code.Revoked {
			g.duress(ctx, m.Code.ID)
		}
	}
}

// duress tells in silence, when all that can be seen at the keypad is over.
func (g *Gate) duress(ctx context.Context, codeID string) {
	g.record(ctx, device.Entry{Kind: device.EntryNote, Device: g.cfg.Keypad, Detail: "duress",
		Cause: device.Cause{Kind: device.CauseCode, Actor: codeID, Place: g.cfg.Keypad}})
	g.notice(Notice{Kind: NoticeDuress, Code: codeID})
}

// uses is how often the code was used; done ends the use that is under way.
func (g *Gate) uses(c access.Code) (uses access.Uses, done func()) {
	if g.d.Uses == nil || !c.Counted() {
		return access.Uses{}, func() {}
	}
	return g.d.Uses.Take(c.ID)
}

// right commands the doors that the code may open now, before anything is written.
func (g *Gate) right(ctx context.Context, m access.Match, what string, at time.Time) {
	moment := g.d.Clock.Moment()
	uses, done := g.uses(m.Code)
	defer done()
	other := g.half
	switch {
	case other.fits(m):
	case other != nil && other.match.Code.ID == m.Code.ID: // readers tell of a card again and again
		other = nil
	default:
		other = nil
		g.lapse(ctx)
	}
	g.half = nil
	var open []Door
	var first access.Reason
	for _, door := range g.cfg.Doors {
		d := access.Question{Person: m.Person, Code: m.Code, Door: door.ID, At: moment, Uses: uses, House: m.House}.Decide()
		if d.Allowed && m.Code.Both && other != nil {
			d = access.Question{Person: m.Person, Code: other.match.Code, Door: door.ID, At: moment, House: m.House}.Decide()
		}
		if d.Allowed {
			open = append(open, door)
		} else if first == "" || first == access.ReasonDoor {
			first = d.Reason
		}
	}
	if len(open) == 0 {
		g.notNow(ctx, m.Code.ID, first, what)
		return
	}
	if m.Code.Both && other == nil {
		g.wait(ctx, half{match: m, what: what, at: at, last: at})
		return
	}
	verdict := device.VerdictFailed
	if g.command(ctx, open, device.Cause{Kind: device.CauseCode, Actor: m.Code.ID, Place: g.cfg.Keypad}, at) {
		verdict = device.VerdictGranted
	}
	if g.lock.Hit() {
		g.write()
	}
	g.show(ctx, device.Verdict{Kind: verdict})
}

// command tells all the doors at once and reports whether one of them does it. A door writes down itself
// what it refuses.
func (g *Gate) command(ctx context.Context, doors []Door, cause device.Cause, at time.Time) bool {
	errs := make([]error, len(doors))
	tell := func(i int) {
		_, errs[i] = g.d.Command(ctx, doors[i].ID, device.Command{Action: doors[i].Action, Cause: cause, Arrived: at})
	}
	var wg sync.WaitGroup
	for i := 1; i < len(doors); i++ {
		wg.Go(func() { tell(i) })
	}
	tell(0)
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			return true
		}
	}
	return false
}

// wrong counts a wrong try. The count and the row are on the disk before the light; if the disk hangs, no
// light is shown, and if it fails an owner is told.
func (g *Gate) wrong(ctx context.Context, what string, unsure bool) {
	ctx = context.WithoutCancel(ctx) // a stop that comes now leaves nothing half done
	wait := g.lock.Miss(time.Now())
	code := device.RefusedWrongCode
	if unsure {
		code = device.RefusedDamaged
	}
	g.refused(ctx, "", code, what)
	if wait > 0 {
		g.record(ctx, device.Entry{Kind: device.EntryNote, Device: g.cfg.Keypad, Detail: "closed after wrong tries"})
	}
	err := g.keep(ctx)
	if err == nil {
		bounded, cancel := context.WithTimeout(ctx, diskWait)
		defer cancel()
		err = g.d.Journal.Flush(bounded)
	}
	if err != nil {
		g.notice(Notice{Kind: NoticeUnsaved, Err: err})
	}
	if wait > 0 {
		g.notice(Notice{Kind: NoticeClosed, Wait: wait})
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		g.show(ctx, device.Verdict{Kind: device.VerdictWrong})
	}
}

// notNow refuses a code that there is.
func (g *Gate) notNow(ctx context.Context, codeID string, why access.Reason, what string) {
	if g.lock.Settle() {
		g.write()
	}
	code, verdict := device.RefusedTime, device.VerdictNotNow
	switch why {
	case access.ReasonRevoked:
		code = device.RefusedRevoked
	case access.ReasonDoor:
		code = device.RefusedDoor
	case access.ReasonClock:
		code, verdict = device.RefusedClock, device.VerdictClock
	case access.ReasonUsedUp:
		code = device.RefusedUsedUp
	case access.ReasonDamaged, access.ReasonUses:
		code, verdict = device.RefusedDamaged, device.VerdictFailed
	default:
	}
	g.refused(ctx, codeID, code, what)
	g.show(ctx, device.Verdict{Kind: verdict})
}

// refused writes a refused try into the history: whose code it was if there is one, never what was typed.
func (g *Gate) refused(ctx context.Context, codeID string, code device.RefusalCode, what string) {
	g.record(ctx, device.Entry{Kind: device.EntryRefused, Device: g.cfg.Keypad, Code: code, Detail: what,
		Cause: device.Cause{Kind: device.CauseCode, Actor: codeID, Place: g.cfg.Keypad}})
}

func (g *Gate) record(ctx context.Context, e device.Entry) {
	if _, err := g.d.Journal.Record(ctx, e); err != nil && ctx.Err() == nil {
		g.notice(Notice{Kind: NoticeUnsaved, Err: err})
	}
}
