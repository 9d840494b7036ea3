package bridge

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/slots"
	"github.com/loquet/loquet/bridge/stays"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
)

// radioLock is a lock with slots that may be out of reach. What it holds opens it whoever reaches it.
type radioLock struct {
	mu    sync.Mutex
	away  bool
	slots map[int]device.Keys
	last  int
}

func (l *radioLock) do(f func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return device.ErrUnavailable
	}
	f()
	return nil
}

func (l *radioLock) leaves(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = away
}

// slotOf is the slot that a PIN opens the lock by, 0 if it does not.
func (l *radioLock) slotOf(pin string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, keys := range l.slots {
		if string(keys) == pin {
			return n
		}
	}
	return 0
}

// fill puts a code into every slot that is free, by hand.
func (l *radioLock) fill(keys device.Keys) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range l.last {
		if _, used := l.slots[n+1]; !used {
			l.slots[n+1] = keys
		}
	}
}

func (l *radioLock) held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.slots)
}

func (l *radioLock) SlotTraits(context.Context) (device.SlotTraits, error) {
	return device.SlotTraits{First: 1, Last: l.last, MinDigits: 5, MaxDigits: 7, ReadsBack: true}, l.do(func() {})
}

func (l *radioLock) WriteSlot(_ context.Context, n int, keys device.Keys) error {
	return l.do(func() { l.slots[n] = keys })
}

func (l *radioLock) ClearSlot(_ context.Context, n int) error {
	return l.do(func() { delete(l.slots, n) })
}

func (l *radioLock) ReadSlot(_ context.Context, n int) (s device.Slot, err error) {
	err = l.do(func() {
		s = device.Slot{Use: device.SlotEmpty, Taken: time.Now()}
		if keys, ok := l.slots[n]; ok {
			s.Use, s.Keys = device.SlotUsed, keys
		}
	})
	return s, err
}

// flat is a property with two locks, in a bubble: its clock begins on the first of January 2000, in UTC.
type flat struct {
	t           *testing.T
	codes, kept *memory
	stored      *memory // what is known of locks
	ledger      *ledger.Ledger
	board       *health.Board
	front, back *radioLock
	rules       stays.Rules
	slots       *slots.Slots
	stays       *stays.Stays
	calendar    api.Calendar
	stop        func()
}

type wallClock struct{}

func (wallClock) Moment() access.Moment {
	return access.Moment{Now: time.Now(), Trust: access.Trusted, Floor: time.Now()}
}

func newFlat(t *testing.T, doors ...string) *flat {
	t.Helper()
	f := &flat{t: t, codes: newMemory(), kept: newMemory(), stored: newMemory(), board: health.NewBoard(), rules: stays.Rules{Spares: 1},
		front: &radioLock{slots: map[int]device.Keys{}, last: 5}, back: &radioLock{slots: map[int]device.Keys{}, last: 5}}
	f.start()
	c, err := f.stays.AddCalendar(t.Context(), api.CalendarRequest{Name: "Flat", Zone: "UTC", Doors: doors})
	if err != nil {
		t.Fatal(err)
	}
	f.calendar = c
	return f
}

// start is a start of the program.
func (f *flat) start() {
	f.t.Helper()
	sealer, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.ledger, err = ledger.Open(f.codes, sealer, wallClock{}, 1); err != nil {
		f.t.Fatal(err)
	}
	open := func() (*ledger.Ledger, error) { return f.ledger, nil }
	zone := func() *time.Location { return time.UTC }
	f.slots = slots.New(slots.Options{Space: f.stored, Ledger: open, Clock: wallClock{}, Zone: zone, Pads: noPads{}, Board: f.board, Log: zerolog.Nop()})
	f.slots.Set(map[string]device.CodeSlots{"front": f.front, "back": f.back})
	f.stays = stays.New(stays.Options{Space: f.kept, Ledger: open, Group: "home", Clock: wallClock{}, Zone: zone, Keep: func() time.Duration { return 3 * 24 * time.Hour },
		Ready: f.slots.Ready, Copies: f.slots.Copies, Changed: f.slots.Wake, Locks: f.slots, Rules: func() stays.Rules { return f.rules }, Board: f.board, Log: zerolog.Nop()})
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	s, g := f.slots, f.stays
	run.Go(func() { s.Run(ctx) })
	run.Go(func() { g.Run(ctx) })
	f.stop = func() { cancel(); run.Wait() }
}

func (f *flat) guest(name, from, to string) api.Stay {
	f.t.Helper()
	s, err := f.stays.AddStay(f.t.Context(), api.StayRequest{Calendar: f.calendar.ID, From: from, To: to, Name: name})
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *flat) stay(id string) api.Stay {
	f.t.Helper()
	all, err := f.stays.Stays(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, s := range all {
		if s.ID == id {
			return s
		}
	}
	return api.Stay{}
}

func (f *flat) message(id string) api.StayMessage {
	f.t.Helper()
	m, err := f.stays.TellStay(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

func (f *flat) until(day string) {
	f.t.Helper()
	at, err := time.Parse("2006-01-02 15:04", day)
	if err != nil {
		f.t.Fatal(err)
	}
	time.Sleep(time.Until(at))
	synctest.Wait()
}

func (f *flat) told(code health.Code, subject string) string {
	for _, p := range f.board.Active() {
		if p.Code == code && p.Subject == subject {
			return p.Detail
		}
	}
	return ""
}

// spares are the codes in reserve.
func (f *flat) spares() (n int) {
	for _, c := range f.ledger.Codes() {
		if c.InReserve() {
			n++
		}
	}
	return n
}

// TestALockThatGoesAwayBeforeAGuestComes is the host's worst afternoon: the code was sent, and two hours before the guest
// comes the lock does not answer any more.
func TestALockThatGoesAwayBeforeAGuestComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlat(t, "front", "back")
		gus := f.guest("Gus", "2000-01-03", "2000-01-05") // 15:00 to 11:00
		f.until("2000-01-02 00:00")
		if f.spares() != 1 || f.front.held() != 1 || f.back.held() != 1 {
			t.Fatalf("in reserve %d, on the locks %d and %d", f.spares(), f.front.held(), f.back.held())
		}
		sent := f.message(gus.ID)
		if sent.Fallback || f.front.slotOf(sent.PIN) != 0 {
			t.Fatalf("what was sent is no code of the stay's own, or is on the lock already")
		}
		f.until("2000-01-03 13:00")
		if s := f.stay(gus.ID); !s.Ready || s.Fallback != nil {
			t.Fatalf("two hours before, all is well: %+v", s)
		}
		f.front.leaves(true)
		f.until("2000-01-03 14:30")
		s := f.stay(gus.ID)
		if s.Ready || s.Fallback == nil || !strings.Contains(s.Why, "front") || !strings.Contains(s.Why, "loquet stays message") {
			t.Fatalf("half an hour before: %+v", s)
		}
		if why := f.told(health.StayFallback, gus.ID); !strings.Contains(why, "front") || f.told(health.StayNotReady, gus.ID) != "" {
			t.Errorf("the owner is told %q and %q", why, f.told(health.StayNotReady, gus.ID))
		}
		m := f.message(gus.ID)
		if !m.Fallback || m.PIN == sent.PIN || !strings.Contains(m.Text, m.PIN) || !strings.Contains(m.Text, "Please use this code") {
			t.Fatalf("%+v", m)
		}
		slot := f.front.slotOf(m.PIN)
		if slot == 0 || f.back.slotOf(m.PIN) == 0 {
			t.Fatal("the code in reserve opens nothing")
		}
		if holder, ok := f.slots.Holder("front", slot); !ok || holder != s.Fallback.CodeID {
			t.Errorf("its use is that of %s", holder)
		}
		if who, _ := f.ledger.Whose(s.Fallback.CodeID); who.ID != s.Person || who.Name != "Gus" {
			t.Errorf("its use is %+v's, want Gus", who)
		}
		f.until("2000-01-03 14:45")
		if s := f.stay(gus.ID); !s.Ready || s.Fallback.Told.IsZero() || f.told(health.StayFallback, gus.ID) != "" {
			t.Errorf("after it was sent: %+v", s)
		}
		f.stop()
		f.start() // the lock is away over a restart, too
		f.until("2000-01-03 16:00")
		if again := f.message(gus.ID); again != m {
			t.Errorf("another message: %+v, was %+v", again, m)
		}
		if f.back.slotOf(sent.PIN) == 0 {
			t.Error("the code that was sent first opens the lock that answers no more")
		}
		f.until("2000-01-04 00:00")
		f.front.leaves(false)
		f.until("2000-01-04 03:00")
		if f.front.slotOf(sent.PIN) == 0 || f.front.slotOf(m.PIN) == 0 {
			t.Error("not both codes open the lock that is back")
		}
		f.until("2000-01-05 12:00")
		if f.front.slotOf(sent.PIN)+f.front.slotOf(m.PIN)+f.back.slotOf(sent.PIN)+f.back.slotOf(m.PIN) != 0 {
			t.Error("a code outlives the stay")
		}
		if d, err := f.ledger.Explain(s.Fallback.CodeID, "front", wallClock{}.Moment(), access.Uses{}); err != nil || d.Allowed {
			t.Errorf("%+v, %v", d, err)
		}
		f.until("2000-01-09 00:00")
		if _, ok := f.ledger.Code(s.Fallback.CodeID); ok {
			t.Error("it is remembered longer than the guest")
		}
		f.stop()
	})
}

// TestWhatIsInReserveFollowsItsStay moves, cancels and erases stays that have a code from the reserve.
func TestWhatIsInReserveFollowsItsStay(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(f *flat, id string) error
		opens access.Reason // "": it is gone
	}{
		"moved": {func(f *flat, id string) error {
			to := "2000-01-07"
			_, err := f.stays.ChangeStay(f.t.Context(), id, api.StayChange{To: &to})
			return err
		}, access.ReasonInWindow},
		"cancelled": {func(f *flat, id string) error { return f.stays.CancelStay(f.t.Context(), id) }, access.ReasonRevoked},
		"erased":    {func(f *flat, id string) error { return f.stays.EraseStay(f.t.Context(), id) }, ""},
		"calendar removed": {func(f *flat, _ string) error {
			return f.stays.RemoveCalendar(f.t.Context(), f.calendar.ID)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlat(t, "front")
				gus := f.guest("Gus", "2000-01-03", "2000-01-05")
				f.until("2000-01-03 13:00")
				f.front.leaves(true)
				f.until("2000-01-03 15:30")
				m := f.message(gus.ID)
				id := f.stay(gus.ID).Fallback.CodeID
				if !m.Fallback || f.front.slotOf(m.PIN) == 0 {
					t.Fatalf("%+v", m)
				}
				if err := c.do(f, gus.ID); err != nil { // at once, before anything else goes by
					t.Fatal(err)
				}
				d, err := f.ledger.Explain(id, "front", wallClock{}.Moment(), access.Uses{})
				if c.opens == "" && !errors.Is(err, access.ErrUnknownCode) || c.opens != "" && (err != nil || d.Reason != c.opens) {
					t.Errorf("%+v, %v", d, err)
				}
				if c.opens == access.ReasonInWindow {
					if code, _ := f.ledger.Code(id); code.Windows[0].To.Day != 7 {
						t.Errorf("%+v", code)
					}
				}
				f.front.leaves(false)
				f.until("2000-01-03 18:00")
				if on := f.front.slotOf(m.PIN) != 0; on != (c.opens == access.ReasonInWindow) {
					t.Errorf("on the lock: %v", on)
				}
				if name == "calendar removed" && (f.front.held() != 0 || len(f.ledger.People()) != 0) {
					t.Errorf("left: %d codes on the lock, %v", f.front.held(), f.ledger.People())
				}
				f.stop()
			})
		})
	}
}

// TestOneInReserveForTwo has one spare code and two guests who need it, one after the other.
func TestOneInReserveForTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlat(t, "front")
		a := f.guest("Ada", "2000-01-03", "2000-01-04")
		b := f.guest("Bob", "2000-01-04", "2000-01-05")
		f.until("2000-01-03 13:00")
		f.front.leaves(true)
		f.until("2000-01-03 16:00")
		if f.stay(a.ID).Fallback == nil || f.stay(b.ID).Fallback != nil || f.spares() != 1 {
			t.Fatalf("%+v, %+v, %d in reserve", f.stay(a.ID), f.stay(b.ID), f.spares())
		}
		if why := f.told(health.StayNotReady, b.ID); why == "" { // the next spare one is on no lock
			t.Error("nobody is told of the second guest")
		}
		f.front.leaves(false)
		f.until("2000-01-03 18:00")
		if f.stay(b.ID).Fallback != nil || f.told(health.StayNotReady, b.ID) != "" {
			t.Errorf("the lock is back: %+v", f.stay(b.ID))
		}
		f.stop()
	})
}

// TestNothingInReserve: the owner wants none; or has given up the doors.
func TestNothingInReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlat(t, "front")
		gus := f.guest("Gus", "2000-01-03", "2000-01-05")
		f.until("2000-01-02 00:00")
		if f.spares() != 1 || f.front.held() != 1 {
			t.Fatal(f.spares(), f.front.held())
		}
		f.stop()
		f.rules.Spares = 0
		f.start()
		f.until("2000-01-02 06:00")
		if f.spares() != 0 || f.front.held() != 0 || len(f.ledger.People()) != 1 {
			t.Errorf("%d in reserve, %d on the lock, %v", f.spares(), f.front.held(), f.ledger.People())
		}
		f.front.leaves(true)
		f.until("2000-01-03 16:00")
		if f.stay(gus.ID).Fallback != nil || f.told(health.StayNotReady, gus.ID) == "" {
			t.Errorf("%+v", f.stay(gus.ID))
		}
		f.stop()
		f.rules.Spares = 2
		f.front.leaves(false)
		f.start()
		f.until("2000-01-03 18:00")
		if f.spares() != 2 {
			t.Errorf("%d in reserve", f.spares())
		}
		doors := []string{"back"}
		if _, err := f.stays.ChangeCalendar(t.Context(), f.calendar.ID, api.CalendarChange{Doors: &doors}); err != nil {
			t.Fatal(err)
		}
		f.until("2000-01-03 20:00")
		if f.spares() != 2 || f.front.held() != 0 || f.back.held() != 3 { // two in reserve and the guest's own
			t.Errorf("%d in reserve, %d and %d on the locks", f.spares(), f.front.held(), f.back.held())
		}
		f.stop()
	})
}

// TestALockThatTakesNoMore: the guest's own code finds no place on a lock that is full, and what is in reserve there is
// theirs.
func TestALockThatTakesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlat(t, "front")
		gus := f.guest("Gus", "2000-01-03", "2000-01-05")
		f.until("2000-01-02 00:00")
		f.front.fill("555123")
		f.until("2000-01-03 12:00")
		m := f.message(gus.ID)
		if s := f.stay(gus.ID); !m.Fallback || f.front.slotOf(m.PIN) == 0 || !s.Ready {
			t.Errorf("%+v, %+v", m, s)
		}
		f.stop()
	})
}
