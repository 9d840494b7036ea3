package device

import (
	"slices"
	"testing"
	"time"
)

// rulesBench is a machine that has seen a place for a while.
func rulesBench(cfg DoorConfig, caps capabilities, at Place, prepare func(*doorMachine, time.Time)) (*doorMachine, time.Time) {
	now := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	cfg.ID = "door"
	m := newDoorMachine(cfg, caps, nil)
	m.begin(now)
	m.done(now, result[Reading]{op: op{kind: opRecall}})
	m.reading(now, Reading{At: at, Taken: now})
	for range 70 {
		now = now.Add(500 * time.Millisecond)
		m.expire(now)
	}
	m.reading(now, Reading{At: at, Taken: now})
	if prepare != nil {
		prepare(m, now)
	}
	return m, now
}

func TestDoorRules(t *testing.T) {
	pulse := DoorTraits{Drive: DrivePulse, SensesClosed: true, SensesOpen: true}
	one := DoorTraits{Drive: DrivePulse, SensesClosed: true}
	noStop := pulse
	noStop.Cycle = CycleNoStop
	discrete := DoorTraits{Drive: DriveDiscrete, SensesClosed: true, SensesOpen: true}
	commanded := DoorTraits{Drive: DriveCommanded, SensesClosed: true, SensesOpen: true}
	kinds := func(k DoorKind, r RemoteClose, t DoorTraits) DoorConfig {
		return DoorConfig{Kind: k, RemoteClose: r, Traits: t}
	}
	remote, atDoor := Cause{Kind: CauseHomeKit, Actor: "a"}, Cause{Kind: CauseCode, Actor: "c"}
	obstructed := func(m *doorMachine, now time.Time) {
		m.reading(now, Reading{At: m.r.At, Obstructed: Yes, Taken: now})
	}
	opening := func(m *doorMachine, now time.Time) {
		m.reading(now, Reading{At: PlaceBetween, Moving: TargetOpen, Taken: now})
		m.expire(now.Add(stableTime))
	}

	closing := func(m *doorMachine, now time.Time) {
		m.reading(now, Reading{At: PlaceBetween, Moving: TargetClosed, Taken: now})
		m.expire(now.Add(stableTime))
	}
	reverses := pulse
	reverses.Cycle = CycleReversesOnClose

	justPulsed := func(m *doorMachine, now time.Time) { m.edges[0] = now }

	for _, c := range []struct {
		name    string
		cfg     DoorConfig
		at      Place
		prepare func(*doorMachine, time.Time)
		cmd     Command
		step    step
		code    RefusalCode
	}{
		{"closed, open", kinds(0, 0, pulse), PlaceClosed, nil, Command{Action: ActionOpen, Cause: remote}, stepMove, ""},
		{"closed, close", kinds(0, 0, pulse), PlaceClosed, nil, Command{Action: ActionClose, Cause: remote}, stepAlready, ""},
		{"open, open", kinds(0, 0, pulse), PlaceOpen, nil, Command{Action: ActionOpen, Cause: remote}, stepAlready, ""},
		{"no kind", kinds(KindNone, RemoteCloseDeclared, pulse), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedUnattended},
		{"no permission", kinds(KindSectional, RemoteCloseNo, pulse), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedUnattended},
		{"sectional warned", kinds(KindSectional, RemoteCloseWarned, pulse), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepWarn, ""},
		{"rolling warned", kinds(KindRolling, RemoteCloseWarned, pulse), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepWarn, ""},
		{"sectional declared", kinds(KindSectional, RemoteCloseDeclared, pulse), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepMove, ""},
		{"one-piece warned", kinds(KindOnePiece, RemoteCloseWarned, pulse), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedUnattended},
		{"one-piece declared", kinds(KindOnePiece, RemoteCloseDeclared, pulse), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedUnattended},
		{"swing declared", kinds(KindSwing, RemoteCloseDeclared, pulse), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedUnattended},
		{"swing gate warned", kinds(KindGateSwing, RemoteCloseWarned, discrete), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedUnattended},
		{"swing gate declared", kinds(KindGateSwing, RemoteCloseDeclared, discrete), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepMove, ""},
		{"sliding gate declared", kinds(KindGateSliding, RemoteCloseDeclared, discrete), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepMove, ""},
		{"one-piece at the door", kinds(KindOnePiece, RemoteCloseNo, pulse), PlaceOpen, nil, Command{Action: ActionClose, Cause: atDoor}, stepMove, ""},
		{"commanded without permission", kinds(0, 0, commanded), PlaceOpen, nil, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedUnattended},
		{"obstructed", kinds(KindSectional, RemoteCloseDeclared, pulse), PlaceOpen, obstructed, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedObstructed},
		{"obstructed at the door", kinds(KindSectional, RemoteCloseDeclared, pulse), PlaceOpen, obstructed, Command{Action: ActionClose, Cause: atDoor}, stepRefuse, RefusedObstructed},
		{"obstructed, open", kinds(0, 0, pulse), PlaceClosed, obstructed, Command{Action: ActionOpen, Cause: remote}, stepMove, ""},
		{"one contact, at rest, close", kinds(KindSectional, RemoteCloseDeclared, one), PlaceBetween, nil, Command{Action: ActionClose, Cause: remote}, stepMove, ""},
		{"one contact, at rest, open", kinds(0, 0, one), PlaceBetween, nil, Command{Action: ActionOpen, Cause: remote}, stepAlready, ""},
		{"half-way, open", kinds(KindSectional, RemoteCloseWarned, pulse), PlaceBetween, nil, Command{Action: ActionOpen, Cause: remote}, stepWarn, ""},
		{"half-way, open, no permission", kinds(0, 0, pulse), PlaceBetween, nil, Command{Action: ActionOpen, Cause: remote}, stepRefuse, RefusedUnattended},
		{"half-way, open, confirmed", kinds(0, 0, pulse), PlaceBetween, nil, Command{Action: ActionOpen, Cause: remote, Confirm: true}, stepMove, ""},
		{"half-way, discrete, open", kinds(0, 0, discrete), PlaceBetween, nil, Command{Action: ActionOpen, Cause: remote}, stepMove, ""},
		{"half-way, obstructed, open", kinds(KindSectional, RemoteCloseDeclared, pulse), PlaceBetween, obstructed, Command{Action: ActionOpen, Cause: remote}, stepRefuse, RefusedObstructed},
		{"unknown, open", kinds(0, 0, pulse), PlaceUnknown, nil, Command{Action: ActionOpen, Cause: remote}, stepRefuse, RefusedUnknown},
		{"unknown, discrete, open", kinds(0, 0, discrete), PlaceUnknown, nil, Command{Action: ActionOpen, Cause: remote}, stepMove, ""},
		{"unknown, discrete, close", kinds(KindGateSliding, RemoteCloseDeclared, discrete), PlaceUnknown, nil, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedUnknown},
		{"unknown, confirmed close", kinds(KindSectional, RemoteCloseWarned, pulse), PlaceUnknown, nil, Command{Action: ActionClose, Cause: remote, Confirm: true}, stepWarn, ""},
		{"unknown, confirmed close, no permission", kinds(0, 0, pulse), PlaceUnknown, nil, Command{Action: ActionClose, Cause: remote, Confirm: true}, stepRefuse, RefusedUnattended},
		{"opens by itself, pulse", kinds(KindSectional, RemoteCloseDeclared, pulse), PlaceClosed, opening, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedMoving},
		{"opens by itself, stop", kinds(0, 0, pulse), PlaceClosed, opening, Command{Action: ActionStop, Cause: remote}, stepRefuse, RefusedMoving},
		{"opens by itself, open", kinds(0, 0, reverses), PlaceClosed, opening, Command{Action: ActionOpen, Cause: remote}, stepAlready, ""},
		{"opens by itself, open at the door", kinds(0, 0, reverses), PlaceClosed, opening, Command{Action: ActionOpen, Cause: atDoor}, stepAlready, ""},
		{"opens by itself, close at the door", kinds(0, 0, reverses), PlaceClosed, opening, Command{Action: ActionClose, Cause: atDoor}, stepRefuse, RefusedMoving},
		{"opens by itself, confirmed close", kinds(KindSectional, RemoteCloseDeclared, reverses), PlaceClosed, opening, Command{Action: ActionClose, Cause: remote, Confirm: true}, stepRefuse, RefusedMoving},
		{"closes by itself, close at the door", kinds(0, 0, reverses), PlaceOpen, closing, Command{Action: ActionClose, Cause: atDoor}, stepAlready, ""},
		{"closes by itself, open", kinds(0, 0, reverses), PlaceOpen, closing, Command{Action: ActionOpen, Cause: remote}, stepMove, ""},
		{"closes by itself, open, a press stops it", kinds(0, 0, pulse), PlaceOpen, closing, Command{Action: ActionOpen, Cause: remote}, stepRefuse, RefusedMoving},
		{"rests, stop", kinds(0, 0, pulse), PlaceClosed, nil, Command{Action: ActionStop, Cause: remote}, stepAlready, ""},
		{"cannot stop", kinds(0, 0, noStop), PlaceClosed, nil, Command{Action: ActionStop, Cause: remote}, stepRefuse, RefusedNoStop},
		{"no stop input", kinds(0, 0, discrete), PlaceOpen, nil, Command{Action: ActionStop, Cause: remote}, stepRefuse, RefusedNoStop},
		{"stale", kinds(0, 0, pulse), PlaceClosed, func(m *doorMachine, now time.Time) { m.r.Taken = now.Add(-2100 * time.Millisecond) }, Command{Action: ActionOpen, Cause: remote}, stepRefuse, RefusedStale},
		{"from before the computer slept", kinds(0, 0, pulse), PlaceClosed, func(m *doorMachine, now time.Time) {
			m.suspended(now.Add(time.Millisecond))
		}, Command{Action: ActionOpen, Cause: remote}, stepRefuse, RefusedStale},
		{"unavailable", kinds(0, 0, pulse), PlaceClosed, func(m *doorMachine, now time.Time) { m.lost(now) }, Command{Action: ActionOpen, Cause: remote, Confirm: true}, stepRefuse, RefusedUnavailable},
		{"locked out", kinds(0, 0, discrete), PlaceClosed, func(m *doorMachine, now time.Time) { m.mem.LockedOut = true }, Command{Action: ActionOpen, Cause: remote, Confirm: true}, stepRefuse, RefusedLockedOut},
		{"suspended, discrete open", kinds(0, 0, discrete), PlaceClosed, func(m *doorMachine, now time.Time) { m.mem.Suspended = true }, Command{Action: ActionOpen, Cause: remote}, stepMove, ""},
		{"suspended, pulse open", kinds(0, 0, pulse), PlaceClosed, func(m *doorMachine, now time.Time) { m.mem.Suspended = true }, Command{Action: ActionOpen, Cause: remote}, stepRefuse, RefusedSuspended},
		{"suspended, at the door", kinds(0, 0, pulse), PlaceClosed, func(m *doorMachine, now time.Time) { m.mem.Suspended = true }, Command{Action: ActionOpen, Cause: atDoor}, stepMove, ""},
		{"failed lately, at the door", kinds(0, 0, pulse), PlaceClosed, func(m *doorMachine, now time.Time) { m.failed[TargetOpen] = now.Add(-29 * time.Second) }, Command{Action: ActionOpen, Cause: atDoor}, stepRefuse, RefusedFailed},
		{"too soon, declared", kinds(KindSectional, RemoteCloseDeclared, pulse), PlaceOpen, justPulsed, Command{Action: ActionClose, Cause: remote}, stepRefuse, RefusedTooSoon},
		{"too soon, at the door", kinds(KindSectional, RemoteCloseWarned, pulse), PlaceOpen, justPulsed, Command{Action: ActionClose, Cause: atDoor}, stepRefuse, RefusedTooSoon},
		{"too soon, but a warning is first", kinds(KindSectional, RemoteCloseWarned, pulse), PlaceOpen, justPulsed, Command{Action: ActionClose, Cause: remote}, stepWarn, ""},
		{"failed a while ago", kinds(0, 0, pulse), PlaceClosed, func(m *doorMachine, now time.Time) { m.failed[TargetOpen] = now.Add(-30 * time.Second) }, Command{Action: ActionOpen, Cause: remote}, stepMove, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, now := rulesBench(c.cfg, capabilities{warn: true}, c.at, c.prepare)
			m.e = errand{id: 1, phase: phaseTruth, action: c.cmd.Action, cause: c.cmd.Cause, confirm: c.cmd.Confirm, began: now}
			now = now.Add(stableTime)
			m.arrive(now)
			if d := m.decide(now); d.step != c.step || d.code != c.code {
				t.Errorf("step %v %q, want %v %q (state %+v)", d.step, d.code, c.step, c.code, m.st)
			}
		})
	}
}

func TestStopper(t *testing.T) {
	cfg := DoorConfig{Traits: DoorTraits{Drive: DriveDiscrete, SensesClosed: true, SensesOpen: true, Stops: true}}
	for _, c := range []struct {
		at   Place
		want step
	}{{PlaceClosed, stepAlready}, {PlaceOpen, stepAlready}, {PlaceBetween, stepStop}, {PlaceUnknown, stepStop}} {
		m, now := rulesBench(cfg, capabilities{stop: true}, c.at, nil)
		m.e = errand{id: 1, phase: phaseTruth, action: ActionStop, began: now}
		if d := m.decide(now); d.step != c.want {
			t.Errorf("%v: step %v %q, want %v", c.at, d.step, d.code, c.want)
		}
	}
}

func TestTravel(t *testing.T) {
	s := time.Second
	for _, c := range []struct {
		stated   time.Duration
		measured []time.Duration
		want     time.Duration
	}{
		{0, nil, 30 * s},
		{10 * s, nil, 15 * s},
		{10 * s, []time.Duration{20 * s}, 30 * s},
		{20 * s, []time.Duration{10 * s}, 30 * s},
		{20 * s, []time.Duration{10 * s, 12 * s, 90 * s}, 18 * s},
		{0, []time.Duration{10 * s, 12 * s, 14 * s, 90 * s}, 19500 * time.Millisecond},
	} {
		if got := window(travel(c.stated, c.measured)); got != c.want {
			t.Errorf("stated %v, measured %v: window %v, want %v", c.stated, c.measured, got, c.want)
		}
	}
	var measured []time.Duration
	for i := range 10 {
		measured = learn(measured, time.Duration(i+1)*s)
	}
	if len(measured) != 6 || measured[0] != 5*s || measured[5] != 10*s {
		t.Errorf("kept %v", measured)
	}
	if got := learn(measured, time.Hour); len(got) != 6 || got[5] != 10*s {
		t.Errorf("believed an hour: %v", got)
	}
}

func TestPulseLimit(t *testing.T) {
	l, now := NewPulseLimit(10, 10*time.Second), time.Now()
	a, b := Cause{Kind: CauseHomeKit, Actor: "a"}, Cause{Kind: CauseHomeKit, Actor: "b"}
	for i := range 10 {
		if !l.take(a, now.Add(time.Duration(i)*100*time.Millisecond)) {
			t.Fatalf("pulse %d was refused", i+1)
		}
	}
	if l.take(a, now.Add(9*time.Second)) {
		t.Error("the eleventh pulse in 10 s was not refused")
	}
	if !l.take(b, now.Add(9*time.Second)) {
		t.Error("another controller was refused")
	}
	if !l.take(a, now.Add(10*time.Second)) {
		t.Error("refused after 10 s")
	}
}

func TestWords(t *testing.T) {
	round := func(name string, n int, word func(int) string, parse func(string) (int, error)) {
		for i := range n {
			w := word(i)
			if w == "" {
				continue
			}
			if got, err := parse(w); err != nil || got != i {
				t.Errorf("%s %d: %q parses as %d, %v", name, i, w, got, err)
			}
		}
		if _, err := parse("nonsense"); err == nil {
			t.Errorf("%s: nonsense parses", name)
		}
		if w := word(n); w == "" || w == word(0) {
			t.Errorf("%s: %d has the word %q", name, n, w)
		}
	}
	round("position", 6, func(i int) string { return Position(i).String() }, func(s string) (int, error) { v, err := ParsePosition(s); return int(v), err })
	round("target", 3, func(i int) string { return Target(i).String() }, func(s string) (int, error) { v, err := ParseTarget(s); return int(v), err })
	round("bolt", 4, func(i int) string { return BoltPosition(i).String() }, func(s string) (int, error) { v, err := ParseBoltPosition(s); return int(v), err })
	round("bolt target", 3, func(i int) string { return BoltTarget(i).String() }, func(s string) (int, error) { v, err := ParseBoltTarget(s); return int(v), err })
	round("tri", 3, func(i int) string { return Tri(i).String() }, func(s string) (int, error) { v, err := ParseTri(s); return int(v), err })
	round("confidence", 4, func(i int) string { return Confidence(i).String() }, func(s string) (int, error) { v, err := ParseConfidence(s); return int(v), err })
	round("place", 4, func(i int) string { return Place(i).String() }, func(s string) (int, error) { v, err := ParsePlace(s); return int(v), err })
	round("drive", 4, func(i int) string { return Drive(i).String() }, func(s string) (int, error) { v, err := ParseDrive(s); return int(v), err })
	round("cycle", 3, func(i int) string { return Cycle(i).String() }, func(s string) (int, error) { v, err := ParseCycle(s); return int(v), err })
	round("bolt drive", 5, func(i int) string { return BoltDrive(i).String() }, func(s string) (int, error) { v, err := ParseBoltDrive(s); return int(v), err })
	round("action", 6, func(i int) string { return Action(i).String() }, func(s string) (int, error) { v, err := ParseAction(s); return int(v), err })
	round("cause", 9, func(i int) string { return CauseKind(i).String() }, func(s string) (int, error) { v, err := ParseCauseKind(s); return int(v), err })
	round("entry", 9, func(i int) string { return EntryKind(i).String() }, func(s string) (int, error) { v, err := ParseEntryKind(s); return int(v), err })
	round("outcome", 6, func(i int) string { return Outcome(i).String() }, func(s string) (int, error) { v, err := ParseOutcome(s); return int(v), err })
	round("kind", 7, func(i int) string { return DoorKind(i).String() }, func(s string) (int, error) { v, err := ParseDoorKind(s); return int(v), err })
	round("remote close", 3, func(i int) string { return RemoteClose(i).String() }, func(s string) (int, error) { v, err := ParseRemoteClose(s); return int(v), err })
}

// A one-button opener whose door turns round while the intent is written gets no press: it would stop the door.
func TestTurnsRoundMeanwhile(t *testing.T) {
	cfg := DoorConfig{Traits: DoorTraits{Drive: DrivePulse, Cycle: CycleReversesOnClose, SensesClosed: true, SensesOpen: true}}
	for _, turns := range []bool{false, true} {
		m, now := rulesBench(cfg, capabilities{}, PlaceOpen, nil)
		m.reading(now, Reading{At: PlaceBetween, Moving: TargetClosed, Taken: now})
		now = now.Add(stableTime)
		m.expire(now)
		m.effects().clear()
		m.command(now, request{id: 1, cmd: Command{Action: ActionOpen, Cause: Cause{Kind: CauseHomeKit, Actor: "a"}}, entered: now})
		intent := slices.IndexFunc(m.effects().ops, func(o op) bool { return o.kind == opRecord && o.entry.Kind == EntryIntent })
		if intent < 0 {
			t.Fatalf("nothing is intended: %+v", m.effects())
		}
		o := m.effects().ops[intent]
		m.effects().clear()
		if turns {
			m.reading(now, Reading{At: PlaceBetween, Moving: TargetOpen, Taken: now})
		}
		m.done(now, result[Reading]{op: o, seq: 1})
		if moves := slices.ContainsFunc(m.effects().ops, func(o op) bool { return o.kind == opMove }); moves == turns {
			t.Errorf("turns round %v: %+v", turns, m.effects())
		}
	}
}
