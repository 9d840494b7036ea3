package device

import "time"

// warningWritten switches light and sound on once the row is written.
func (m *doorMachine) warningWritten(now time.Time, r result[Reading]) {
	m.journalled(r.err)
	if r.err != nil {
		m.drop(now, m.unwritten(r.err))
		return
	}
	m.e.warning = r.seq
	if ref := m.changedMind(now); ref != nil {
		m.drop(now, ref)
		return
	}
	m.e.phase, m.warned, m.warnOff = phaseWarnOn, true, time.Time{}
	m.fx.do(op{kind: opWarn, errand: m.e.id, on: true})
}

// warningOn begins the warning, and answers: the close follows, or is given up.
func (m *doorMachine) warningOn(now time.Time, r result[Reading]) {
	switch {
	case r.err != nil:
		m.alarm(NoticeWarning, true, r.err.Error())
		m.drop(now, m.refusal(RefusedDriver, r.err))
		return
	case m.e.giveUp != nil:
		m.drop(now, m.e.giveUp)
		return
	}
	m.alarm(NoticeWarning, false, "")
	m.e.phase, m.e.until, m.e.beat = phaseWarning, now.Add(m.cfg.WarnTime), now
	m.answer(now, Answer{Intent: m.e.warning, Warning: true}, nil)
	m.show(now, m.e.cause)
}

// lookAtWarning goes on with the warning while it is given: nobody flashes a lamp while the program stands
// still, and the close that follows would not have been warned of for as long as it must be.
func (m *doorMachine) lookAtWarning(now time.Time) {
	switch {
	case now.Sub(m.e.beat) > warnStill:
		m.abort(now, m.refusal(RefusedAborted, nil))
	case !now.Before(m.e.until), m.seeds.has(seedCalendar) && !now.Round(0).Before(m.e.until.Round(0)):
		m.warningOver(now)
	case now.Sub(m.e.beat) >= warnBeat:
		m.e.beat = now
	}
}

// warningOver decides the close afresh: it starts within a second, or not at all.
func (m *doorMachine) warningOver(now time.Time) {
	e := &m.e
	e.phase, e.warned, e.asked, e.began, e.startBy = phaseTruth, true, false, now, e.until.Add(startTime)
	m.advance(now)
}

// unwarn gives the warning up: light and sound go off, and the row gets its outcome.
func (m *doorMachine) unwarn(now time.Time, detail string) {
	m.outcome(m.e.warning, m.e.action, m.e.cause, OutcomeAborted, detail)
	m.e.warning, m.e.warned = 0, false
	m.quiet(now)
}

// quiet switches light and sound off.
func (m *doorMachine) quiet(time.Time) {
	if !m.warned {
		return
	}
	m.warned, m.warnOff = false, time.Time{}
	m.fx.do(op{kind: opWarn, on: false})
}

// armAutoClose starts the timer of a door that closes by itself, when it is first seen open, and ends
// it when it is not. A door that is stopped, unknown or suspended is left alone.
func (m *doorMachine) armAutoClose(now time.Time) {
	c := m.cfg.AutoClose
	open := m.up && m.st.Position == PositionOpen && m.place.settled && !m.mv.live
	if c.After <= 0 || !open || m.mem.Suspended || !m.mayClose() || !c.Outside && !m.opened {
		m.autoAt = time.Time{}
		return
	}
	if m.autoAt.IsZero() && m.e.phase == phaseNone {
		m.autoAt = now.Add(c.After)
	}
}

// closeItself asks for the close as anybody would.
func (m *doorMachine) closeItself(now time.Time) {
	m.autoAt = time.Time{}
	m.admit(now, request{cmd: Command{Action: ActionClose, Cause: Cause{Kind: CauseAutoClose}}, entered: now})
}
