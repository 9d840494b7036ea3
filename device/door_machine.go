package device

import "time"

// doorMachine decides what a door does. It is pure: see machine.
//
// What is known of the door, and the moves that loquet makes of it:
//
//	+--------+  leaves, not us   +---------+   leaves, not us  +--------+
//	| CLOSED | ----------------> | UNKNOWN | <---------------- |  OPEN  |
//	+--------+ <---------------- +---------+ ----------------> +--------+
//	 |      ^    300 ms still         | travel x 1.5    300 ms     ^   |
//	 |      |                         v without change             |   |
//	 |      |                    +---------+                       |   |
//	 |      |                    | STOPPED |  (with one contact    |   |
//	 |      |                    +---------+   OPEN, inferred)     |   |
//	 |      |                     ^   |   ^                        |   |
//	 v      |       travel x 1.5  |   |   |  travel x 1.5          |   v
//	OPENING | --------------------+   |   +----------------- CLOSING   |
//	 |      +-------------------------+--------------------------|     |
//	 +---------------------------------------------------------> +     |
//	                                                     CLOSING <-----+
//
// An errand is what becomes of one command; at most one is in hand:
//
//	TRUTH --> [WARN ROW --> WARN ON --> WARNING --> TRUTH] --> INTENT --> TRIGGER --> STARTED
//	  |          |            |            |          |           |          |           |
//	  |       journal       driver      a change    > 1 s      journal     driver     answer
//	  v          v            v            v          v           v          v
//	  +----------+------------+- refused --+----------+-----------+----------+
//
// A move begins when the trigger has come back, and ends with its outcome. It outlives its errand.
type doorMachine struct {
	desk
	cfg   DoorConfig
	caps  capabilities
	limit *PulseLimit
	st    DoorState
	mem   Remembered

	recalled    bool
	interrupted bool // there may have been an edge right before the start
	up          bool // the driver answers
	upAt        time.Time
	r           Reading
	place       steady[Place]
	fresh       time.Time // readings taken before are from before a suspend
	moving      time.Time // until then a door that somebody else moved counts as moving; zero: at rest
	guessed     Place     // where a door must be by now that no sensor sees there
	stopped     bool      // our own stop left it between its ends
	opened      bool      // the last opening was ours

	e       errand
	mv      move
	rel     release
	edges   [4]time.Time // last edge of the relay for open, close, stop; a button has only the first
	failed  [3]time.Time // when a move to that target failed
	late    move         // a move that timed out and may still arrive
	warned  bool         // light and sound are on, or may be
	warnOff time.Time    // when they go off; zero: not yet
	autoAt  time.Time    // when the door closes by itself; zero: it does not
}

// capabilities are what the driver can do beside moving.
type capabilities struct{ refresh, stop, warn bool }

// phase is how far an errand has come.
type phase uint8

const (
	phaseNone phase = iota
	phaseTruth
	phaseWarnRow
	phaseWarnOn
	phaseWarning
	phaseIntent
	phaseTrigger
	phaseStarted
)

// errand is what becomes of one command.
type errand struct {
	id      uint64
	phase   phase
	action  Action
	cause   Cause
	confirm bool
	timer   bool // the door's own timer asks
	first   request
	began   time.Time // of looking for the truth
	asking  bool      // a refresh is out
	asked   bool      // it came back, or cannot be made
	wake    time.Time // when to look again
	warned  bool      // the warning has been given
	warning int64     // its row
	until   time.Time // end of the warning
	beat    time.Time // the last look at it
	startBy time.Time // when the close must have started
	plan    decision
	saw     time.Time // what the reading was when it was decided
	way     Target    // which way the opener said it went then
	from    Place     // and the truth
	intent  int64
	giveUp  *Refusal // decided while a call was out
}

// move is a movement of ours, from the trigger to its outcome.
type move struct {
	live       bool
	intent     int64
	action     Action
	cause      Cause
	target     Target // unknown for a stop
	heading    Target // unknown where the direction is a guess
	from       Place
	started    time.Time
	until      time.Time
	left       bool // it was seen away from where it began
	unsure     bool // the driver does not know whether it was switched on
	unattended bool
	blocked    bool // an obstruction was seen
	confirmed  bool
}

// release is an output that is on and has not been seen at rest.
type release struct {
	intent int64
	action Action
	cause  Cause
	since  time.Time
	until  time.Time
}

// releaseTime is how long an output may be on before its owner hears of it.
const releaseTime = 10 * time.Second

func newDoorMachine(cfg DoorConfig, caps capabilities, limit *PulseLimit) *doorMachine {
	cfg.WarnTime = max(cfg.WarnTime, MinWarnTime)
	return &doorMachine{desk: desk{id: cfg.ID, seeds: newSeeds()}, cfg: cfg, caps: caps, limit: limit}
}

func (m *doorMachine) state() DoorState { return m.st }

// busy reports whether a move, a pulse or a warning is owed or under way.
func (m *doorMachine) busy() bool { return m.e.phase != phaseNone || m.mv.live || m.warned }

func (m *doorMachine) begin(now time.Time) {
	m.quiet(now) // of a run before
	if m.interrupted && !m.seeds.has(seedReplay) {
		m.interrupted, m.edges = false, [4]time.Time{now, now, now, now}
	}
	m.fx.do(op{kind: opRecall})
	if m.cfg.RemoteClose == RemoteCloseDeclared && m.mayClose() {
		m.note(ActionNone, Cause{}, "owner-declares-protected")
	}
}

func (m *doorMachine) note(a Action, c Cause, detail string) {
	m.fx.write(Entry{Kind: EntryNote, Device: m.id, Action: a, Cause: c, Detail: detail, State: m.st.Position.String()})
}

func (m *doorMachine) remember() { m.fx.do(op{kind: opRemember, memory: m.mem}) }

// window is how long a way may take.
func (m *doorMachine) window(t Target) time.Duration {
	switch t {
	case TargetOpen:
		return window(travel(m.cfg.Travel, m.mem.Opens))
	case TargetClosed:
		return window(travel(m.cfg.Travel, m.mem.Closes))
	case TargetUnknown:
	}
	return max(m.window(TargetOpen), m.window(TargetClosed))
}

// where says where the door is and where it was meant or seen to go.
func (m *doorMachine) where() (Position, Target, Confidence) {
	if m.mv.live && m.mv.action != ActionStop && (!m.mv.unsure || m.mv.left) {
		return m.underWay()
	}
	sensed := m.cfg.Traits
	switch m.place.truth {
	case PlaceClosed:
		return PositionClosed, TargetClosed, ConfidenceSensed
	case PlaceOpen:
		return PositionOpen, TargetOpen, ConfidenceSensed
	case PlaceBetween:
		switch {
		case m.r.Moving == TargetOpen:
			return PositionOpening, TargetOpen, ConfidenceSensed
		case m.r.Moving == TargetClosed:
			return PositionClosing, TargetClosed, ConfidenceSensed
		case m.stopped:
			return PositionStopped, TargetOpen, ConfidenceInferred
		case !m.moving.IsZero():
			return PositionUnknown, TargetUnknown, ConfidenceUnknown
		case sensed.SensesClosed && !sensed.SensesOpen:
			return PositionOpen, TargetOpen, ConfidenceInferred
		case sensed.SensesClosed:
			return PositionStopped, TargetOpen, ConfidenceTimed
		}
		return m.guess()
	case PlaceUnknown:
		if !sensed.SensesClosed && !sensed.SensesOpen {
			return m.guess()
		}
	}
	return PositionUnknown, TargetUnknown, ConfidenceUnknown
}

// guess is where a door must be by now that no sensor sees there.
func (m *doorMachine) guess() (Position, Target, Confidence) {
	switch m.guessed {
	case PlaceClosed:
		return PositionClosed, TargetClosed, ConfidenceTimed
	case PlaceOpen:
		return PositionOpen, TargetOpen, ConfidenceTimed
	default:
		return PositionUnknown, TargetUnknown, ConfidenceUnknown
	}
}

func (m *doorMachine) underWay() (Position, Target, Confidence) {
	heading, sure := m.mv.heading, ConfidenceInferred
	if m.r.Moving != TargetUnknown {
		heading, sure = m.r.Moving, ConfidenceSensed
	}
	switch heading {
	case TargetOpen:
		return PositionOpening, m.mv.target, sure
	case TargetClosed:
		return PositionClosing, m.mv.target, sure
	case TargetUnknown:
	}
	return PositionUnknown, m.mv.target, ConfidenceUnknown
}

// show brings the state up to date; the cause is that of a change of position or target, if there is
// one. What a driver that is gone last said stays.
func (m *doorMachine) show(now time.Time, cause Cause) {
	st := m.st
	st.Position, st.Target, st.Confidence = m.where()
	if m.inWarning() && m.e.action == ActionClose {
		st.Target = TargetClosed
	}
	if st.Position != m.st.Position || st.Target != m.st.Target {
		st.Cause = cause
	}
	if st.Position != m.st.Position {
		st.Since = now
	}
	if st.Target != m.st.Target {
		m.wentBack(now, targetAction(m.st.Target))
	}
	st.Available, st.Warning = m.up && m.announced(now), m.warned
	st.Suspended, st.LockedOut = m.mem.Suspended, m.mem.LockedOut
	if m.up {
		st.Obstructed, st.Fault, st.Battery = m.r.Obstructed, m.r.Fault, m.r.Battery
	}
	m.st = st
	m.armAutoClose(now)
}

// announced reports whether the first readings have come to rest, or do not.
func (m *doorMachine) announced(now time.Time) bool {
	return !m.place.truthAt.IsZero() || now.Sub(m.upAt) >= bounceTime
}

func (m *doorMachine) inWarning() bool {
	return m.e.warned || m.e.phase == phaseWarnOn || m.e.phase == phaseWarning
}

func targetAction(t Target) Action {
	switch t {
	case TargetOpen:
		return ActionOpen
	case TargetClosed:
		return ActionClose
	case TargetUnknown:
	}
	return ActionNone
}

func actionTarget(a Action) Target {
	switch a {
	case ActionOpen:
		return TargetOpen
	case ActionClose:
		return TargetClosed
	default:
		return TargetUnknown
	}
}

func targetPlace(t Target) Place {
	switch t {
	case TargetOpen:
		return PlaceOpen
	case TargetClosed:
		return PlaceClosed
	case TargetUnknown:
	}
	return PlaceUnknown
}
