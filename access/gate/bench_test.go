package gate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/gate"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
	"github.com/loquet/loquet/store"
)

// strike is a strike that says when it was energised.
type strike struct {
	*devicetest.Bolt
	energised chan time.Time
}

func (s *strike) Throw(ctx context.Context, target device.BoltTarget) error {
	s.energised <- time.Now()
	return s.Bolt.Throw(ctx, target)
}

// lockOf returns a lock with such a strike, at work until the benchmark ends.
func lockOf(b *testing.B, j device.Journal, energised chan time.Time) *device.Lock {
	b.Helper()
	traits := device.BoltTraits{Drive: device.BoltDriveStrike, Hold: time.Millisecond}
	bolt := &strike{&devicetest.Bolt{ID: "studio", Traits: traits}, energised}
	bolt.Put(device.BoltSecured)
	l, err := device.NewLock(device.LockConfig{ID: "studio", Name: "Studio", Traits: traits}, bolt, device.Deps[device.LockState]{Journal: j, Memory: &devicetest.Memory{}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-done })
	return l
}

// BenchmarkRightCode is the way from the last key of a right code to the energised strike, among 10,000
// codes: on the real store, with keys that come one by one or from a keypad that sends them at once; and on
// one in memory, which is what the code itself takes, and what a machine takes that did something else for a
// tenth of a second. Each strike is used once, since between two edges of a relay lie two seconds. p99-ns is
// what is promised.
func BenchmarkRightCode(b *testing.B) {
	const always = `{"kind":"always"}`
	const dates = `{"kind":"dates","from":"2020-01-01T00:00","to":"2090-01-01T00:00","zone":"Europe/Paris"}`
	b.Run("typed", func(b *testing.B) { benchmarkRightCode(b, always, true, 100*time.Millisecond) })
	b.Run("at-once", func(b *testing.B) { benchmarkRightCode(b, always, true, 0) })
	b.Run("at-once-dates", func(b *testing.B) { benchmarkRightCode(b, dates, true, 0) })
	b.Run("memory", func(b *testing.B) { benchmarkRightCode(b, dates, false, 0) })
	b.Run("memory-typed", func(b *testing.B) { benchmarkRightCode(b, always, false, 100*time.Millisecond) })
	b.Run("machine-typed", benchmarkMachine)
}

// benchmarkMachine is what is below every figure of typed keys: a goroutine wakes another one four times, after
// a tenth of a second of rest, and nothing else. What this machine does in between is in all of them.
func benchmarkMachine(b *testing.B) {
	there, back := make(chan time.Time), make(chan time.Time)
	go func() {
		for at := range there {
			back <- at
		}
		close(back)
	}()
	var took []time.Duration
	for b.Loop() {
		<-time.After(100 * time.Millisecond)
		begun := time.Now()
		for range 2 {
			there <- begun
			<-back
		}
		took = append(took, time.Since(begun))
	}
	close(there)
	<-back
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
}

func benchmarkRightCode(b *testing.B, window string, onDisk bool, lastKey time.Duration) {
	const codes = 10_000
	h := &house{pad: newPad(), clock: known, disk: &session{d: &disk{rows: map[string][]byte{}}}}
	h.open(b)
	pins := somePINs(codes)
	for i := range pins {
		h.person(b, fmt.Sprint("p", i), access.Guest, pins[i], window)
	}
	var j gate.Journal = &journal{}
	if onDisk {
		st, err := store.Open(b.Context(), b.TempDir(), store.Options{Log: zerolog.Nop()})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { st.Close() })
		if err := st.Space("codes").Apply(h.disk.d.rows); err != nil { // all at once: 10,000 commits take their time
			b.Fatal(err)
		}
		if h.ledger, err = ledgerOf(apart{st.Space("codes"), st.Space("tries")}, h.clock); err != nil || len(h.ledger.Codes()) != codes {
			b.Fatal(err)
		}
		j = st.Journal()
	}

	energised := make(chan time.Time, 1)
	var lock atomic.Pointer[device.Lock]
	g, err := gate.New(gate.Config{Keypad: "pad", Group: "home", Doors: []gate.Door{{ID: "studio", Action: device.ActionUnlock}}}, gate.Deps{
		Pad: h.pad, Codes: h.ledger, Journal: j, Clock: h.clock,
		Command: func(ctx context.Context, _ string, c device.Command) (device.Answer, error) {
			return lock.Load().Command(ctx, c)
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	defer func() { cancel(); <-done }()

	const many = 500
	locks := make([]*device.Lock, many)
	for i := range locks {
		locks[i] = lockOf(b, j, energised)
	}
	for _, l := range locks {
		for !l.State().Available {
			<-time.After(10 * time.Millisecond)
		}
	}
	var took []time.Duration
	n := 0
	b.ResetTimer()
	for b.Loop() {
		if n == many {
			b.StopTimer()
			for i := range locks {
				locks[i] = lockOf(b, j, energised)
			}
			for _, l := range locks {
				for !l.State().Available {
					<-time.After(10 * time.Millisecond)
				}
			}
			n = 0
			b.StartTimer()
		}
		b.StopTimer()
		<-time.After(5 * time.Millisecond) // the next person
		b.StartTimer()
		lock.Store(locks[n])
		n++
		keys := pins[(n*37)%codes] + "#"
		if lastKey > 0 {
			h.pad.entries <- device.KeypadEntry{Keys: keys[:len(keys)-1]}
			<-time.After(lastKey)
			keys = "#"
		}
		begun := time.Now()
		h.pad.entries <- device.KeypadEntry{Keys: keys, Arrived: begun}
		took = append(took, (<-energised).Sub(begun))
		if v := <-h.pad.verdicts; v.Kind != device.VerdictGranted {
			b.Fatal(v)
		}
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
}

// apart keeps the count of wrong tries out of the space of the codes, as the bridge does: a commit copies the
// space that it changes.
type apart struct {
	*store.Space
	tries *store.Space
}

func (a apart) Get(key string) ([]byte, bool, error) {
	if strings.HasPrefix(key, "tries/") {
		return a.tries.Get(key)
	}
	return a.Space.Get(key)
}

func (a apart) Apply(changes map[string][]byte) error {
	for key := range changes {
		if strings.HasPrefix(key, "tries/") {
			return a.tries.Apply(changes)
		}
	}
	return a.Space.Apply(changes)
}

// BenchmarkFind is one look for a code among 10,000, a right one or a wrong one.
func BenchmarkFind(b *testing.B) {
	h := &house{clock: known, disk: &session{d: &disk{rows: map[string][]byte{}}}}
	h.open(b)
	pins := somePINs(20_000)
	for i, pin := range pins[:10_000] {
		h.person(b, fmt.Sprint("p", i), access.Guest, pin)
	}
	for _, c := range []struct {
		name string
		pins []device.Keys
	}{{"right", pins[:10_000]}, {"wrong", pins[10_000:]}} {
		b.Run(c.name, func(b *testing.B) {
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				_, err := h.ledger.Find("home", seal.Secret{Keys: c.pins[i%10_000]})
				if (err == nil) != (c.name == "right") {
					b.Fatal(err)
				}
			}
		})
	}
}

// somePINs are different PINs of eight digits.
func somePINs(n int) []device.Keys {
	pins := make([]device.Keys, 0, n)
	for i := 10_293_847; len(pins) < n; i += 3919 {
		if pin := device.Keys(fmt.Sprintf("%08d", i)); access.CheckPIN(pin) == nil {
			pins = append(pins, pin)
		}
	}
	return pins
}
