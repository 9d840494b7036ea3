package device

import "time"

func (m *lockMachine) reading(now time.Time, r LockReading) {
	m.observe(now, r)
	m.advance(now)
	m.pump(now)
}

// observe takes in what the driver saw.
func (m *lockMachine) observe(now time.Time, r LockReading) {
	old, first := m.r, !m.up
	r.Taken = taken(now, r.Taken, old.Taken)
	if !first && r.Taken.Before(old.Taken) {
		return
	}
	m.r, m.up = r, true
	if first {
		m.upAt = now
		m.alarm(NoticeAway, false, "")
	}
	released := m.seeRelease(r)
	if m.cfg.Traits.SensesBolt || r.Bolt != BoltUnknown && !r.Taken.Before(m.switched) {
		m.bolt.see(now, r.Bolt)
	}
	m.door.see(now, r.DoorOpen)
	m.trouble(r.Fault, r.Disagree, m.bolt.restless(now) || m.door.restless(now))
	if first {
		m.bolt.doubt(now)
		m.door.doubt(now)
	}
	m.settle(now, released)
}

// seeRelease notices that the relay is at rest after it was on.
func (m *lockMachine) seeRelease(r LockReading) bool {
	if m.rel.intent == 0 || r.Energised != No || r.Taken.Before(m.rel.since) {
		return false
	}
	m.fx.write(Entry{Kind: EntryReleased, Device: m.id, Action: m.rel.action, Cause: m.rel.cause, Intent: m.rel.intent})
	m.rel, m.sprung = release{}, r.Taken
	m.alarm(NoticeUnreleased, false, "")
	return true
}

// settle draws the conclusions from what has come to rest.
func (m *lockMachine) settle(now time.Time, released bool) {
	if !m.up {
		return
	}
	before, known := m.bolt.truth, !m.bolt.truthAt.IsZero()
	cause := m.r.Cause
	if cause.Kind == CauseUnknown {
		cause = outside()
	}
	if !known {
		cause = m.r.Cause // as it was found: nobody turned it
	}
	if m.strike() && (released || m.springs()) {
		cause, released = Cause{Kind: CauseAutoRelock}, true // its spring
	}
	turned, ours := m.bolt.settle(now, m.still()), m.th.live || m.e.phase == phaseTrigger
	switch {
	case turned && m.th.live:
		cause = m.th.cause
		m.progress(now)
	case ours: // it turned before the driver came back
		cause = m.e.cause
	}
	doorKnown, door := !m.door.truthAt.IsZero(), m.door.truth
	swung := m.door.settle(now, stableTime)
	m.show(now, cause)
	if turned && known && m.bolt.truth != before && !ours && !released {
		m.observed(cause, m.st.Bolt.String())
	}
	if swung && doorKnown && m.door.truth != door {
		m.observed(outside(), doorWord(m.door.truth))
	}
	if turned || swung {
		m.token(now)
	}
}

// springs reports whether what turns now is the spring of a strike that was let go.
func (m *lockMachine) springs() bool {
	return m.bolt.raw == BoltSecured && !m.sprung.IsZero() && m.bolt.since.Sub(m.sprung) < edgeGap
}

func (m *lockMachine) observed(c Cause, state string) {
	m.fx.write(Entry{Kind: EntryObserved, Device: m.id, Cause: c, State: state})
}

func doorWord(open Tri) string {
	switch open {
	case Yes:
		return "door-open"
	case No:
		return "door-closed"
	case Unknown:
	}
	return "door-unknown"
}

// lost takes in that the driver does not answer any more.
func (m *lockMachine) lost(now time.Time) {
	m.alarm(NoticeAway, true, "")
	m.up = false
	m.abort(now, m.refusal(RefusedUnavailable, nil))
	m.show(now, m.st.Cause)
	m.pump(now)
}

// suspended takes in that the computer slept.
func (m *lockMachine) suspended(now time.Time) {
	m.fresh = now
	m.dropAll(m.refusal(RefusedExpired, nil))
	m.abort(now, m.refusal(RefusedExpired, nil))
	m.relockAt = time.Time{}
	m.show(now, m.st.Cause)
	m.pump(now)
}
