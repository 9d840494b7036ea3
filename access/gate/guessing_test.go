package gate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/gate"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

// attacked is a house with two keypads whose power an attacker can cut.
type attacked struct {
	*house
	pads    [2]*pad
	guesses [2][]time.Time
	opened  [2]int
	cancel  context.CancelFunc
	done    []chan struct{}
	boots   int
}

func (a *attacked) boot(t *testing.T) {
	a.boots++
	a.disk = &session{d: a.disk.d, slow: 15 * time.Millisecond}
	a.open(t)
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel, a.done = cancel, nil
	for i := range a.pads {
		a.pads[i] = newPad()
		g, err := gate.New(gate.Config{Keypad: fmt.Sprint("pad-", i), Group: "home", Length: 6 * i, Doors: []gate.Door{{ID: "studio", Action: device.ActionUnlock}}}, gate.Deps{
			Pad: a.pads[i], Journal: a.journal, Clock: a.clock,
			Codes: watched{a.ledger, func(_ seal.Secret, err error) {
				if errors.Is(err, access.ErrUnknownCode) {
					a.guesses[i] = append(a.guesses[i], time.Now())
				}
			}},
			Command: func(context.Context, string, device.Command) (device.Answer, error) {
				a.opened[i]++
				return device.Answer{}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		a.done = append(a.done, done)
		go func() { defer close(done); g.Run(ctx) }()
	}
}

// cut takes the power away, and gives it back 30 s later.
func (a *attacked) cut(t *testing.T) {
	a.disk.dead.Store(true)
	a.stop()
	<-time.After(30 * time.Second)
	a.boot(t)
}

func (a *attacked) stop() {
	a.cancel()
	for _, d := range a.done {
		<-d
	}
}

func (a *attacked) try(i int, keys string) { a.pad = a.pads[i]; a.types(keys) }

// verdict is what the keypad shows within four seconds.
func (a *attacked) verdict(i int) device.Verdict {
	select {
	case v := <-a.pads[i].verdicts:
		return v
	case <-time.After(4 * time.Second):
		return device.Verdict{}
	}
}

// tooMany is when an attacker was let try so often that nothing more needs to be seen.
const tooMany = 31 * access.MaxGuesses

// Thirty days at two keypads: guesses as fast as they are taken, at random or along a de Bruijn sequence, the
// power cut before the light, after it, or not; and every evening the owner comes home, at one keypad or the
// other.
func TestThirtyDaysOfGuessing(t *testing.T) {
	for _, c := range []struct {
		name  string
		cut   func(r *rand.Rand) int // 0: no, 1: before the light, 2: after it
		guess func(r *rand.Rand, n int) string
	}{
		{"no cuts", func(*rand.Rand) int { return 0 }, atRandom},
		{"a cut at every try, before its light", func(*rand.Rand) int { return 1 }, atRandom},
		{"a cut at every try, after its light", func(*rand.Rand) int { return 2 }, atRandom},
		{"cuts now and then", func(r *rand.Rand) int { return r.IntN(3) }, atRandom},
		{"along a sequence", func(*rand.Rand) int { return 0 }, alongASequence()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(7, 7))
				a := &attacked{house: newHouse(t)}
				a.boot(t)
				begun := time.Now()
				next := [2]time.Time{begun, begun}
				tried := 0
				home, longest := begun.Add(18*time.Hour), time.Duration(0)
				for days := 0; days < 30; {
					i := 0
					if next[1].Before(next[0]) {
						i = 1
					}
					if next[i].After(home) {
						<-time.After(time.Until(home))
						longest = max(longest, a.ownerComes(t, days%2))
						days, home = days+1, home.Add(24*time.Hour)
						continue
					}
					<-time.After(time.Until(next[i]))
					if n := len(a.guesses[i]); n > tooMany {
						a.stop()
						t.Fatalf("keypad %d: %d guesses after %s", i, n, time.Since(begun))
					}
					a.try(i, c.guess(r, tried))
					tried++
					if i == 0 {
						a.try(i, "#")
					}
					next[i] = time.Now()
					how := c.cut(r)
					if how != 1 {
						if v := a.verdict(i); v.Kind == device.VerdictLocked {
							next[i] = time.Now().Add(v.Wait)
							continue
						}
					}
					if how > 0 {
						a.cut(t)
					}
					if wait := a.waits(i); wait > 0 {
						next[i] = time.Now().Add(wait)
					}
				}
				a.stop()
				for i, guesses := range a.guesses {
					most := mostADay(guesses)
					t.Logf("keypad %d: %d guesses in 30 days, at most %d in 24 h, owner in %d times", i, len(guesses), most, a.opened[i])
					if most > access.MaxGuesses || len(guesses) < 100 || a.opened[i] != 15 {
						t.Errorf("keypad %d: %d guesses in 24 h, %d in all; the owner came in %d times", i, most, len(guesses), a.opened[i])
					}
				}
				t.Logf("%d starts; the owner waited at most %s", a.boots, longest)
				if longest > 2*time.Hour {
					t.Errorf("the owner waited %s", longest)
				}
			})
		})
	}
}

func atRandom(r *rand.Rand, _ int) string { return fmt.Sprintf("%06d", r.IntN(700_000)) }

// alongASequence are the digits of a sequence that holds all PINs of four digits, six at a time: a keypad with
// a window that slides would try each of them.
func alongASequence() func(*rand.Rand, int) string {
	digits := deBruijn(4)
	return func(_ *rand.Rand, n int) string {
		at := n * 6 % (len(digits) - 6)
		return digits[at : at+6]
	}
}

// waits asks a keypad with an entry that is no try how long it is closed.
func (a *attacked) waits(i int) time.Duration {
	for len(a.pads[i].verdicts) > 0 {
		<-a.pads[i].verdicts
	}
	a.try(i, "1#")
	return a.verdict(i).Wait
}

// ownerComes types the right code until the door opens, and returns how long that took.
func (a *attacked) ownerComes(t *testing.T, i int) time.Duration {
	begun := time.Now()
	for range 20 {
		for len(a.pads[i].verdicts) > 0 {
			<-a.pads[i].verdicts
		}
		a.try(i, ownerPIN)
		if i == 0 {
			a.try(i, "#")
		}
		switch v := a.verdict(i); v.Kind {
		case device.VerdictGranted:
			return time.Since(begun)
		case device.VerdictLocked:
			<-time.After(v.Wait)
		default:
			t.Fatalf("the owner is told %s", v.Kind)
		}
	}
	t.Fatal("the owner is locked out")
	return 0
}

func mostADay(at []time.Time) int {
	most, first := 0, 0
	for i := range at {
		for at[i].Sub(at[first]) >= 24*time.Hour {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
