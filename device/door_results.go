package device

import (
	"errors"
	"time"
)

// done takes in how a call of the worker ended.
func (m *doorMachine) done(now time.Time, r result[Reading]) {
	switch {
	case r.late:
		m.belated(now, r)
	case r.op.kind == opRecall:
		m.recall(now, r)
	case r.op.kind == opRefresh && r.op.errand == m.e.id && m.e.phase == phaseTruth:
		m.refreshed(now, r)
	case r.op.errand != 0 && r.op.errand == m.e.id:
		m.stepped(now, r)
	case r.op.kind == opRefresh:
		if r.err == nil {
			m.reading(now, r.reading)
		}
	default:
		m.background(now, r)
	}
	m.pump(now)
}

// recall begins with what must not be forgotten. A damaged record counts as none: a door that nobody
// can operate any more would be worse, and the owner hears of it.
func (m *doorMachine) recall(now time.Time, r result[Reading]) {
	m.recalled = true
	m.alarm(NoticeMemory, r.err != nil, "")
	if r.err == nil {
		m.mem = r.memory
	}
	if m.mem.Suspended {
		m.alarm(NoticeSuspended, true, "")
	}
	m.show(now, m.st.Cause)
	for _, l := range m.early {
		m.lockOut(now, l.on, l.cause, l.id)
	}
	m.early = nil
}

// refreshed goes on with the errand after the driver was asked.
func (m *doorMachine) refreshed(now time.Time, r result[Reading]) {
	m.e.asking, m.e.asked = false, true
	switch {
	case errors.Is(r.err, errStuck):
		m.drop(now, m.refusal(RefusedBusy, r.err))
		return
	case r.err != nil:
		m.alarm(NoticeDriver, true, "refresh")
	default:
		m.alarm(NoticeDriver, false, "")
		m.observe(now, r.reading)
		m.arrive(now)
	}
	m.advance(now)
}

// stepped goes on with the errand after one of its calls.
func (m *doorMachine) stepped(now time.Time, r result[Reading]) {
	switch m.e.phase {
	case phaseWarnRow:
		m.warningWritten(now, r)
	case phaseWarnOn:
		m.warningOn(now, r)
	case phaseIntent:
		m.intentWritten(now, r)
	case phaseTrigger:
		m.triggered(now, r)
	case phaseStarted:
		m.journalled(r.err)
		m.answer(now, Answer{Intent: m.e.intent}, nil)
		m.finish(now)
	case phaseNone, phaseTruth, phaseWarning:
	}
}

// intentWritten owes the pulse, unless something has changed since it was decided.
func (m *doorMachine) intentWritten(now time.Time, r result[Reading]) {
	m.journalled(r.err)
	if r.err != nil {
		m.release()
		m.drop(now, m.unwritten(r.err))
		return
	}
	e := &m.e
	e.intent = r.seq
	if ref := m.changedMind(now); ref != nil {
		m.outcome(e.intent, e.action, e.cause, OutcomeAborted, string(ref.Code))
		m.release()
		m.drop(now, ref)
		return
	}
	e.phase = phaseTrigger
	m.edges[m.relay(e.action)] = now // also if it fails: two seconds cost nothing, a second click may
	if e.plan.step == stepStop {
		m.fx.do(op{kind: opStop, errand: e.id})
		return
	}
	target := actionTarget(e.action)
	if e.action == ActionStop {
		target = m.mv.target
	}
	m.fx.do(op{kind: opMove, errand: e.id, target: uint8(target)})
}

// changedMind looks at what may have changed while the intent was written.
func (m *doorMachine) changedMind(now time.Time) *Refusal {
	e := &m.e
	old := !m.fresher(now)
	switch {
	case e.giveUp != nil:
		return e.giveUp
	case !e.warned && !e.timer && m.expired(now, e.first):
		return m.refusal(RefusedExpired, nil)
	case !m.up:
		return m.refusal(RefusedUnavailable, nil)
	case e.warned && now.After(e.startBy):
		return m.refusal(RefusedAborted, nil)
	case !e.confirm && !m.place.since.Equal(e.saw):
		return m.refusal(RefusedAborted, nil)
	case m.toggles() && m.says() != e.way: // it turned round: the press would do something else
		return m.refusal(RefusedAborted, nil)
	case m.toggles() && !e.confirm && old:
		return m.refusal(RefusedStale, nil)
	case (e.action == ActionClose || e.plan.guess && !e.attended()) && m.r.Obstructed == Yes:
		return m.refusal(RefusedObstructed, nil)
	}
	return nil
}

// triggered begins the move.
func (m *doorMachine) triggered(now time.Time, r result[Reading]) {
	e := &m.e
	unsure := errors.Is(r.err, ErrUnsure)
	if r.err != nil && !unsure {
		m.alarm(NoticeDriver, true, "trigger")
		m.outcome(e.intent, e.action, e.cause, OutcomeAborted, string(RefusedDriver))
		m.release()
		if e.warned {
			m.unwarn(now, string(RefusedDriver))
		}
		m.answer(now, Answer{}, m.refusal(RefusedDriver, r.err))
		m.finish(now)
		return
	}
	m.edges[m.relay(e.action)] = now
	m.set(now, unsure)
	m.moved(e.action)
	if e.confirm {
		m.confirmed()
	}
	if e.confirm && e.opens(e.plan) {
		m.cfg.Interlock.override(m.id)
	}
	if e.warned && m.warned { // else the move is over already, and so is its warning
		m.warnOff = now.Add(warnTail)
	}
	if unsure {
		m.alarm(NoticeUnsure, true, "")
		m.answer(now, Answer{}, m.refusal(RefusedUnsure, r.err))
		m.finish(now)
		return
	}
	m.alarm(NoticeDriver, false, "")
	m.alarm(NoticeUnsure, false, "")
	e.phase = phaseStarted
	m.fx.do(op{kind: opRecord, errand: e.id, entry: m.row(EntryStarted)})
	m.show(now, e.cause)
}

// set begins a move. One that it cuts short has no end that anybody saw.
func (m *doorMachine) set(now time.Time, unsure bool) {
	e := &m.e
	if m.mv.live {
		m.outcome(m.mv.intent, m.mv.action, m.mv.cause, OutcomeUnknown, "superseded")
	}
	target := actionTarget(e.action)
	m.mv = move{
		live: true, intent: e.intent, action: e.action, cause: e.cause, target: target, heading: e.plan.heading,
		from: e.from, started: now, until: now.Add(m.window(target)), unsure: unsure,
		unattended: !e.cause.AtTheDoor() && e.action == ActionClose, confirmed: e.confirm,
		blocked: m.r.Obstructed == Yes, left: e.from != PlaceUnknown && m.place.truth != e.from,
	}
	m.late, m.guessed, m.stopped, m.moving = move{}, PlaceUnknown, e.action == ActionStop, time.Time{}
	m.rel = release{intent: e.intent, action: e.action, cause: e.cause, since: now, until: now.Add(releaseTime)}
	if m.place.settled && m.mv.left {
		m.progress(now)
	}
}

// confirmed ends a suspension: one more failure brings it back.
func (m *doorMachine) confirmed() {
	m.note(m.e.action, m.e.cause, "confirmed")
	if !m.mem.Suspended && m.mem.Obstructs == 0 {
		return
	}
	if m.mem.Suspended {
		m.alarm(NoticeSuspended, false, "")
	}
	m.mem.Suspended, m.mem.Obstructs, m.mem.Failures = false, 0, min(m.mem.Failures, maxFailures-1)
	m.remember()
}

func (m *doorMachine) outcome(intent int64, a Action, c Cause, o Outcome, detail string) {
	m.fx.write(Entry{Kind: EntryOutcome, Device: m.id, Action: a, Cause: c, Intent: intent, Outcome: o, Detail: detail, State: m.st.Position.String()})
}

// background takes in calls that no errand waits for.
func (m *doorMachine) background(_ time.Time, r result[Reading]) {
	switch r.op.kind {
	case opRecord:
		m.journalled(r.err)
		if r.err == nil && r.op.errand != 0 && (r.op.entry.Kind == EntryIntent || r.op.entry.Kind == EntryWarning) {
			m.outcome(r.seq, r.op.entry.Action, r.op.entry.Cause, OutcomeAborted, "too-late")
		}
	case opRemember:
		m.kept(reply{id: r.op.asker}, r.err)
	case opWarn:
		if r.err != nil {
			m.alarm(NoticeWarning, true, r.err.Error())
		}
	case opIdentify:
		m.fx.tell(reply{id: r.op.asker, err: r.err})
	default:
	}
}

// belated takes in a call that had been given up and has come back after all.
func (m *doorMachine) belated(now time.Time, r result[Reading]) {
	switch {
	case r.err != nil:
	case r.op.kind == opRefresh:
		m.reading(now, r.reading)
	case r.op.kind == opRecall && m.mem.new():
		m.mem = r.memory
		m.show(now, m.st.Cause)
	case r.op.kind == opRecord && (r.op.entry.Kind == EntryIntent || r.op.entry.Kind == EntryWarning):
		m.outcome(r.seq, r.op.entry.Action, r.op.entry.Cause, OutcomeAborted, "too-late")
	}
}
