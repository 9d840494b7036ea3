package slots

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/homekit/haptest"
)

type clockFunc func() access.Moment

func (f clockFunc) Moment() access.Moment { return f() }

// pads are a keypad at the studio.
type pads struct{ why string }

func (p *pads) Longest(string) int { return 0 }

func (p *pads) Doors() []string { return []string{"studio"} }
func (p *pads) Ready(door string) string {
	if door == "studio" {
		return p.why
	}
	return "no keypad opens it"
}

// lock has five slots and may be away.
type lock struct {
	mu    sync.Mutex
	away  bool
	slots map[int]device.Keys
}

func (l *lock) do(f func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return errors.New("away")
	}
	f()
	return nil
}

func (l *lock) SlotTraits(context.Context) (device.SlotTraits, error) {
	return device.SlotTraits{First: 1, Last: 5, ReadsBack: true}, l.do(func() {})
}

func (l *lock) WriteSlot(_ context.Context, n int, keys device.Keys) error {
	return l.do(func() { l.slots[n] = keys })
}

func (l *lock) ClearSlot(_ context.Context, n int) error { return l.do(func() { delete(l.slots, n) }) }

func (l *lock) ReadSlot(_ context.Context, n int) (s device.Slot, err error) {
	err = l.do(func() {
		s = device.Slot{Use: device.SlotEmpty, Taken: time.Now()}
		if keys, ok := l.slots[n]; ok {
			s.Use, s.Keys = device.SlotUsed, keys
		}
	})
	return s, err
}

func TestCodesAtEveryDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealer, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
		if err != nil {
			t.Fatal(err)
		}
		clock := clockFunc(func() access.Moment { return access.Moment{Now: time.Now(), Trust: access.Trusted} })
		l, err := ledger.Open(haptest.NewMemory(), sealer, clock, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.SavePerson(access.Person{ID: "anna", Name: "Anna", Kind: access.Owner}); err != nil {
			t.Fatal(err)
		}
		code, err := l.AddCode(access.Code{Person: "anna", Doors: []string{"front", "studio"}, Windows: []access.Window{{Kind: access.Always}}}, "home", seal.Secret{Keys: "739154"})
		if err != nil {
			t.Fatal(err)
		}
		everywhere, err := l.AddCode(access.Code{Person: "anna", Windows: []access.Window{{Kind: access.Always}}}, "home", seal.Secret{Keys: "518370"})
		if err != nil {
			t.Fatal(err)
		}
		kept, board, pad := haptest.NewMemory(), health.NewBoard(), &pads{}
		var unreadable atomic.Bool
		inHome := func(c access.Code) []homekit.ShownCode {
			if c.ID != code.ID {
				return []homekit.ShownCode{{Device: "studio", Why: "it is told in a moment", Waits: true}}
			}
			return []homekit.ShownCode{{Device: "studio", Why: "Home is full"}, {Device: "front", Number: 7}}
		}
		s := New(Options{Space: kept, Clock: clock, Pads: pad, Board: board, Log: zerolog.Nop(), InHome: inHome, Zone: func() *time.Location { return time.UTC },
			Ledger: func() (*ledger.Ledger, error) {
				if unreadable.Load() {
					return nil, errors.New("no key")
				}
				return l, nil
			}})
		front := &lock{slots: map[int]device.Keys{1: "111222"}}
		s.Set(map[string]device.CodeSlots{"front": front})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		all := s.Copies(code.ID)
		if len(all) != 4 || all[0].Where != "keypad" || all[0].State != "confirmed" || all[1].Where != "lock" || all[1].State != "confirmed" || all[1].Slot != 2 {
			t.Fatalf("%+v", all)
		}
		if f, st := all[2], all[3]; f.Where != "home" || f.Door != "front" || f.State != "confirmed" || f.Slot != 7 || f.Confirmed.IsZero() ||
			st.Where != "home" || st.Door != "studio" || st.State != "failed" || st.Slot != 0 || st.Why != "Home is full" {
			t.Errorf("in Home: %+v", all[2:])
		}
		problem := func(code health.Code) (detail string) {
			for _, p := range board.Active() {
				if p.Code == code {
					detail += p.Subject + ": " + p.Detail
				}
			}
			return detail
		}
		if got := problem(health.CodeNotInHome); got != "studio: code "+code.ID+": Home is full" {
			t.Errorf("told of Home: %q", got)
		}
		if got := problem(health.UnknownCode); got != "front: place 1" {
			t.Errorf("told of what was found: %q", got)
		}
		if err := s.Leave("front", 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if got := problem(health.UnknownCode); got != "" {
			t.Errorf("told although the owner knows: %q", got)
		}
		if s.Ready(code.ID, "studio") != "" || s.Ready(code.ID, "front") != "" || s.Ready(code.ID, "garage") != "no keypad opens it" {
			t.Errorf("%q %q %q", s.Ready(code.ID, "studio"), s.Ready(code.ID, "front"), s.Ready(code.ID, "garage"))
		}
		if all := s.Copies(everywhere.ID); len(all) != 2 || all[1].State != "pending" || all[0].Where != "keypad" || !s.Reaches("front") || s.Reaches("garage") {
			t.Errorf("a code that names no lock: %+v", all)
		}
		rows, err := kept.List("")
		if err != nil || len(rows) == 0 {
			t.Errorf("%d rows kept, %v", len(rows), err)
		}
		for _, row := range rows {
			if bytes.Contains(row, []byte("739154")) {
				t.Error("the digits are in the store")
			}
		}
		pad.why = "its keypad does not answer"
		if c := s.Copies(code.ID)[0]; c.State != "unconfirmed" || !c.Confirmed.IsZero() {
			t.Errorf("%+v", c)
		}
		unreadable.Store(true) // nothing is cleared because nobody can read
		time.Sleep(48 * time.Hour)
		unreadable.Store(false)
		synctest.Wait()
		front.mu.Lock()
		if front.slots[2] != "739154" {
			t.Error("it was cleared")
		}
		front.away = true
		front.mu.Unlock()
		if err := l.RemoveCode(code.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		told := ""
		for _, p := range board.Active() {
			if p.Code == health.CodeNotOnLock && p.Subject == "front" {
				told = p.Detail
			}
		}
		if !strings.Contains(told, "may still open it") {
			t.Errorf("told: %q", told)
		}
		if _, err := l.SavePerson(access.Person{ID: "gus", Name: "Gus", Kind: access.Guest}); err != nil {
			t.Fatal(err)
		}
		days := func(from, to int) access.Window {
			at := access.WallOf(time.Now().UTC())
			return access.Window{Kind: access.Dates, From: at.AddDays(from), To: at.AddDays(to), Zone: "UTC"}
		}
		// At the keypad nothing is said of a code that opens there no more, nor of one in reserve.
		for name, c := range map[string]access.Code{
			"revoked": {Windows: []access.Window{{Kind: access.Always}}, Revoked: true}, "over": {Windows: []access.Window{days(-2, -1)}},
			"in reserve": {Windows: []access.Window{access.Reserve()}, Spare: true}, "to come": {Windows: []access.Window{days(2, 4)}},
		} {
			c.Person, c.Doors = "gus", []string{"studio"}
			revoked := c.Revoked
			c, err := l.AddCode(c, "home", seal.Secret{Keys: device.Keys(fmt.Sprint(518371 + len(l.Codes())))})
			if err != nil {
				t.Fatal(err)
			}
			c.Revoked = revoked
			if err := l.ChangeCode(c); err != nil {
				t.Fatal(err)
			}
			at := ""
			for _, one := range s.Copies(c.ID) {
				if one.Where == "keypad" {
					at = one.State
				}
			}
			if want := map[string]string{"to come": "unconfirmed"}[name]; at != want { // nobody can type there now
				t.Errorf("%s, at the keypad: %q, want %q", name, at, want)
			}
		}
		// Given while the lock is away: what will be tried is said at once, and nothing else.
		give := func(pin device.Keys, w access.Window) access.Code {
			t.Helper()
			c, err := l.AddCode(access.Code{Person: "gus", Doors: []string{"front"}, Windows: []access.Window{w}}, "home", seal.Secret{Keys: pin})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		now, later, over := give("846209", access.Window{Kind: access.Always}), give("846210", days(2, 4)), give("846211", days(-2, -1))
		s.Wake()
		synctest.Wait()
		onLock := func(id string) (out []string) {
			for _, c := range s.Copies(id) {
				if c.Where == "lock" {
					out = append(out, c.Door+" "+c.State+", "+c.Why+", "+c.Plan)
				}
			}
			return out
		}
		for id, want := range map[string]string{
			now.ID:        "front pending, the lock does not answer, at the lock itself, put the code into a free place",
			later.ID:      "front pending, the lock does not answer, at the lock itself, put the code into a free place from ",
			over.ID:       "",
			everywhere.ID: "",
		} {
			if got := onLock(id); want == "" && got != nil || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)) {
				t.Errorf("given while the lock is away: %q, want %q", got, want)
			}
		}
		if err := l.RemovePerson("gus"); err != nil {
			t.Fatal(err)
		}
		if got := onLock(now.ID); got != nil {
			t.Errorf("of a guest who was erased: %q", got)
		}
		front.mu.Lock()
		front.away = false
		front.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		front.mu.Lock()
		defer front.mu.Unlock()
		if _, there := front.slots[2]; there || front.slots[1] != "111222" || len(board.Active()) != 0 {
			t.Errorf("%d slots, %+v", len(front.slots), board.Active())
		}
		cancel()
		<-done
	})
}
