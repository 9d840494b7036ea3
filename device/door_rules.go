package device

import "time"

// step is what is to be done about a command now.
type step uint8

const (
	stepRefuse  step = iota
	stepAlready      // nothing: it is so, or on its way
	stepWait         // look again later
	stepRefresh      // ask the driver first
	stepWarn         // a warning first
	stepMove         // a pulse is owed
	stepStop         // the opener's own stop
)

// decision is what the rules say of a command at one instant.
type decision struct {
	step    step
	code    RefusalCode
	at      time.Time // stepWait: when to look again
	heading Target    // stepMove: which way it will go; unknown where that is a guess
	guess   bool      // stepMove: the pulse may close the door
}

func no(code RefusalCode) decision { return decision{code: code} }

// mayClose reports whether the door may close with nobody at it (16 CFR 1211.14; UL 325 for gates).
func (m *doorMachine) mayClose() bool {
	switch m.cfg.Kind {
	case KindSectional, KindRolling:
		return m.cfg.RemoteClose == RemoteCloseDeclared || m.cfg.RemoteClose == RemoteCloseWarned && m.caps.warn
	case KindGateSwing, KindGateSliding:
		return m.cfg.RemoteClose == RemoteCloseDeclared
	default:
		return false
	}
}

// valid reports whether a door can do that at all.
func (m *doorMachine) valid(a Action) bool {
	return a == ActionOpen || a == ActionClose || a == ActionStop
}

// toggles reports whether one order means different things at different times.
func (m *doorMachine) toggles() bool { return m.cfg.Traits.Drive == DrivePulse }

// attended reports whether a person stands at the door, or looked at it and said so.
func (e *errand) attended() bool { return e.cause.AtTheDoor() || e.confirm }

// decide applies the rules to the errand in hand.
func (m *doorMachine) decide(now time.Time) decision {
	e := &m.e
	if !m.up {
		return no(RefusedUnavailable)
	}
	if m.mem.LockedOut && !e.cause.AtTheDoor() && !e.timer {
		return no(RefusedLockedOut)
	}
	if e.action == ActionStop {
		return m.decideStop(now)
	}
	target := actionTarget(e.action)
	if m.mv.live && m.mv.target == target {
		if m.mv.unsure && !m.mv.left {
			return no(RefusedUnsure)
		}
		return decision{step: stepAlready}
	}
	if d, ok := m.findTruth(now); !ok {
		return d
	}
	position, _, _ := m.where()
	there := position == PositionOpen && target == TargetOpen || position == PositionClosed && target == TargetClosed
	if (there || m.toggles() && m.says() == target) && !m.seeds.has(seedSameValue) {
		return decision{step: stepAlready}
	}
	d, ok := m.direction(target, position)
	if !ok {
		return d
	}
	switch {
	case m.mem.Suspended && !e.attended() && (m.toggles() || target == TargetClosed):
		return no(RefusedSuspended)
	case !e.confirm && !m.failed[target].IsZero() && now.Sub(m.failed[target]) < failedTime:
		return no(RefusedFailed)
	case target == TargetClosed && m.r.Fault != "" && !e.attended():
		return no(RefusedUnknown)
	}
	return m.safely(now, target, d)
}

// fresher reports whether the last reading is young enough to be the truth.
func (m *doorMachine) fresher(now time.Time) bool {
	return now.Sub(m.r.Taken) <= freshTime && !m.r.Taken.Before(m.fresh) || m.seeds.has(seedOldReading)
}

// findTruth looks for a reading that is fresh and still. It returns false with what to do instead.
func (m *doorMachine) findTruth(now time.Time) (decision, bool) {
	e := &m.e
	fresh := m.fresher(now)
	still := m.place.settled
	switch {
	case e.asking:
		return decision{step: stepWait}, false
	case !fresh && m.caps.refresh && !e.asked:
		return decision{step: stepRefresh}, false
	case e.confirm:
		return decision{}, true // the person's eyes stand for the sensors
	case !fresh && (m.toggles() || m.caps.refresh && e.action == ActionClose && !e.cause.AtTheDoor()):
		return no(RefusedStale), false
	case !still && now.Sub(e.began) >= bounceTime:
		return no(RefusedBouncing), false
	case !still && (m.toggles() || e.action == ActionClose):
		return decision{step: stepWait, at: earlier(m.place.due(stableTime), e.began.Add(bounceTime))}, false
	}
	return decision{}, true
}

// direction says which way the door would go, or why it must not be told to now.
func (m *doorMachine) direction(target Target, position Position) (decision, bool) {
	e := &m.e
	moving := m.mv.live || position == PositionOpening || position == PositionClosing || !m.moving.IsZero() && m.place.truth == PlaceBetween
	if !m.toggles() {
		if target == TargetClosed && position == PositionUnknown && !e.attended() {
			if moving {
				return no(RefusedMoving), false
			}
			return no(RefusedUnknown), false
		}
		return decision{step: stepMove, heading: target, guess: target == TargetClosed}, true
	}
	switch {
	case m.mv.live && m.mv.action != ActionStop:
		return m.reversal(target, m.mv.heading)
	case m.says() != TargetUnknown:
		return m.reversal(target, m.says())
	case position == PositionClosed:
		return decision{step: stepMove, heading: TargetOpen}, true
	case position == PositionOpen:
		return decision{step: stepMove, heading: TargetClosed, guess: true}, true
	case e.attended() || position == PositionStopped:
		return decision{step: stepMove, guess: true}, true
	case moving:
		return no(RefusedMoving), false
	}
	return no(RefusedUnknown), false
}

// says is which way a door between its ends goes, as its opener tells; unknown where it rests, or the opener does not
// tell.
func (m *doorMachine) says() Target {
	if m.place.truth != PlaceBetween {
		return TargetUnknown
	}
	return m.r.Moving
}

// reversal is a pulse of a one-button opener against a move that is known: ours, or one that the opener tells. Only where the cycle says for sure
// that it opens the door is it given: a pulse that stops the door leaves it half way, and the second
// one that would be needed is never given without a new command.
func (m *doorMachine) reversal(target, heading Target) (decision, bool) {
	under := m.place.truth == PlaceBetween && (m.mv.left || m.r.Moving == TargetClosed)
	if target == TargetOpen && heading == TargetClosed && m.cfg.Traits.Cycle == CycleReversesOnClose && under {
		return decision{step: stepMove, heading: TargetOpen}, true
	}
	return no(RefusedMoving), false
}

// safely applies what keeps people safe, and the limits.
func (m *doorMachine) safely(now time.Time, target Target, d decision) decision {
	e := &m.e
	closing := target == TargetClosed || d.guess
	if closing && m.r.Obstructed == Yes && (target == TargetClosed || !e.attended()) {
		return no(RefusedObstructed)
	}
	// A person who confirms an opening answers for it where the door has no warning to give.
	own := target == TargetOpen && e.confirm && !m.mayClose()
	if closing && !e.cause.AtTheDoor() && !own {
		if !m.mayClose() {
			return no(RefusedUnattended)
		}
		if m.mem.Obstructs >= maxObstructs && !e.confirm {
			return no(RefusedSuspended)
		}
		if m.cfg.RemoteClose == RemoteCloseWarned && !e.warned && !m.seeds.has(seedUnwarned) {
			return decision{step: stepWarn} // the gap is judged when the pulse is owed
		}
	}
	if wait, ok := m.gap(now, target); !ok {
		return wait
	}
	return d
}

// relay is the number of the relay that an action uses.
func (m *doorMachine) relay(a Action) int {
	if m.toggles() {
		return 0
	}
	return int(a)
}

// gap sees to the two seconds between two edges of one relay.
func (m *doorMachine) gap(now time.Time, target Target) (decision, bool) {
	a := targetAction(target)
	if target == TargetUnknown {
		a = ActionStop
	}
	last := m.edges[m.relay(a)]
	if last.IsZero() || now.Sub(last) >= edgeGap || m.seeds.has(seedFastEdges) {
		return decision{}, true
	}
	return no(RefusedTooSoon), false
}

// decideStop applies the rules of a stop. A one-button opener is only stopped while our own move is
// seen to be under way: anywhere else the pulse would start one.
func (m *doorMachine) decideStop(now time.Time) decision {
	e := &m.e
	position, _, confidence := m.where()
	sensedRest := m.place.settled && confidence == ConfidenceSensed && (position == PositionClosed || position == PositionOpen)
	if m.caps.stop {
		if sensedRest && !m.mv.live {
			return decision{step: stepAlready}
		}
		if d, ok := m.gap(now, TargetUnknown); !ok {
			return d
		}
		return decision{step: stepStop}
	}
	if !m.toggles() || m.cfg.Traits.Cycle == CycleNoStop {
		return no(RefusedNoStop)
	}
	if !m.mv.live || m.mv.action == ActionStop {
		return m.stopOthers(position)
	}
	if d, ok := m.findTruth(now); !ok {
		return d
	}
	switch {
	case m.cfg.Traits.Cycle == CycleReversesOnClose && m.mv.heading != TargetOpen:
		return no(RefusedNoStop)
	case m.place.truth != PlaceBetween, m.mv.unsure && !m.mv.left, m.mayHaveArrived(now):
		return no(RefusedUnknown)
	}
	if d, ok := m.gap(now, TargetUnknown); !ok {
		return d
	}
	if e.confirm && !m.mv.left && m.mv.from != PlaceBetween {
		return no(RefusedUnknown)
	}
	return decision{step: stepMove}
}

// stopOthers is a stop while no move of ours is under way.
func (m *doorMachine) stopOthers(position Position) decision {
	switch {
	case position == PositionClosed, position == PositionOpen, position == PositionStopped:
		return decision{step: stepAlready}
	case position == PositionOpening, position == PositionClosing, !m.moving.IsZero():
		return no(RefusedMoving)
	}
	return no(RefusedUnknown)
}

// mayHaveArrived reports whether the door may be at an end that nothing senses: there a pulse would
// start it instead of stopping it.
func (m *doorMachine) mayHaveArrived(now time.Time) bool {
	if m.mv.heading == TargetClosed && m.cfg.Traits.SensesClosed || m.mv.heading == TargetOpen && m.cfg.Traits.SensesOpen {
		return false
	}
	known := travel(m.cfg.Travel, m.mem.Opens)
	return known == 0 || now.Sub(m.mv.started) > known-known/10
}
