package device

import "time"

// expire takes in that time has passed. It may be called at any time; next says when it must be.
func (m *doorMachine) expire(now time.Time) {
	m.arrive(now)
	if m.up && !m.st.Available {
		m.show(now, m.st.Cause)
	}
	m.rest(now)
	if m.mv.live && !now.Before(m.mv.until) {
		m.runOut(now)
	}
	if m.late.live && !now.Before(m.late.until) {
		m.late = move{}
	}
	if m.rel.intent != 0 && !now.Before(m.rel.until) {
		m.unreleased()
	}
	if !m.warnOff.IsZero() && !now.Before(m.warnOff) {
		m.quiet(now)
		m.show(now, m.st.Cause)
	}
	m.heldLong(now)
	m.alarm(NoticeBounces, m.place.restless(now), "")
	m.overdue(now)
	m.hurry(now)
	if !m.autoAt.IsZero() && !now.Before(m.autoAt) {
		m.closeItself(now)
	}
	m.pump(now)
}

// unreleased is an output that should be at rest by now. One that nobody sees is taken to be: its time
// is bounded below us.
func (m *doorMachine) unreleased() {
	switch m.r.Energised {
	case Yes:
		m.alarm(NoticeUnreleased, true, "")
		m.rel.until = m.rel.until.Add(maxTravel)
	case No:
		m.rel.since = time.Time{}
		m.seeRelease(m.r)
	case Unknown:
		m.rel = release{}
	}
}

// rest ends the time in which a door between its ends may be moving. While nobody sees the door it
// goes on.
func (m *doorMachine) rest(now time.Time) {
	if !m.up || m.moving.IsZero() || now.Before(m.moving) {
		return
	}
	m.moving = time.Time{}
	was := m.st.Position
	m.show(now, outside())
	if m.st.Position != was {
		m.observed(outside(), "at-rest")
	}
}

// hurry goes on with the errand in hand when its time has come.
func (m *doorMachine) hurry(now time.Time) {
	switch m.e.phase {
	case phaseWarning:
		m.lookAtWarning(now)
	case phaseTruth:
		if m.e.warned && now.After(m.e.startBy) {
			m.drop(now, m.refusal(RefusedAborted, nil))
			return
		}
		if !m.e.wake.IsZero() && !now.Before(m.e.wake) {
			m.e.asked = false // look again: what was seen before it was still may be old
			m.advance(now)
		}
	default:
	}
	m.impatient(now)
}

// impatient answers those who have waited as long as anybody should.
func (m *doorMachine) impatient(now time.Time) {
	if m.e.phase == phaseStarted { // it moves: only the row is missing
		for _, a := range m.askers {
			if !now.Before(a.r.due()) {
				m.answer(now, Answer{Intent: m.e.intent}, nil)
				return
			}
		}
		return
	}
	switch m.e.phase {
	case phaseTruth:
		m.tooLate(now, m.refusal(RefusedStale, nil), false)
	case phaseWarnRow, phaseIntent:
		m.tooLate(now, m.refusal(RefusedJournal, errSlow), false)
	case phaseWarnOn:
		m.tooLate(now, m.refusal(RefusedDriver, errSlow), true)
	case phaseTrigger:
		m.tooLate(now, m.refusal(RefusedUnsure, errSlow), true)
		return
	case phaseNone, phaseWarning, phaseStarted:
		return
	}
	m.forsaken(now)
}

// runOut ends a move whose time is over, by what is seen and by what is not.
func (m *doorMachine) runOut(now time.Time) {
	mv, t, at := &m.mv, m.cfg.Traits, m.place.truth
	if m.up && !m.place.settled && now.Before(mv.until.Add(bounceTime)) {
		mv.until = m.place.due(stableTime)
		return
	}
	switch {
	case !m.up:
		m.conclude(now, OutcomeUnknown)
	case mv.action == ActionStop:
		m.conclude(now, OutcomeReached)
	case mv.target == TargetOpen && !t.SensesOpen && t.SensesClosed && at == PlaceBetween:
		m.conclude(now, OutcomeReached)
	case mv.target == TargetOpen && !t.SensesOpen && !t.SensesClosed:
		m.guessed = PlaceOpen
		m.conclude(now, OutcomeReached)
	case mv.target == TargetClosed && !t.SensesClosed && at != PlaceOpen:
		m.guessed = PlaceClosed
		m.conclude(now, OutcomeReached)
	case at == PlaceUnknown:
		m.conclude(now, OutcomeUnknown)
	default:
		m.conclude(now, OutcomeTimedOut)
	}
}

// conclude ends the move under way. Position and target go back to the truth together.
func (m *doorMachine) conclude(now time.Time, o Outcome) {
	mv := m.mv
	m.mv = move{}
	failed := mv.action != ActionStop && (o == OutcomeTimedOut || o == OutcomeContradicted)
	switch {
	case failed:
		m.fail(now, mv)
		if o == OutcomeTimedOut {
			m.late = mv
			m.late.until = now.Add(m.window(mv.target))
		}
	case o == OutcomeReached && mv.action != ActionStop:
		m.succeed(mv)
	case o == OutcomeUnknown && m.up:
		m.moving = now.Add(m.window(TargetUnknown))
	}
	if o == OutcomeUnknown && !m.up {
		m.place = steady[Place]{}
	}
	if mv.action == ActionClose {
		m.quiet(now)
	}
	m.show(now, mv.cause)
	detail := ""
	if o == OutcomeReached && m.st.Confidence != ConfidenceSensed {
		detail = m.st.Confidence.String()
	}
	m.outcome(mv.intent, mv.action, mv.cause, o, detail)
}

// fail counts a move that did not end as it should. Two in a row suspend what a person cannot see.
func (m *doorMachine) fail(now time.Time, mv move) {
	m.failed[mv.target] = now
	m.alarm(NoticeFailed, true, targetAction(mv.target).String())
	if mv.unattended && mv.blocked {
		m.mem.Obstructs++
	} else {
		m.mem.Failures++
	}
	if m.mem.Obstructs >= maxObstructs {
		m.suspend(now, mv.cause, "obstructed-twice")
	}
	if m.mem.Failures >= maxFailures {
		m.suspend(now, mv.cause, "failed-twice")
	}
	m.remember()
}

// succeed forgets failures, and learns how long it took.
func (m *doorMachine) succeed(mv move) {
	m.alarm(NoticeFailed, false, "")
	m.failed[mv.target] = time.Time{}
	m.opened = mv.target == TargetOpen
	before := m.mem
	m.mem.Failures = 0
	if mv.target == TargetClosed {
		m.mem.Obstructs = 0
	}
	m.learn(mv)
	samples := len(m.mem.Opens) + len(m.mem.Closes)
	if before.Failures != 0 || before.Obstructs != m.mem.Obstructs || mv.left && !mv.unsure && samples > 0 {
		m.remember()
	}
}

// next is when expire must be called; zero if nothing is pending.
func (m *doorMachine) next() time.Time {
	var at time.Time
	if m.up {
		at = earlier(m.place.due(stableTime), m.moving)
		if !m.st.Available {
			at = earlier(at, m.upAt.Add(bounceTime))
		}
	}
	if m.mv.live {
		at = earlier(at, m.mv.until)
	}
	if m.late.live {
		at = earlier(at, m.late.until)
	}
	if m.rel.intent != 0 {
		at = earlier(at, m.rel.until)
	}
	at = earlier(at, m.warnOff)
	at = earlier(at, m.autoAt)
	at = earlier(at, m.due())
	at = earlier(at, m.holdsAt)
	at = earlier(at, m.place.quietAt())
	switch m.e.phase {
	case phaseWarning:
		at = earlier(at, earlier(m.e.until, m.e.beat.Add(warnBeat)))
	case phaseTruth:
		at = earlier(at, m.e.wake)
		if m.e.warned {
			at = earlier(at, m.e.startBy.Add(time.Millisecond))
		}
	default:
	}
	return at
}

// end answers everybody, because the device stops. Outputs are left to the driver.
func (m *doorMachine) end(now time.Time) {
	ref := m.refusal(RefusedUnavailable, nil)
	ref.Why, ref.Remedy = "loquet stops", "ask again when it runs"
	if m.e.phase == phaseTrigger {
		ref = m.refusal(RefusedUnsure, nil)
	}
	for _, a := range m.askers {
		m.fx.tell(reply{id: a.r.id, err: ref})
	}
	m.askers = m.askers[:0]
	for _, r := range m.waiting {
		m.fx.tell(reply{id: r.id, err: ref})
	}
	m.waiting = m.waiting[:0]
	m.e, m.up = errand{}, false
	m.show(now, m.st.Cause)
}
