package gate_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/gate"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

const may2000 = `{"kind":"dates","from":"2000-05-01T15:00","to":"2000-05-05T11:00","zone":"Europe/Paris"}`

func lostClock() access.Moment { return access.Moment{} }

// What is typed, and what becomes of it. A bubble begins on January 1st, 2000.
func TestEntries(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		length     int
		clock      clockFunc
		verdicts   []device.VerdictKind
		opened     int
		refused    string // codes of the rows of refusals
	}{
		{"the right code", ownerPIN + "#", 0, known, []device.VerdictKind{device.VerdictGranted}, 1, ""},
		{"no clock locks an owner out", ownerPIN + "#", 0, lostClock, []device.VerdictKind{device.VerdictGranted}, 1, ""},
		{"ended by the pause", ownerPIN, 0, known, []device.VerdictKind{device.VerdictGranted}, 1, ""},
		{"ended by its length", ownerPIN, 6, known, []device.VerdictKind{device.VerdictGranted}, 1, ""},
		{"its length and # is one entry", ownerPIN + "#", 6, known, []device.VerdictKind{device.VerdictGranted}, 1, ""},
		{"begun anew", "12*" + ownerPIN + "#", 0, known, []device.VerdictKind{device.VerdictGranted}, 1, ""},
		{"a digit in front", "1" + ownerPIN + "#", 0, known, []device.VerdictKind{device.VerdictWrong}, 0, "wrong-code"},
		{"a digit behind", ownerPIN + "1#", 0, known, []device.VerdictKind{device.VerdictWrong}, 0, "wrong-code"},
		{"far too long", strings.Repeat("1", 40) + ownerPIN + "#", 0, known, []device.VerdictKind{device.VerdictWrong}, 0, "wrong-code"},
		{"too short to be a try", "73#", 0, known, []device.VerdictKind{device.VerdictWrong}, 0, ""},
		{"nothing", "##*#", 0, known, nil, 0, ""},
		{"a guest too early", "402871#", 0, known, []device.VerdictKind{device.VerdictNotNow}, 0, "outside-window"},
		{"a guest, no clock", "402871#", 0, lostClock, []device.VerdictKind{device.VerdictClock}, 0, "clock-unknown"},
		{"taken back", "528640#", 0, known, []device.VerdictKind{device.VerdictNotNow}, 0, "revoked"},
		{"another door", "917362#", 0, known, []device.VerdictKind{device.VerdictNotNow}, 0, "not-this-door"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				h.clock = c.clock
				h.open(t)
				h.person(t, "gus", access.Guest, "402871", may2000)
				gone := h.person(t, "hal", access.Helper, "528640")
				gone.Revoked = true
				other := h.person(t, "ida", access.Helper, "917362")
				other.Doors = []string{"gate"}
				for _, code := range []access.Code{gone, other} {
					if err := h.ledger.ChangeCode(code); err != nil {
						t.Fatal(err)
					}
				}
				stop := h.run(t, c.length)
				h.types(c.keys)
				<-time.After(9 * time.Second)
				stop()
				var got []device.VerdictKind
				for len(h.pad.verdicts) > 0 {
					got = append(got, (<-h.pad.verdicts).Kind)
				}
				var refused []string
				for _, row := range h.journal.Rows() {
					refused = append(refused, string(row.Code))
					text := fmt.Sprintf("%+v", row)
					for n := 3; n <= len(c.keys); n++ {
						if digits := strings.Trim(c.keys[:n], "#*"); len(digits) >= 3 && strings.Contains(row.Detail, digits) {
							t.Errorf("the history holds digits: %s", text)
						}
					}
				}
				if !slices.Equal(got, c.verdicts) || len(h.opened) != c.opened || strings.Join(refused, " ") != c.refused {
					t.Errorf("%v, %d times open, rows %v; want %v, %d, %s", got, len(h.opened), refused, c.verdicts, c.opened, c.refused)
				}
			})
		})
	}
}

func TestTheCauseNamesTheCodeAndTheKeypad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		stop := h.run(t, 0)
		h.types(ownerPIN)
		at := time.Now().Add(100 * time.Millisecond)
		h.types("#")
		synctest.Wait()
		stop()
		want := device.Command{Action: device.ActionUnlock, Arrived: at, Cause: device.Cause{Kind: device.CauseCode, Actor: h.ledger.Codes()[0].ID, Place: "pad"}}
		if len(h.opened) != 1 || h.opened[0] != want {
			t.Errorf("%+v, want %+v", h.opened, want)
		}
	})
}

// The count and the row are on the disk when the red light comes, and the row holds the length only.
func TestAWrongTryIsDurableBeforeItsLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.disk.slow = 300 * time.Millisecond
		tries := 0
		h.pad.seen = func(v device.Verdict) {
			if v.Kind != device.VerdictWrong {
				return
			}
			tries++
			var count struct{ Row int }
			if err := json.Unmarshal(h.disk.d.rows["tries/pad"], &count); err != nil || count.Row != tries {
				t.Errorf("%d tries, on the disk %d, %v", tries, count.Row, err)
			}
			if n := h.journal.flushed.Load(); n < int64(tries) {
				t.Errorf("%d tries, %d rows on the disk", tries, n)
			}
		}
		stop := h.run(t, 0)
		for range 4 {
			h.types("402871#")
		}
		h.types(ownerPIN + "#")
		synctest.Wait()
		stop()
		if rows := h.journal.Rows(); tries != 4 || len(rows) != 4 || rows[0].Detail != "6 digits" || rows[0].Device != "pad" || rows[0].Kind != device.EntryRefused {
			t.Errorf("%d tries, %+v", tries, rows)
		}
	})
}

// A right code does not wait for the disk; a wrong one whose disk hangs gets no light, and still counts.
func TestADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.disk.hang = make(chan struct{})
		stop := h.run(t, 0)
		h.types(ownerPIN)
		begun := time.Now()
		h.types("#")
		synctest.Wait()
		if len(h.opened) != 1 || time.Since(begun) > 101*time.Millisecond {
			t.Errorf("open %d times after %s", len(h.opened), time.Since(begun))
		}
		<-h.pad.verdicts
		for range 5 {
			h.types("402871#")
			<-time.After(4 * time.Second)
		}
		if len(h.pad.verdicts) != 0 {
			t.Errorf("a light: %+v", <-h.pad.verdicts)
		}
		h.types(ownerPIN + "#")
		synctest.Wait()
		if v := <-h.pad.verdicts; v.Kind != device.VerdictLocked || len(h.opened) != 1 {
			t.Errorf("%+v", v)
		}
		close(h.disk.hang)
		stop()
		if len(h.notices) != 6 || h.notices[0].Kind != gate.NoticeUnsaved || h.notices[5].Kind != gate.NoticeClosed {
			t.Errorf("%+v", h.notices)
		}
	})
}

// All sequences of four digits in 10,003 keys: without an end there is nothing to try, and where four digits
// are an entry it is one after the other, never a window that slides.
func TestDeBruijn(t *testing.T) {
	sequence := deBruijn(4)
	if len(sequence) != 10_003 {
		t.Fatal(len(sequence))
	}
	for _, length := range []int{0, 4} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			if err := h.ledger.RemovePerson("anna"); err != nil {
				t.Fatal(err)
			}
			h.person(t, "anna", access.Owner, "4071")
			tried := 0
			h.judged = func(seal.Secret, error) { tried++ }
			stop := h.run(t, length)
			begun := time.Now()
			h.types(sequence)
			<-time.After(10 * time.Second)
			stop()
			if len(h.opened) > 0 || tried > access.MaxGuesses || length == 0 && tried != 1 {
				t.Errorf("length %d: %d tries, opened %d times", length, tried, len(h.opened))
			}
			t.Logf("length %d: %d keys in %s were %d tries", length, len(sequence), time.Since(begun), tried)
		})
	}
}

// deBruijn returns the shortest sequence that holds all numbers of n digits, written out to its end.
func deBruijn(n int) string {
	var out strings.Builder
	a := make([]int, 10*n)
	var grow func(t, p int)
	grow = func(t, p int) {
		if t > n {
			if n%p == 0 {
				for _, d := range a[1 : p+1] {
					out.WriteByte(byte('0' + d))
				}
			}
			return
		}
		a[t] = a[t-p]
		grow(t+1, p)
		for j := a[t-p] + 1; j <= 9; j++ {
			a[t] = j
			grow(t+1, t)
		}
	}
	grow(1, 1)
	s := out.String()
	return s + s[:n-1]
}

func TestGatesThatAreNone(t *testing.T) {
	h := newHouse(t)
	for _, c := range []gate.Config{{}, {Keypad: "pad"}, {Keypad: "pad", Doors: []gate.Door{{ID: "studio", Action: device.ActionLock}}},
		{Keypad: "pad", Doors: []gate.Door{{ID: "studio", Action: device.ActionUnlock}}, Length: 3}} {
		if _, err := gate.New(c, gate.Deps{Codes: h.ledger}); err == nil {
			t.Errorf("%+v", c)
		}
	}
}

// taken counts uses in memory.
type taken struct{ used, under int }

func (u *taken) Take(string) (access.Uses, func()) {
	n := u.used + u.under
	u.under++
	return access.Uses{Count: n, Known: true}, func() { u.under--; u.used++ }
}

func TestACodeThatOpensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.person(t, "gus", access.Guest, "518370", `{"kind":"count","uses":1}`)
		h.uses = &taken{}
		stop := h.run(t, 0)
		for i, want := range []device.VerdictKind{device.VerdictGranted, device.VerdictNotNow} {
			h.types("518370#")
			if v := <-h.pad.verdicts; v.Kind != want {
				t.Errorf("use %d: %s, want %s", i+1, v.Kind, want)
			}
		}
		stop()
		rows := h.journal.Rows()
		if len(h.opened) != 1 || rows[len(rows)-1].Code != device.RefusedUsedUp {
			t.Errorf("%d doors opened, history ends with %+v", len(h.opened), rows[len(rows)-1])
		}
		h.uses = nil // nobody counts
		stop = h.run(t, 0)
		h.types("518370#")
		if v := <-h.pad.verdicts; v.Kind != device.VerdictFailed || len(h.opened) != 1 {
			t.Errorf("%s, %d doors opened without a count", v.Kind, len(h.opened))
		}
		stop()
	})
}

// Whoever stands beside sees what he would see with any other code; the owner is told afterwards.
func TestDuressIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		c := h.person(t, "gus", access.Resident, "518370")
		c.Duress = true
		if err := h.ledger.ChangeCode(c); err != nil {
			t.Fatal(err)
		}
		h.pad.seen = func(device.Verdict) {
			if len(h.notices) > 0 {
				t.Error("told before the light was shown")
			}
		}
		stop := h.run(t, 0)
		begun := time.Now()
		h.types("518370#")
		v := <-h.pad.verdicts
		took := time.Since(begun)
		synctest.Wait()
		if v != (device.Verdict{Kind: device.VerdictGranted}) || len(h.opened) != 1 {
			t.Errorf("%+v, %d doors opened", v, len(h.opened))
		}
		if len(h.notices) != 1 || h.notices[0].Kind != gate.NoticeDuress || h.notices[0].Code != c.ID {
			t.Errorf("%+v", h.notices)
		}
		h.pad.seen = nil
		h.types(ownerPIN + "#")
		if other := <-h.pad.verdicts; other != v || len(h.pad.verdicts) > 0 || took > 2*time.Second {
			t.Errorf("an owner's code shows %+v, it %+v after %s", other, v, took)
		}
		stop()
		rows := h.journal.Rows()
		if len(rows) != 1 || rows[0].Detail != "duress" || rows[0].Cause.Actor != c.ID {
			t.Errorf("%+v", rows)
		}
	})
}
