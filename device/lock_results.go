package device

import (
	"errors"
	"time"
)

// done takes in how a call of the worker ended.
func (m *lockMachine) done(now time.Time, r result[LockReading]) {
	switch {
	case r.late:
		m.belated(now, r)
	case r.op.kind == opRecall:
		m.recalled = true
		m.alarm(NoticeMemory, r.err != nil, "")
		if r.err == nil {
			m.mem = r.memory
		}
		m.show(now, m.st.Cause)
		for _, l := range m.early {
			m.lockOut(now, l.on, l.cause, l.id)
		}
		m.early = nil
	case r.op.kind == opRefresh && r.op.errand == m.e.id && m.e.phase == phaseTruth:
		m.e.asking, m.e.asked = false, true
		if r.err == nil {
			m.observe(now, r.reading)
		}
		m.advance(now)
	case r.op.errand != 0 && r.op.errand == m.e.id:
		m.stepped(now, r)
	case r.op.kind == opRefresh && r.err == nil:
		m.observe(now, r.reading)
	default:
		m.background(r)
	}
	m.pump(now)
}

func (m *lockMachine) stepped(now time.Time, r result[LockReading]) {
	switch m.e.phase {
	case phaseIntent:
		m.intentWritten(now, r)
	case phaseTrigger:
		m.thrown(now, r)
	case phaseStarted:
		m.journalled(r.err)
		m.answer(now, Answer{Intent: m.e.intent}, nil)
		m.finish(now)
	default:
	}
}

func (m *lockMachine) intentWritten(now time.Time, r result[LockReading]) {
	m.journalled(r.err)
	if r.err != nil {
		m.token(now)
		m.drop(now, m.unwritten(r.err))
		return
	}
	e := &m.e
	e.intent = r.seq
	ref := e.giveUp
	switch {
	case ref != nil:
	case !e.timer && m.expired(now, e.first):
		ref = m.refusal(RefusedExpired, nil)
	case !m.up:
		ref = m.refusal(RefusedUnavailable, nil)
	case e.action == ActionLock && !m.strike() && !m.cfg.BoltOnOpenDoor && m.door.raw == Yes:
		ref = m.refusal(RefusedDoorOpen, nil)
	}
	if ref != nil {
		m.outcome(e.intent, e.action, e.cause, OutcomeAborted, string(ref.Code))
		m.token(now)
		m.drop(now, ref)
		return
	}
	target, _ := actionBolt(e.action)
	e.phase = phaseTrigger
	m.edges[m.relay(target)] = now // also if it fails: two seconds cost nothing, a second click may
	m.fx.do(op{kind: opMove, errand: e.id, target: uint8(target)})
}

// thrown begins the throw; where no sensor sees the bolt it ends it as well.
func (m *lockMachine) thrown(now time.Time, r result[LockReading]) {
	e := &m.e
	target, want := actionBolt(e.action)
	unsure := errors.Is(r.err, ErrUnsure)
	if r.err != nil && !unsure {
		m.alarm(NoticeDriver, true, "throw")
		m.outcome(e.intent, e.action, e.cause, OutcomeAborted, string(RefusedDriver))
		m.token(now)
		if e.timer {
			m.relockFailed()
		}
		m.answer(now, Answer{}, m.refusal(RefusedDriver, r.err))
		m.finish(now)
		return
	}
	m.edges[m.relay(target)], m.switched = now, now
	if e.confirm && e.action == ActionUnlock {
		m.cfg.Interlock.override(m.id)
	}
	if m.th.live {
		m.outcome(m.th.intent, m.th.action, m.th.cause, OutcomeUnknown, "superseded")
	}
	m.moved(e.action)
	wait := motorTime
	if m.cfg.Traits.Drive == BoltDriveCommanded {
		wait = commandedOut
	}
	m.th = throw{live: true, intent: e.intent, action: e.action, cause: e.cause, target: target, until: now.Add(wait), unsure: unsure}
	m.rel = release{}
	if m.cfg.Traits.Drive != BoltDriveCommanded && (m.cfg.Traits.Drive != BoltDriveMaglock) && (!m.strike() || e.action == ActionUnlock) {
		m.rel = release{intent: e.intent, action: e.action, cause: e.cause, since: now, until: now.Add(m.cfg.Traits.Hold + edgeGap)}
	}
	if e.confirm {
		m.fx.write(Entry{Kind: EntryNote, Device: m.id, Action: e.action, Cause: e.cause, Detail: "confirmed", State: m.st.Bolt.String()})
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
	if !m.cfg.Traits.SensesBolt {
		m.bolt.see(now, want)
		m.bolt.settle(now, 0)
		m.conclude(now, OutcomeReached)
		m.token(now)
	} else if m.bolt.settled {
		m.progress(now)
	}
	m.show(now, e.cause)
}

func (m *lockMachine) outcome(intent int64, a Action, c Cause, o Outcome, detail string) {
	m.fx.write(Entry{Kind: EntryOutcome, Device: m.id, Action: a, Cause: c, Intent: intent, Outcome: o, Detail: detail, State: m.st.Bolt.String()})
}

// background takes in calls that no errand waits for.
func (m *lockMachine) background(r result[LockReading]) {
	switch r.op.kind {
	case opRecord:
		m.journalled(r.err)
		if r.err == nil && r.op.errand != 0 && r.op.entry.Kind == EntryIntent {
			m.outcome(r.seq, r.op.entry.Action, r.op.entry.Cause, OutcomeAborted, "too-late")
		}
	case opRemember:
		m.kept(reply{id: r.op.asker}, r.err)
	case opIdentify:
		m.fx.tell(reply{id: r.op.asker, err: r.err})
	default:
	}
}

// belated takes in a call that had been given up and has come back after all.
func (m *lockMachine) belated(now time.Time, r result[LockReading]) {
	switch {
	case r.err != nil:
	case r.op.kind == opRefresh:
		m.observe(now, r.reading)
	case r.op.kind == opRecall && m.mem.new():
		m.mem = r.memory
		m.show(now, m.st.Cause)
	case r.op.kind == opRecord && r.op.entry.Kind == EntryIntent:
		m.outcome(r.seq, r.op.entry.Action, r.op.entry.Cause, OutcomeAborted, "too-late")
	}
}
