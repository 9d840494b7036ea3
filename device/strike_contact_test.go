package device

import (
	"testing"
	"time"
)

// strikeWithContact is a strike whose latch is sensed by a contact that bounces.
func strikeWithContact() *lockMachine {
	m := newLockMachine(LockConfig{ID: "studio", Traits: BoltTraits{Drive: BoltDriveStrike, SensesBolt: true, Hold: 5 * time.Second}}, false, nil)
	m.recalled = true
	return m
}

func TestAStrikesContactMayBounce(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	m := strikeWithContact()
	see := func(after time.Duration, b BoltPosition) {
		now := at.Add(after)
		m.reading(now, LockReading{Bolt: b, Energised: No, Taken: now})
	}
	see(0, BoltSecured)
	m.expire(at.Add(time.Second))
	if m.st.Bolt != BoltSecured || m.st.Cause != (Cause{}) {
		t.Fatalf("as found it is %v by %v", m.st.Bolt, m.st.Cause)
	}
	for i := range 5 { // the latch rattles
		see(2*time.Second+time.Duration(i)*4*time.Millisecond, BoltPosition(1+(i+1)%2))
		if m.st.Bolt != BoltSecured {
			t.Fatalf("after %d bounces it is shown %v", i, m.st.Bolt)
		}
	}
}

func TestTheSpringOfAStrikeIsNobody(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	m := strikeWithContact()
	read := func(after time.Duration, b BoltPosition, on Tri) {
		now := at.Add(after)
		m.reading(now, LockReading{Bolt: b, Energised: on, Taken: now})
		m.expire(now.Add(stableTime))
	}
	read(0, BoltSecured, No)
	m.rel = release{intent: 7, action: ActionUnlock, since: at.Add(time.Second)}
	read(2*time.Second, BoltUnsecured, Yes)
	read(6*time.Second, BoltUnsecured, No)
	read(6*time.Second+20*time.Millisecond, BoltSecured, No)
	if m.st.Bolt != BoltSecured || m.st.Cause.Kind != CauseAutoRelock {
		t.Errorf("it is %v by %v", m.st.Bolt, m.st.Cause.Kind)
	}
	read(20*time.Second, BoltUnsecured, No)
	read(21*time.Second, BoltSecured, No)
	if m.st.Cause.Kind != CauseOutside {
		t.Errorf("a key turned it, but the cause is %v", m.st.Cause.Kind)
	}
}

func TestWhoWasNotToldRepeats(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	phone := Cause{Kind: CauseHomeKit, Actor: "A"}
	for _, c := range []struct {
		name   string
		untold bool
		repeat bool
	}{
		{"told that it is locked again", false, false},
		{"not told", true, true},
	} {
		m := strikeWithContact()
		m.past = []asked{{of(phone), ActionUnlock, at, Answer{Intent: 7}, nil}}
		m.wentBack(at.Add(5*time.Second), ActionUnlock)
		_, repeated := m.repeated(at.Add(13*time.Second), Command{Action: ActionUnlock, Cause: phone, Untold: c.untold})
		if repeated != c.repeat {
			t.Errorf("%s: a repeat is %v", c.name, repeated)
		}
	}
}
