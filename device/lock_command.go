package device

import "time"

func (m *lockMachine) command(now time.Time, r request) {
	m.admit(now, r)
	m.pump(now)
}

func (m *lockMachine) admit(now time.Time, r request) {
	switch {
	case m.expired(now, r):
		m.reject(r, m.refusal(RefusedExpired, nil))
	case r.cmd.Action != ActionLock && r.cmd.Action != ActionUnlock:
		m.reject(r, m.refusal(RefusedUnsupported, nil))
	case !m.recalled:
		m.queue(r)
	case m.e.phase == phaseNone:
		m.consider(now, r)
	case r.cmd.Action == m.e.action && r.cmd.Confirm == m.e.confirm:
		m.join(r)
	default:
		m.queue(r)
	}
}

func (m *lockMachine) pump(now time.Time) {
	for m.recalled && m.e.phase == phaseNone {
		r, ok := m.nextWaiting()
		if !ok {
			return
		}
		m.admit(now, r)
	}
}

func (m *lockMachine) consider(now time.Time, r request) {
	if first, ok := m.repeated(now, r.cmd); ok {
		m.fx.tell(reply{id: r.id, answer: first.answer, err: first.err})
		return
	}
	m.errands++
	m.e = lockErrand{
		id: m.errands, phase: phaseTruth, action: r.cmd.Action, cause: r.cmd.Cause, confirm: r.cmd.Confirm,
		timer: r.cmd.Cause.Kind == CauseAutoRelock, first: r, began: now,
	}
	m.join(r)
	m.advance(now)
}

func (m *lockMachine) advance(now time.Time) {
	if m.e.phase != phaseTruth {
		return
	}
	d := m.decide(now)
	m.e.wake = time.Time{}
	switch d.step {
	case stepWait:
		m.e.wake = d.at
	case stepRefresh:
		m.e.asking = true
		m.fx.do(op{kind: opRefresh, errand: m.e.id})
	case stepRefuse:
		m.drop(now, m.refusal(d.code, nil))
	case stepAlready:
		for _, a := range m.askers {
			m.fx.tell(reply{id: a.r.id, answer: Answer{Already: true}})
		}
		m.askers = m.askers[:0]
		m.finish(now)
	default:
		m.intend(now)
	}
}

// decide applies the rules to the errand in hand. A sensor that does not answer never keeps anybody
// out: an unlock goes ahead without it.
func (m *lockMachine) decide(now time.Time) decision {
	e := &m.e
	target, want := actionBolt(e.action)
	if !m.up {
		return no(RefusedUnavailable)
	}
	if m.mem.LockedOut && e.action == ActionUnlock && !e.cause.AtTheDoor() {
		return no(RefusedLockedOut)
	}
	if m.th.live && m.th.target == target {
		if m.th.unsure {
			return no(RefusedUnsure)
		}
		return decision{step: stepAlready}
	}
	fresh := now.Sub(m.r.Taken) <= freshTime && !m.r.Taken.Before(m.fresh)
	switch {
	case e.asking:
		return decision{step: stepWait}
	case !fresh && m.asks && !e.asked:
		return decision{step: stepRefresh}
	case m.strike() && e.action == ActionUnlock && (m.r.Energised == Yes && !m.r.Taken.Before(m.switched) || m.rel.intent != 0):
		return decision{step: stepAlready} // released as it is: no edge, and no longer hold
	case m.bolt.truth == want && m.bolt.settled:
		return decision{step: stepAlready}
	case !e.confirm && !m.failed[target].IsZero() && now.Sub(m.failed[target]) < failedTime:
		if m.bolt.truth == BoltJammed {
			return no(RefusedJammed)
		}
		return no(RefusedFailed)
	}
	if e.action == ActionLock && !m.strike() && !m.cfg.BoltOnOpenDoor {
		if d, ok := m.doorClosed(now); !ok {
			return d
		}
	}
	if last := m.edges[m.relay(target)]; !last.IsZero() && now.Sub(last) < edgeGap {
		return no(RefusedTooSoon)
	}
	return decision{step: stepMove}
}

// doorClosed sees to it that no bolt is thrown on an open door.
func (m *lockMachine) doorClosed(now time.Time) (decision, bool) {
	switch {
	case !m.cfg.Traits.SensesDoor && m.door.truth == Unknown:
		return decision{}, true
	case m.door.raw == Yes:
		return no(RefusedDoorOpen), false
	case !m.door.settled && now.Sub(m.e.began) >= bounceTime:
		return no(RefusedBouncing), false
	case !m.door.settled:
		return decision{step: stepWait, at: earlier(m.door.due(stableTime), m.e.began.Add(bounceTime))}, false
	case m.door.truth == Unknown && !m.e.confirm:
		return no(RefusedUnknown), false
	}
	return decision{}, true
}

func (m *lockMachine) row(k EntryKind) Entry {
	return Entry{Kind: k, Device: m.id, Action: m.e.action, Cause: m.e.cause, Intent: m.e.intent, Confirmed: m.e.confirm}
}

func (m *lockMachine) intend(now time.Time) {
	if m.e.action == ActionUnlock {
		holder, ok := m.cfg.Interlock.take(m.id, m.e.confirm)
		if !ok {
			ref := m.refusal(RefusedInterlock, nil)
			ref.Why = "the other door (" + holder + ") has not been seen closed"
			m.drop(now, ref)
			return
		}
	}
	if !m.e.cause.AtTheDoor() && !m.e.timer && !m.limit.take(m.e.cause, now) {
		m.token(now)
		m.drop(now, m.refusal(RefusedRate, nil))
		return
	}
	m.e.phase = phaseIntent
	m.fx.do(op{kind: opRecord, errand: m.e.id, entry: m.row(EntryIntent)})
}

// token tells the mantrap whether this door is seen closed.
func (m *lockMachine) token(now time.Time) {
	if !m.up || m.bolt.truth == BoltUnknown {
		return
	}
	shut := m.door.truth == No || m.door.truth == Unknown && !m.cfg.Traits.SensesDoor
	closed := m.bolt.truth == BoltSecured && shut && m.rel.intent == 0
	m.cfg.Interlock.seen(m.id, closed)
	m.holds(now, m.cfg.Interlock, !closed)
}

func (m *lockMachine) drop(now time.Time, ref *Refusal) {
	if m.e.timer {
		m.relockFailed()
	}
	m.turnDown(ref)
	m.finish(now)
}

func (m *lockMachine) finish(now time.Time) {
	m.e = lockErrand{}
	m.show(now, m.st.Cause)
}

func (m *lockMachine) abort(now time.Time, ref *Refusal) {
	switch m.e.phase {
	case phaseTruth:
		m.drop(now, ref)
	case phaseIntent:
		m.e.giveUp = ref
	default:
	}
}

func (m *lockMachine) withdraw(now time.Time, id uint64) {
	m.desk.withdraw(now, id)
	if len(m.askers) == 0 {
		m.abort(now, m.refusal(RefusedExpired, nil))
	}
	m.pump(now)
}

func (m *lockMachine) lockOut(now time.Time, on bool, cause Cause, id uint64) {
	if !m.recalled {
		m.early = append(m.early, lockRequest{on, cause, id})
		return
	}
	if m.mem.LockedOut != on {
		detail := "locked-out"
		if !on {
			detail = "lock-out-ended"
		}
		m.fx.write(Entry{Kind: EntryNote, Device: m.id, Cause: cause, Detail: detail, State: m.st.Bolt.String()})
	}
	m.mem.LockedOut = on
	m.fx.do(op{kind: opRemember, asker: id, memory: m.mem})
	if on && m.e.action == ActionUnlock && !m.e.cause.AtTheDoor() {
		m.abort(now, m.refusal(RefusedLockedOut, nil))
	}
	m.show(now, m.st.Cause)
	m.pump(now)
}
