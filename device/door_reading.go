package device

import "time"

// outside is the cause of what the sensors saw and nobody here asked for.
func outside() Cause { return Cause{Kind: CauseOutside} }

// reading takes in what the driver saw.
func (m *doorMachine) reading(now time.Time, r Reading) {
	m.observe(now, r)
	m.arrive(now)
	m.advance(now)
	m.pump(now)
}

// observe takes a reading in without drawing conclusions that need it to be still.
func (m *doorMachine) observe(now time.Time, r Reading) {
	old, first := m.r, !m.up
	r.Taken = taken(now, r.Taken, old.Taken)
	if !first && r.Taken.Before(old.Taken) {
		return // a refresh was faster
	}
	m.r, m.up = r, true
	changed := m.place.see(now, r.At)
	if first {
		m.upAt = now
		m.place.doubt(now)
		m.alarm(NoticeAway, false, "")
	}
	if changed || first {
		m.guessed, m.stopped = PlaceUnknown, false
		if !m.mv.live || m.mv.action == ActionStop {
			m.moving = now.Add(m.window(TargetUnknown))
		}
	}
	if m.mv.live && r.Obstructed == Yes {
		m.mv.blocked = true
	}
	m.trouble(r.Fault, r.Disagree, m.place.restless(now))
	m.seeRelease(r)
	blocked := r.Obstructed == Yes && old.Obstructed != Yes
	if m.e.phase == phaseWarnRow || m.inWarning() {
		m.watchWarning(now, changed || first || r.Fault != "" && r.Fault != old.Fault, blocked)
	}
	m.show(now, m.changeCause())
}

// changeCause is what a change of the position that is seen now is put down to.
func (m *doorMachine) changeCause() Cause {
	switch {
	case m.mv.live:
		return m.mv.cause
	case m.e.phase == phaseTrigger: // it moves before the driver has come back
		return m.e.cause
	}
	return outside()
}

// watchWarning gives an unattended close up when anything changes before it has begun.
func (m *doorMachine) watchWarning(now time.Time, changed, blocked bool) {
	if blocked {
		m.obstructed(now)
		m.abort(now, m.refusal(RefusedObstructed, nil))
		return
	}
	if changed {
		m.abort(now, m.refusal(RefusedAborted, nil))
	}
}

// obstructed counts an unattended close that something was in the way of.
func (m *doorMachine) obstructed(now time.Time) {
	m.mem.Obstructs++
	if m.mem.Obstructs >= maxObstructs {
		m.suspend(now, m.e.cause, "obstructed-twice")
	}
	m.remember()
}

func (m *doorMachine) suspend(_ time.Time, cause Cause, detail string) {
	if m.mem.Suspended {
		return
	}
	m.mem.Suspended = true
	m.note(ActionNone, cause, detail)
	m.alarm(NoticeSuspended, true, detail)
}

// seeRelease notices that the output is at rest after it was on.
func (m *doorMachine) seeRelease(r Reading) {
	if m.rel.intent == 0 || r.Energised != No || r.Taken.Before(m.rel.since) {
		return
	}
	m.fx.write(Entry{Kind: EntryReleased, Device: m.id, Action: m.rel.action, Cause: m.rel.cause, Intent: m.rel.intent})
	m.rel = release{}
	m.alarm(NoticeUnreleased, false, "")
}

// arrive makes a reading the truth once it has been still.
func (m *doorMachine) arrive(now time.Time) {
	before, known := m.place.truth, !m.place.truthAt.IsZero()
	if !m.up || !m.place.settle(now, stableTime) {
		return
	}
	at := m.place.truth
	if at != PlaceUnknown {
		m.cfg.Interlock.seen(m.id, at == PlaceClosed)
		m.holds(now, m.cfg.Interlock, at != PlaceClosed)
	}
	if at == PlaceClosed || at == PlaceOpen {
		m.moving, m.stopped = time.Time{}, false
	}
	if at != PlaceOpen && !m.mv.live {
		m.opened = false
	}
	if m.mv.live {
		m.progress(now)
		m.show(now, m.changeCause())
		return
	}
	if m.late.live && at == targetPlace(m.late.target) {
		m.arriveLate(now)
		return
	}
	cause := m.changeCause()
	if !known && cause == outside() {
		cause = Cause{} // as it was found: nobody moved it
	}
	m.show(now, cause)
	if known && at != before && m.e.phase != phaseTrigger {
		m.observed(outside(), "")
	}
}

func (m *doorMachine) observed(c Cause, detail string) {
	m.fx.write(Entry{Kind: EntryObserved, Device: m.id, Cause: c, State: m.st.Position.String(), Detail: detail})
}

// progress compares the truth with the move under way.
func (m *doorMachine) progress(now time.Time) {
	at, mv := m.place.truth, &m.mv
	if mv.action == ActionStop {
		if at == PlaceClosed || at == PlaceOpen {
			m.conclude(now, stopOutcome(mv.started, m.place.truthAt))
		}
		return
	}
	switch {
	case at == targetPlace(mv.target):
		m.conclude(now, OutcomeReached)
	case at == PlaceBetween:
		mv.left = mv.left || mv.from != PlaceBetween
	case at == PlaceUnknown:
	case mv.left || mv.from != at:
		m.conclude(now, OutcomeContradicted)
	}
}

// stopOutcome judges a stop after which the door was seen at an end: it may have been there already.
func stopOutcome(started, arrived time.Time) Outcome {
	if arrived.Sub(started) < edgeGap {
		return OutcomeReached
	}
	return OutcomeContradicted
}

// arriveLate is a door that was slower than anybody knew. Its failure was none.
func (m *doorMachine) arriveLate(now time.Time) {
	l := m.late
	m.late = move{}
	m.failed[l.target] = time.Time{}
	m.mem.Failures = max(m.mem.Failures-1, 0)
	if m.mem.Failures < maxFailures && m.mem.Obstructs < maxObstructs && m.mem.Suspended {
		m.mem.Suspended = false
		m.alarm(NoticeSuspended, false, "")
	}
	m.opened = l.target == TargetOpen
	m.learn(l)
	m.remember()
	m.alarm(NoticeFailed, false, "")
	m.show(now, l.cause)
	m.observed(l.cause, "late")
}

// learn keeps how long a whole way took, from one sensed end to the other.
func (m *doorMachine) learn(mv move) {
	took := m.place.truthAt.Sub(mv.started)
	switch {
	case !mv.left || mv.unsure || mv.blocked:
	case mv.from == PlaceClosed && m.place.truth == PlaceOpen:
		m.mem.Opens = learn(m.mem.Opens, took)
	case mv.from == PlaceOpen && m.place.truth == PlaceClosed:
		m.mem.Closes = learn(m.mem.Closes, took)
	}
}

// lost takes in that the driver does not answer any more.
func (m *doorMachine) lost(now time.Time) {
	m.alarm(NoticeAway, true, "")
	m.up = false
	if m.e.phase == phaseWarnRow || m.inWarning() {
		m.abort(now, m.refusal(RefusedAborted, nil))
	} else if m.e.phase == phaseTruth || m.e.phase == phaseIntent {
		m.abort(now, m.refusal(RefusedUnavailable, nil))
	}
	m.show(now, m.st.Cause)
	m.pump(now)
}

// suspended takes in that the computer slept: what was asked before is too old, and what was seen too.
func (m *doorMachine) suspended(now time.Time) {
	m.fresh = now
	m.dropAll(m.refusal(RefusedExpired, nil))
	m.abort(now, m.refusal(RefusedExpired, nil))
	if m.up {
		m.place.doubt(now)
	}
	if m.mv.live {
		m.conclude(now, OutcomeUnknown)
	}
	m.moving = now.Add(m.window(TargetUnknown))
	m.autoAt = time.Time{}
	m.show(now, m.st.Cause)
	m.pump(now)
}
