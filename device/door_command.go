package device

import "time"

// command takes in what somebody asks for.
func (m *doorMachine) command(now time.Time, r request) {
	m.admit(now, r)
	m.pump(now)
}

func (m *doorMachine) admit(now time.Time, r request) {
	switch {
	case m.expired(now, r):
		m.reject(r, m.refusal(RefusedExpired, nil))
	case !m.valid(r.cmd.Action):
		m.reject(r, m.refusal(RefusedUnsupported, nil))
	case !m.recalled:
		m.queue(r)
	case m.e.phase == phaseNone:
		m.consider(now, r)
	case r.cmd.Action == m.e.action && r.cmd.Confirm == m.e.confirm:
		m.share(now, r)
	case m.inWarning() || m.e.phase == phaseWarnRow:
		m.abort(now, m.refusal(RefusedAborted, nil))
		m.queue(r) // it is decided when the warning is off the table
	default:
		m.queue(r)
	}
}

// share lets a command have the answer of the same one in hand.
func (m *doorMachine) share(now time.Time, r request) {
	if m.e.phase == phaseWarning || m.e.warned {
		answer := Answer{Intent: m.e.warning, Warning: true}
		m.keep(asked{of(r.cmd.Cause), r.cmd.Action, now, answer, nil})
		m.fx.tell(reply{id: r.id, answer: answer})
		return
	}
	m.join(r)
}

// pump decides what waited behind an errand that is done.
func (m *doorMachine) pump(now time.Time) {
	for m.recalled && m.e.phase == phaseNone {
		r, ok := m.nextWaiting()
		if !ok {
			return
		}
		m.admit(now, r)
	}
}

// consider starts an errand, unless the command is a repeat.
func (m *doorMachine) consider(now time.Time, r request) {
	if first, ok := m.repeated(now, r.cmd); ok && !m.seeds.has(seedSameValue) {
		m.fx.tell(reply{id: r.id, answer: first.answer, err: first.err})
		return
	}
	m.errands++
	m.e = errand{
		id: m.errands, phase: phaseTruth, action: r.cmd.Action, cause: r.cmd.Cause, confirm: r.cmd.Confirm,
		timer: r.cmd.Cause.Kind == CauseAutoClose, first: r, began: now,
	}
	m.join(r)
	m.advance(now)
}

// advance decides the errand while the truth is being looked for.
func (m *doorMachine) advance(now time.Time) {
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
		m.already(now)
	case stepWarn:
		m.e.phase = phaseWarnRow
		m.e.saw = m.place.since
		m.fx.do(op{kind: opRecord, errand: m.e.id, entry: m.row(EntryWarning)})
	case stepMove, stepStop:
		m.intend(now, d)
	}
}

// row is a row of the errand in hand.
func (m *doorMachine) row(k EntryKind) Entry {
	return Entry{Kind: k, Device: m.id, Action: m.e.action, Cause: m.e.cause, Intent: m.e.intent, Confirmed: m.e.confirm}
}

// intend owes the pulse: the token and the limit are taken, and the intent is written before
// anything else happens.
func (m *doorMachine) intend(now time.Time, d decision) {
	if m.e.opens(d) {
		holder, ok := m.cfg.Interlock.take(m.id, m.e.confirm)
		if !ok {
			ref := m.refusal(RefusedInterlock, nil)
			ref.Why = "the other door (" + holder + ") has not been seen closed"
			m.drop(now, ref)
			return
		}
	}
	if !m.e.cause.AtTheDoor() && !m.e.timer && !m.limit.take(m.e.cause, now) {
		m.release()
		m.drop(now, m.refusal(RefusedRate, nil))
		return
	}
	m.e.phase, m.e.plan, m.e.saw, m.e.way = phaseIntent, d, m.place.since, m.says()
	if m.place.settled { // else a person confirmed it: where it begins is not known
		m.e.from = m.place.truth
	}
	m.fx.do(op{kind: opRecord, errand: m.e.id, entry: m.row(EntryIntent)})
	if m.seeds.has(seedEarlyAnswer) {
		m.answer(now, Answer{Intent: 1}, nil)
	}
}

// opens reports whether the plan may open the door.
func (e *errand) opens(plan decision) bool {
	return plan.step == stepMove && plan.heading != TargetClosed && e.action != ActionStop
}

// release gives the token back if nothing moved and the door is seen closed.
func (m *doorMachine) release() {
	if m.up && m.place.truth == PlaceClosed {
		m.cfg.Interlock.seen(m.id, true)
	}
}

// already answers that there is nothing to do.
func (m *doorMachine) already(now time.Time) {
	if m.e.warned { // somebody else closed it during the warning
		m.unwarn(now, "closed-meanwhile")
	}
	for _, a := range m.askers {
		m.fx.tell(reply{id: a.r.id, answer: Answer{Already: true}})
	}
	m.askers = m.askers[:0]
	m.finish(now)
}

// drop ends the errand before anything was switched on.
func (m *doorMachine) drop(now time.Time, ref *Refusal) {
	if m.e.warning != 0 {
		m.unwarn(now, string(ref.Code))
	}
	m.turnDown(ref)
	m.finish(now)
}

func (m *doorMachine) finish(now time.Time) {
	m.e = errand{}
	m.show(now, m.st.Cause)
}

// abort gives the errand in hand up, as long as nothing is switched on. While a call is out the
// decision waits for its end.
func (m *doorMachine) abort(now time.Time, ref *Refusal) {
	switch m.e.phase {
	case phaseTruth, phaseWarning:
		m.drop(now, ref)
	case phaseWarnRow, phaseWarnOn, phaseIntent:
		m.e.giveUp = ref
	case phaseNone, phaseTrigger, phaseStarted:
	}
}

// withdraw forgets a command whose asker went away; what nobody else asked for is given up.
func (m *doorMachine) withdraw(now time.Time, id uint64) {
	m.desk.withdraw(now, id)
	m.forsaken(now)
	m.pump(now)
}

// forsaken gives an errand up that nobody waits for any more and that has told nobody yet that it
// would happen.
func (m *doorMachine) forsaken(now time.Time) {
	if len(m.askers) > 0 || m.e.warned || m.e.phase == phaseWarning {
		return
	}
	m.abort(now, m.refusal(RefusedExpired, nil))
}

// lockOut ends or begins the owner's lock-out. It holds at once, and is answered when it is kept.
func (m *doorMachine) lockOut(now time.Time, on bool, cause Cause, id uint64) {
	if !m.recalled {
		m.early = append(m.early, lockRequest{on, cause, id})
		return
	}
	detail := "locked-out"
	if !on {
		detail = "lock-out-ended"
	}
	if m.mem.LockedOut != on {
		m.note(ActionNone, cause, detail)
	}
	m.mem.LockedOut = on
	m.fx.do(op{kind: opRemember, asker: id, memory: m.mem})
	if on && !m.e.cause.AtTheDoor() && !m.e.timer {
		m.abort(now, m.refusal(RefusedLockedOut, nil))
	}
	m.show(now, m.st.Cause)
	m.pump(now)
}
