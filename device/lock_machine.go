package device

import "time"

// lockMachine decides what a lock does. It is pure: see machine.
//
//	            unlock: INTENT, throw, STARTED
//	+---------+ -------------------------------> +-----------+
//	| SECURED |   (target unsecured meanwhile)   | UNSECURED |
//	+---------+ <------------------------------- +-----------+
//	  ^     |      lock, relock, or the spring         |
//	  |     |      of a strike at its release          |
//	  |     +-------------> +--------+ <---------------+
//	  +-------------------- | JAMMED |   the lock says so
//	                        +--------+
//
// The truth is the bolt's sensor. Where there is none it follows from the relay (inferred), or from
// the order that was given (timed). A new lock is unknown. The errand is that of a door, without a
// warning: TRUTH, INTENT, TRIGGER, STARTED.
type lockMachine struct {
	desk
	cfg   LockConfig
	asks  bool // the driver can be asked
	limit *PulseLimit
	st    LockState
	mem   Remembered

	recalled    bool
	interrupted bool // there may have been an edge right before the start
	up          bool
	upAt        time.Time
	r           LockReading
	bolt        steady[BoltPosition]
	door        steady[Tri]
	fresh       time.Time // readings taken before are from before a suspend
	switched    time.Time // readings of a relay taken before do not know of the last order

	e        lockErrand
	th       throw
	rel      release
	edges    [3]time.Time // last edge of the relay for secured and unsecured; one relay has only the first
	failed   [3]time.Time
	sprung   time.Time // when the relay of a strike came to rest: its spring secures it then
	relockAt time.Time
	relocks  int // in a row that did not lock
}

// lockErrand is what becomes of one command.
type lockErrand struct {
	id      uint64
	phase   phase
	action  Action
	cause   Cause
	confirm bool
	timer   bool
	first   request
	began   time.Time
	asking  bool
	asked   bool
	wake    time.Time
	intent  int64
	giveUp  *Refusal
}

// throw is an order of ours, from the driver's word to its outcome.
type throw struct {
	live   bool
	intent int64
	action Action
	cause  Cause
	target BoltTarget
	until  time.Time
	unsure bool
}

// Times of locks.
const (
	motorTime    = 10 * time.Second // until a motor bolt has failed
	commandedOut = 20 * time.Second // until a lock that is told has
	maxRelocks   = 3
)

func newLockMachine(cfg LockConfig, asks bool, limit *PulseLimit) *lockMachine {
	return &lockMachine{desk: desk{id: cfg.ID, seeds: newSeeds()}, cfg: cfg, asks: asks, limit: limit}
}

func (m *lockMachine) state() LockState { return m.st }
func (m *lockMachine) busy() bool       { return m.e.phase != phaseNone || m.th.live || m.rel.intent != 0 }

func (m *lockMachine) begin(now time.Time) {
	if m.interrupted && !m.seeds.has(seedReplay) {
		m.interrupted, m.edges = false, [3]time.Time{now, now, now}
	}
	m.fx.do(op{kind: opRecall})
}

func (m *lockMachine) strike() bool { return m.cfg.Traits.Drive == BoltDriveStrike }

// still is how long the bolt must rest. Only contacts bounce: relays and locks that talk do not.
func (m *lockMachine) still() time.Duration {
	if m.cfg.Traits.Drive != BoltDriveCommanded && m.cfg.Traits.SensesBolt {
		return stableTime
	}
	return 0
}

// where says where the bolt is, and where it was meant or seen to go.
func (m *lockMachine) where() (BoltPosition, BoltTarget, Confidence) {
	sure := ConfidenceSensed
	if !m.cfg.Traits.SensesBolt {
		sure = ConfidenceTimed
		if m.strike() || m.cfg.Traits.Drive == BoltDriveMaglock {
			sure = ConfidenceInferred
		}
	}
	at := m.bolt.truth
	if at == BoltUnknown {
		sure = ConfidenceUnknown
	}
	if m.th.live {
		return at, m.th.target, sure
	}
	switch at {
	case BoltSecured:
		return at, BoltTargetSecured, sure
	case BoltUnsecured:
		return at, BoltTargetUnsecured, sure
	case BoltJammed:
		return at, m.st.Target, sure
	case BoltUnknown:
	}
	return at, BoltTargetUnknown, sure
}

// show brings the state up to date; the cause is that of a change of bolt or target, if there is one.
func (m *lockMachine) show(now time.Time, cause Cause) {
	st := m.st
	st.Bolt, st.Target, st.Confidence = m.where()
	st.DoorOpen = m.door.truth
	if st.Bolt != m.st.Bolt || st.Target != m.st.Target {
		st.Cause = cause
	}
	if st.Bolt != m.st.Bolt {
		st.Since = now
	}
	if st.Target != m.st.Target {
		m.wentBack(now, boltAction(m.st.Target))
	}
	st.Available, st.LockedOut = m.up && m.announced(now), m.mem.LockedOut
	if m.up {
		st.Fault, st.Battery = m.r.Fault, m.r.Battery
	}
	m.st = st
	m.armRelock(now)
}

// announced reports whether the first readings have come to rest, or do not.
func (m *lockMachine) announced(now time.Time) bool {
	return !m.bolt.truthAt.IsZero() && !m.door.truthAt.IsZero() || now.Sub(m.upAt) >= bounceTime
}

// armRelock starts the timer of a lock that locks itself: while it is unlocked and its door is not
// open. A strike does so by its spring.
func (m *lockMachine) armRelock(now time.Time) {
	waits := m.st.DoorOpen == Yes && !m.cfg.BoltOnOpenDoor
	if m.st.Bolt == BoltSecured {
		m.relocks = 0
	}
	if m.cfg.AutoRelock == 0 || m.strike() || !m.up || m.st.Bolt != BoltUnsecured || waits || m.th.live || m.relocks >= maxRelocks {
		m.relockAt = time.Time{}
		return
	}
	if m.relockAt.IsZero() && m.e.phase == phaseNone {
		m.relockAt = now.Add(m.cfg.AutoRelock)
		if retry := now.Add(failedTime); m.relocks > 0 && m.relockAt.Before(retry) {
			m.relockAt = retry
		}
	}
}

// relock asks for it as anybody would.
func (m *lockMachine) relock(now time.Time) {
	m.relockAt = time.Time{}
	m.admit(now, request{cmd: Command{Action: ActionLock, Cause: Cause{Kind: CauseAutoRelock}}, entered: now})
}

func (m *lockMachine) relockFailed() {
	m.relocks++
	if m.relocks == maxRelocks {
		m.alarm(NoticeRelock, true, "")
	}
}

func boltAction(t BoltTarget) Action {
	switch t {
	case BoltTargetSecured:
		return ActionLock
	case BoltTargetUnsecured:
		return ActionUnlock
	case BoltTargetUnknown:
	}
	return ActionNone
}

func actionBolt(a Action) (BoltTarget, BoltPosition) {
	if a == ActionLock {
		return BoltTargetSecured, BoltSecured
	}
	return BoltTargetUnsecured, BoltUnsecured
}

// relay is the number of the relay that moves the bolt to a target.
func (m *lockMachine) relay(t BoltTarget) int {
	if m.strike() || m.cfg.Traits.Drive == BoltDriveMaglock {
		return 0
	}
	return int(t)
}
