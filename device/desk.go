package device

import (
	"errors"
	"slices"
	"time"
)

// who is a controller, as far as repeats and limits go: where it stands does not matter.
type who struct {
	kind  CauseKind
	actor string
}

func of(c Cause) who { return who{c.Kind, c.Actor} }

// asked is the last accepted command of a controller.
type asked struct {
	who    who
	action Action
	at     time.Time
	answer Answer
	err    error
}

// asker is somebody who waits for the errand in hand.
type asker struct {
	r   request
	who who
}

// desk is what doors and locks have in common: who asks, who waits, and what they were told. It sees
// to it that every command is answered once.
type desk struct {
	id        string
	seeds     seeds
	fx        effects
	waiting   []request    // behind the errand in hand
	askers    []asker      // of the errand in hand
	past      []asked      // one of each controller
	told      [8]time.Time // when everybody was told that the target of an action is no longer the target
	errands   uint64
	raised    []Notice // the problems there are
	refused   Entry    // the last row of a refusal
	refusedAt time.Time
	holding   bool          // it keeps the other doors of its mantrap shut
	holdsAt   time.Time     // when its owner hears of that; zero: it holds nothing, or the owner knows
	early     []lockRequest // lock-outs from before it was known what must not be forgotten
}

// lockRequest is a lock-out that somebody waits for.
type lockRequest struct {
	on    bool
	cause Cause
	id    uint64
}

func (d *desk) effects() *effects { return &d.fx }

func (d *desk) refusal(code RefusalCode, err error) *Refusal {
	text := refusalTexts(code)
	return &Refusal{Device: d.id, Code: code, Why: text[0], Remedy: text[1], Err: err}
}

// alarm tells of a problem that begins, changes or ends.
func (d *desk) alarm(code NoticeCode, on bool, detail string) {
	i := slices.IndexFunc(d.raised, func(n Notice) bool { return n.Code == code })
	n := Notice{Device: d.id, Code: code, On: on, Detail: detail}
	switch {
	case !on && i < 0, on && i >= 0 && d.raised[i] == n:
		return
	case !on:
		d.raised = slices.Delete(d.raised, i, i+1)
	case i >= 0:
		d.raised[i] = n
	default:
		d.raised = append(d.raised, n)
	}
	d.fx.notice(n)
}

// trouble tells of what a driver knows to be wrong, and of contacts that do not come to rest.
func (d *desk) trouble(fault string, disagree, restless bool) {
	if disagree {
		d.alarm(NoticeFault, false, "")
		d.alarm(NoticeDisagree, true, fault)
	} else {
		d.alarm(NoticeDisagree, false, "")
		d.alarm(NoticeFault, fault != "", fault)
	}
	d.alarm(NoticeBounces, restless, "")
}

// holds notes whether the device keeps the other doors of its mantrap shut.
func (d *desk) holds(now time.Time, i *Interlock, open bool) {
	switch {
	case i == nil || open == d.holding:
	case open:
		d.holding, d.holdsAt = true, now.Add(holdTime)
	default:
		d.holding, d.holdsAt = false, time.Time{}
		d.alarm(NoticeInterlock, false, "")
	}
}

// heldLong tells the owner of a mantrap that has been kept shut for long.
func (d *desk) heldLong(now time.Time) {
	if !d.holdsAt.IsZero() && !now.Before(d.holdsAt) {
		d.holdsAt = time.Time{}
		d.alarm(NoticeInterlock, true, "")
	}
}

// journalled notices a journal that fails, and one that works again.
func (d *desk) journalled(err error) { d.alarm(NoticeJournal, err != nil, "") }

// kept is the answer to a lock-out.
func (d *desk) kept(r reply, err error) {
	d.alarm(NoticeMemory, err != nil, "")
	if r.id == 0 {
		return
	}
	if err != nil {
		r.err = &Refusal{Device: d.id, Code: RefusedJournal, Why: "it holds, but may be forgotten at a restart", Remedy: "look at the disk", Err: err}
	}
	d.fx.tell(r)
}

// unwritten is why nothing moved when a row was not written.
func (d *desk) unwritten(err error) *Refusal {
	if errors.Is(err, errStuck) {
		return d.refusal(RefusedBusy, err)
	}
	return d.refusal(RefusedJournal, err)
}

// reject answers a request that is not done, and writes it down, the same one once in a while.
func (d *desk) reject(r request, ref *Refusal) {
	d.fx.tell(reply{id: r.id, err: ref})
	e := Entry{Kind: EntryRefused, Device: d.id, Action: r.cmd.Action, Cause: r.cmd.Cause, Code: ref.Code, Confirmed: r.cmd.Confirm}
	if e == d.refused && r.entered.Sub(d.refusedAt) < refusedTime {
		return // who hammers at a door fills no disk
	}
	d.refused, d.refusedAt = e, r.entered
	d.fx.write(e)
}

// queue lets a request wait behind the errand in hand.
func (d *desk) queue(r request) {
	if len(d.waiting) >= maxWaiting {
		d.reject(r, d.refusal(RefusedBusy, nil))
		return
	}
	d.waiting = append(d.waiting, r)
}

// join lets a request share the answer of the errand in hand.
func (d *desk) join(r request) { d.askers = append(d.askers, asker{r, of(r.cmd.Cause)}) }

// answer tells everybody who shares it, and keeps it for repeats.
func (d *desk) answer(now time.Time, answer Answer, err error) {
	for _, a := range d.askers {
		d.keep(asked{a.who, a.r.cmd.Action, now, answer, err})
		d.fx.tell(reply{id: a.r.id, answer: answer, err: err})
	}
	d.askers = d.askers[:0]
}

// turnDown answers everybody who shares a refusal before anything was owed. It is not kept: the next
// command is decided afresh.
func (d *desk) turnDown(ref *Refusal) {
	for _, a := range d.askers {
		d.reject(a.r, ref)
	}
	d.askers = d.askers[:0]
}

func (d *desk) keep(a asked) {
	for i := range d.past {
		if d.past[i].who == a.who {
			d.past[i] = a
			return
		}
	}
	if len(d.past) >= 64 {
		d.past = slices.Delete(d.past, 0, 1)
	}
	d.past = append(d.past, a)
}

// repeated finds the first one of a repeat: the same action of the same controller within 30 s, if
// it was not told in between that the state went back.
func (d *desk) repeated(now time.Time, c Command) (asked, bool) {
	if c.Confirm || c.Action == ActionStop {
		return asked{}, false
	}
	for _, a := range d.past {
		if a.who != of(c.Cause) || a.action != c.Action {
			continue
		}
		if ref := (*Refusal)(nil); c.Cause.AtTheDoor() && errors.As(a.err, &ref) && ref.Code == RefusedDriver {
			return asked{}, false // nothing was switched, and a person stands there
		}
		back := d.told[c.Action]
		return a, now.Sub(a.at) < repeatTime && (back.Before(a.at) || c.Untold)
	}
	return asked{}, false
}

// wentBack notes that everybody was told that the target is no longer that of an action.
func (d *desk) wentBack(now time.Time, a Action) { d.told[a] = now }

// moved forgets what the others asked for: somebody made it go elsewhere.
func (d *desk) moved(a Action) {
	kept := d.past[:0]
	for _, p := range d.past {
		if p.action == a {
			kept = append(kept, p)
		}
	}
	d.past = kept
}

// nextWaiting takes the oldest waiting request.
func (d *desk) nextWaiting() (request, bool) {
	if len(d.waiting) == 0 {
		return request{}, false
	}
	r := d.waiting[0]
	d.waiting = slices.Delete(d.waiting, 0, 1)
	return r, true
}

// withdraw forgets a request whose asker went away.
func (d *desk) withdraw(_ time.Time, id uint64) {
	for i, r := range d.waiting {
		if r.id == id {
			d.waiting = slices.Delete(d.waiting, i, i+1)
			return
		}
	}
	for i, a := range d.askers {
		if a.r.id == id {
			d.askers = slices.Delete(d.askers, i, i+1)
			return
		}
	}
}

// expired reports whether the command is too old to move anything.
func (d *desk) expired(now time.Time, r request) bool {
	return r.expired(now) && !d.seeds.has(seedNoExpiry)
}

// overdue refuses those who have waited too long behind others.
func (d *desk) overdue(now time.Time) {
	kept := d.waiting[:0]
	for _, r := range d.waiting {
		switch {
		case d.expired(now, r):
			d.reject(r, d.refusal(RefusedExpired, nil))
		case !now.Before(r.due()):
			d.reject(r, d.refusal(RefusedBusy, nil))
		default:
			kept = append(kept, r)
		}
	}
	d.waiting = kept
}

// tooLate refuses those who share the errand and have waited too long. The refusal is kept for repeats if
// something may have moved.
func (d *desk) tooLate(now time.Time, ref *Refusal, keep bool) {
	kept := d.askers[:0]
	for _, a := range d.askers {
		if now.Before(a.r.due()) {
			kept = append(kept, a)
			continue
		}
		if keep {
			d.keep(asked{a.who, a.r.cmd.Action, now, Answer{}, ref})
		}
		d.reject(a.r, ref)
	}
	d.askers = kept
}

// dropAll refuses everybody who waits.
func (d *desk) dropAll(ref *Refusal) {
	for _, r := range d.waiting {
		d.reject(r, ref)
	}
	d.waiting = d.waiting[:0]
}

// due is when the first of those who wait must be answered; zero if nobody waits.
func (d *desk) due() (at time.Time) {
	for _, r := range d.waiting {
		at = earlier(at, r.due())
	}
	for _, a := range d.askers {
		at = earlier(at, a.r.due())
	}
	return at
}
