package device

import "time"

// progress compares the truth with the throw under way.
func (m *lockMachine) progress(now time.Time) {
	_, want := actionBolt(m.th.action)
	switch m.bolt.truth {
	case want:
		m.conclude(now, OutcomeReached)
	case BoltJammed:
		m.conclude(now, OutcomeContradicted)
	default:
	}
}

// conclude ends the throw under way.
func (m *lockMachine) conclude(now time.Time, o Outcome) {
	th := m.th
	m.th = throw{}
	switch o {
	case OutcomeReached:
		m.failed[th.target] = time.Time{}
		m.alarm(NoticeFailed, false, "")
		if th.target == BoltTargetSecured {
			m.alarm(NoticeRelock, false, "")
		}
	case OutcomeTimedOut, OutcomeContradicted:
		m.failed[th.target] = now
		m.alarm(NoticeFailed, true, th.action.String())
		if th.cause.Kind == CauseAutoRelock {
			m.relockFailed()
		}
	default:
	}
	m.show(now, th.cause)
	detail := ""
	if o == OutcomeReached && m.st.Confidence != ConfidenceSensed {
		detail = m.st.Confidence.String()
	}
	m.outcome(th.intent, th.action, th.cause, o, detail)
}

// expire takes in that time has passed.
func (m *lockMachine) expire(now time.Time) {
	m.settle(now, false)
	if m.th.live && !now.Before(m.th.until) {
		m.runOut(now)
	}
	if m.rel.intent != 0 && !now.Before(m.rel.until) {
		m.unreleased(now)
	}
	m.heldLong(now)
	m.alarm(NoticeBounces, m.bolt.restless(now) || m.door.restless(now), "")
	m.overdue(now)
	m.hurry(now)
	if !m.relockAt.IsZero() && !now.Before(m.relockAt) {
		m.relock(now)
	}
	if m.up && !m.st.Available {
		m.show(now, m.st.Cause)
	}
	m.pump(now)
}

func (m *lockMachine) runOut(now time.Time) {
	switch {
	case !m.up, m.bolt.truth == BoltUnknown, !m.cfg.Traits.SensesBolt:
		m.conclude(now, OutcomeUnknown)
	default:
		m.conclude(now, OutcomeTimedOut)
	}
}

// unreleased is a relay that should be at rest by now. One that nobody sees is taken to be: its time
// is bounded below us.
func (m *lockMachine) unreleased(now time.Time) {
	on := m.r.Energised == Yes
	if on {
		m.alarm(NoticeUnreleased, true, "")
		m.rel.until = now.Add(maxTravel)
		return
	}
	m.rel = release{}
	if m.strike() && !m.cfg.Traits.SensesBolt && m.bolt.truth == BoltUnsecured {
		m.bolt.see(now, BoltSecured)
		m.settle(now, true)
	}
}

// hurry goes on with the errand in hand when its time has come, and answers those who have waited as
// long as anybody should.
func (m *lockMachine) hurry(now time.Time) {
	if m.e.phase == phaseTruth && !m.e.wake.IsZero() && !now.Before(m.e.wake) {
		m.e.asked = false
		m.advance(now)
	}
	switch m.e.phase {
	case phaseTruth:
		m.tooLate(now, m.refusal(RefusedStale, nil), false)
	case phaseIntent:
		m.tooLate(now, m.refusal(RefusedJournal, errSlow), false)
	case phaseTrigger:
		m.tooLate(now, m.refusal(RefusedUnsure, errSlow), true)
		return
	case phaseStarted:
		if at := m.due(); !at.IsZero() && !now.Before(at) {
			m.answer(now, Answer{Intent: m.e.intent}, nil)
		}
		return
	default:
		return
	}
	if len(m.askers) == 0 {
		m.abort(now, m.refusal(RefusedExpired, nil))
	}
}

// next is when expire must be called; zero if nothing is pending.
func (m *lockMachine) next() time.Time {
	var at time.Time
	if m.up {
		at = earlier(m.bolt.due(m.still()), m.door.due(stableTime))
		if !m.st.Available {
			at = earlier(at, m.upAt.Add(bounceTime))
		}
	}
	if m.th.live {
		at = earlier(at, m.th.until)
	}
	if m.rel.intent != 0 {
		at = earlier(at, m.rel.until)
	}
	at = earlier(at, m.relockAt)
	at = earlier(at, m.due())
	at = earlier(at, m.holdsAt)
	at = earlier(at, earlier(m.bolt.quietAt(), m.door.quietAt()))
	if m.e.phase == phaseTruth {
		at = earlier(at, m.e.wake)
	}
	return at
}

func (m *lockMachine) end(now time.Time) {
	ref := m.refusal(RefusedUnavailable, nil)
	ref.Why, ref.Remedy = "loquet stops", "ask again when it runs"
	if m.e.phase == phaseTrigger {
		ref = m.refusal(RefusedUnsure, nil)
	}
	for _, a := range m.askers {
		m.fx.tell(reply{id: a.r.id, err: ref})
	}
	for _, r := range m.waiting {
		m.fx.tell(reply{id: r.id, err: ref})
	}
	m.askers, m.waiting = m.askers[:0], m.waiting[:0]
	m.e, m.up = lockErrand{}, false
	m.show(now, m.st.Cause)
}
