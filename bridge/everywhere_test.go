package bridge

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/tlv"
)

// lockbox is a lock with five slots of its own.
type lockbox struct {
	mu    sync.Mutex
	slots map[int]device.Keys
}

func (*lockbox) SlotTraits(context.Context) (device.SlotTraits, error) {
	return device.SlotTraits{First: 1, Last: 5, MinDigits: 4, MaxDigits: 8, ReadsBack: true}, nil
}

func (l *lockbox) WriteSlot(_ context.Context, n int, keys device.Keys) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots[n] = keys
	return nil
}

func (l *lockbox) ClearSlot(_ context.Context, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.slots, n)
	return nil
}

func (l *lockbox) ReadSlot(_ context.Context, n int) (device.Slot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if keys, ok := l.slots[n]; ok {
		return device.Slot{Use: device.SlotUsed, Keys: keys, Taken: time.Now()}, nil
	}
	return device.Slot{Use: device.SlotEmpty, Taken: time.Now()}, nil
}

func (l *lockbox) holds(pin string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, keys := range l.slots {
		if string(keys) == pin {
			return true
		}
	}
	return false
}

// everywhere is a house whose studio is opened by a keypad, keeps codes of its own, and is seen by an ecosystem.
type everywhere struct {
	*residence
	box    *lockbox
	invoke func(id uint32, fill func(w *tlv.Writer)) *tlv.Fields
}

func newEverywhere(t *testing.T) *everywhere {
	r := newResidence(t, villa+studio+pads)
	r.start()
	r.listens(true)
	e := &everywhere{residence: r, box: &lockbox{slots: map[int]device.Keys{}}}
	r.slots.Set(map[string]device.CodeSlots{"studio": e.box})
	c := r.ecosystem(0xFAB1)
	s := r.commission(c)
	endpoint := slices.Max(r.doorLocks(c, s)) // the studio came last
	r.await("studio known", func() bool { return r.position("studio") == "secured" })
	e.invoke = func(id uint32, fill func(w *tlv.Writer)) *tlv.Fields {
		t.Helper()
		f, err := c.Invoke(t.Context(), s, mattertest.Command{Endpoint: endpoint, Cluster: 0x101, ID: id, Timed: true, Fill: fill})
		if err != nil {
			t.Fatalf("command %#x: %v", id, err)
		}
		return f
	}
	return e
}

// user is what GetUser says (Matter 1.4 5.2.10.35): its status is 0 where there is none.
func (e *everywhere) user(index uint64) (name string, status, kind uint8, pins int) {
	f := e.invoke(0x1B, func(w *tlv.Writer) { w.Uint(tlv.Context(0), index) })
	if f.Element(3).IsNull() {
		return "", 0, 0, 0
	}
	for range f.Array(6).Members() {
		pins++
	}
	return f.Text(1, 10), f.Uint8(3), f.Uint8(4), pins
}

func (e *everywhere) opens(pin string, opens bool) {
	e.t.Helper()
	strikes, refused := e.strikes(), len(e.refusals())
	e.types(pin + "#")
	if !opens {
		e.refused(refused + 1)
		return
	}
	e.await("the strike", func() bool { return e.strikes() == strikes+1 })
}

// A PIN that an ecosystem gives one lock opens at the keypad and is in the lock's own slots, until it is taken back,
// by whomever.
func TestACodeMadeInMatterIsEverywhere(t *testing.T) {
	e := newEverywhere(t)
	const pin = "583917"
	set := func() {
		t.Helper()
		e.invoke(0x1A, func(w *tlv.Writer) { // SetUser
			w.Uint(tlv.Context(0), 0)
			w.Uint(tlv.Context(1), 1)
			w.Text(tlv.Context(2), "Anna")
			for n := uint8(3); n <= 6; n++ {
				w.Null(tlv.Context(n))
			}
		})
		f := e.invoke(0x22, func(w *tlv.Writer) { // SetCredential
			w.Uint(tlv.Context(0), 0)
			w.Struct(tlv.Context(1))
			w.Uint(tlv.Context(0), 1)
			w.Uint(tlv.Context(1), 1)
			w.End()
			w.Octets(tlv.Context(2), []byte(pin))
			w.Uint(tlv.Context(3), 1)
			w.Null(tlv.Context(4))
			w.Null(tlv.Context(5))
		})
		if status := f.Uint8(0); status != 0 {
			t.Fatalf("SetCredential: %d", status)
		}
	}
	there := func(is bool) {
		t.Helper()
		e.await("the lock's own slot", func() bool { return e.box.holds(pin) == is })
		e.opens(pin, is)
	}
	set()
	there(true)
	codes, err := e.ledger().Codes(t.Context())
	if err != nil || len(codes) != 1 || codes[0].PersonName != "Anna" || len(codes[0].Copies) != 2 {
		t.Fatalf("%+v, %v", codes, err)
	}
	e.await("both copies confirmed", func() bool {
		codes, err := e.ledger().Codes(t.Context())
		return err == nil && len(codes) == 1 && codes[0].Copies[0].State == "confirmed" && codes[0].Copies[1].State == "confirmed"
	})
	revoked := true
	if _, err := e.ledger().ChangeCode(t.Context(), codes[0].ID, api.CodeChange{Revoked: &revoked}); err != nil {
		t.Fatal(err)
	}
	there(false)
	if _, status, _, pins := e.user(1); status != 3 || pins != 1 { // occupied and disabled
		t.Errorf("taken back, the ecosystem sees status %d and %d PINs", status, pins)
	}
	revoked = false
	if _, err := e.ledger().ChangeCode(t.Context(), codes[0].ID, api.CodeChange{Revoked: &revoked}); err != nil {
		t.Fatal(err)
	}
	e.await("the lock's own slot", func() bool { return e.box.holds(pin) })
	e.invoke(0x1D, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 1) }) // ClearUser
	there(false)
	if codes, err := e.ledger().Codes(t.Context()); err != nil || len(codes) != 0 {
		t.Errorf("%+v, %v", codes, err)
	}
	if people, err := e.ledger().People(t.Context()); err != nil || len(people) != 0 {
		t.Errorf("%+v, %v", people, err)
	}
}

// A code with dates is a user with a PIN and a schedule for the ecosystem, and goes for all when it goes.
func TestACodeWithDatesIsAUserOfTheLock(t *testing.T) {
	e := newEverywhere(t)
	gus := e.person("Gus", "guest")
	from := access.WallTime{Year: 2026, Month: 7, Day: 1, Hour: 15}
	code := e.code(api.CodeRequest{Person: gus.ID, Doors: &[]string{"studio"}, Windows: []api.Window{{From: from.String(), To: "2099-07-05T11:00", Zone: "Europe/Paris"}}})
	if name, status, kind, pins := e.user(1); name != "Gus" || status != 1 || kind != 1 || pins != 1 { // a YearDayScheduleUser
		t.Errorf("user %q, status %d, kind %d, %d PINs", name, status, kind, pins)
	}
	f := e.invoke(0x0F, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 1); w.Uint(tlv.Context(1), 1) }) // GetYearDaySchedule
	want := uint64(time.Date(2026, 7, 1, 15, 0, 0, 0, time.UTC).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Second)
	if f.Uint8(2) != 0 || f.Uint64(3) != want {
		t.Errorf("its schedule: status %d from %d, want %d", f.Uint8(2), f.Uint64(3), want)
	}
	always := []api.Window{}
	if _, err := e.ledger().ChangeCode(t.Context(), code.ID, api.CodeChange{Windows: &always}); err != nil {
		t.Fatal(err)
	}
	if _, _, kind, _ := e.user(1); kind != 0 {
		t.Errorf("without dates it is of kind %d", kind)
	}
	e.await("the lock's own slot", func() bool { return e.box.holds(code.PIN) })
	if err := e.ledger().RemovePerson(t.Context(), gus.ID); err != nil {
		t.Fatal(err)
	}
	if _, status, _, _ := e.user(1); status != 0 {
		t.Errorf("removed, the ecosystem sees status %d", status)
	}
	e.await("an empty slot", func() bool { return !e.box.holds(code.PIN) })
	e.opens(code.PIN, false)
}
