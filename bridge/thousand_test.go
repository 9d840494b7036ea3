package bridge

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/copies"
	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/slots"
	"github.com/loquet/loquet/bridge/stays"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
)

// memory is a space without a disk.
type memory struct {
	mu   sync.Mutex
	rows map[string][]byte
}

func newMemory() *memory { return &memory{rows: map[string][]byte{}} }

func (m *memory) Get(key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.rows[key]
	return v, ok, nil
}

func (m *memory) List(prefix string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]byte{}
	for k, v := range m.rows {
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out, nil
}

func (m *memory) Apply(changes map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.rows, changes)
	maps.DeleteFunc(m.rows, func(_ string, v []byte) bool { return v == nil })
	return nil
}

// counted is a lock that counts what is written to it and cleared.
type counted struct {
	lockbox
	writes, clears, reads atomic.Int64
}

func (*counted) SlotTraits(context.Context) (device.SlotTraits, error) {
	return device.SlotTraits{First: 1, Last: 30, MinDigits: 4, MaxDigits: 10, ReadsBack: true}, nil
}

func (c *counted) WriteSlot(ctx context.Context, n int, keys device.Keys) error {
	c.writes.Add(1)
	return c.lockbox.WriteSlot(ctx, n, keys)
}

func (c *counted) ClearSlot(ctx context.Context, n int) error {
	c.clears.Add(1)
	return c.lockbox.ClearSlot(ctx, n)
}

func (c *counted) ReadSlot(ctx context.Context, n int) (device.Slot, error) {
	c.reads.Add(1)
	return c.lockbox.ReadSlot(ctx, n)
}

// hour is a calendar time that a test sets.
type hour struct{ at atomic.Pointer[time.Time] }

func (h *hour) Moment() access.Moment {
	return access.Moment{Now: *h.at.Load(), Trust: access.Trusted, Floor: *h.at.Load()}
}

// awaitThat waits for something that needs no time but the machine's.
func awaitThat(b *testing.B, what string, holds func() bool) {
	b.Helper()
	end := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(end) {
			b.Fatalf("not within two minutes: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// BenchmarkAThousandStays brings 20 stays from each of 50 calendars to 50 locks, twenty codes on each at the same time,
// and takes them off again: how many writes a lock gets, and what the house spends on it without disk and radio.
func BenchmarkAThousandStays(b *testing.B) {
	const doors, each = 50, 20
	for b.Loop() {
		b.StopTimer()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		sealer, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
		if err != nil {
			b.Fatal(err)
		}
		clock, came := &hour{}, time.Date(2026, 7, 2, 12, 0, 0, 0, time.UTC)
		clock.at.Store(&came)
		people, err := ledger.Open(newMemory(), sealer, clock, 1)
		if err != nil {
			b.Fatal(err)
		}
		open := func() (*ledger.Ledger, error) { return people, nil }
		zone := func() *time.Location { return time.UTC }
		s := slots.New(slots.Options{Space: newMemory(), Ledger: open, Clock: clock, Zone: zone, Pads: noPads{}, Board: health.NewBoard(), Log: zerolog.Nop()})
		locks, boxes := map[string]device.CodeSlots{}, make([]*counted, doors)
		for i := range boxes {
			boxes[i] = &counted{lockbox: lockbox{slots: map[int]device.Keys{}}}
			locks[fmt.Sprintf("door-%d", i)] = boxes[i]
		}
		s.Set(locks)
		guests := stays.New(stays.Options{Space: newMemory(), Ledger: open, Group: "home", Clock: clock, Zone: zone, Keep: func() time.Duration { return 24 * time.Hour },
			Ready: s.Ready, Changed: s.Wake, Minute: 50 * time.Millisecond, Board: health.NewBoard(), Log: zerolog.Nop(),
			Fetch: func(_ context.Context, address string, _ feeds.Validators) (feeds.Answer, error) {
				text := "BEGIN:VCALENDAR\r\nPRODID:-//Airbnb Inc//Hosting Calendar 1.0//EN\r\n"
				for i := range each {
					text += fmt.Sprintf("BEGIN:VEVENT\r\nUID:%s-%d\r\nDTSTART;VALUE=DATE:20260701\r\nDTEND;VALUE=DATE:20260705\r\nSUMMARY:Reserved\r\nEND:VEVENT\r\n", address, i)
				}
				return feeds.Answer{Text: []byte(text + "END:VCALENDAR\r\n")}, nil
			}})
		for i := range doors {
			if _, err := guests.AddCalendar(b.Context(), api.CalendarRequest{Name: fmt.Sprint("Flat ", i), URL: fmt.Sprintf("https://example.org/%d.ics", i), Doors: []string{fmt.Sprintf("door-%d", i)}}); err != nil {
				b.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(b.Context())
		var run sync.WaitGroup
		began := time.Now()
		b.StartTimer()
		run.Go(func() { guests.Run(ctx) })
		run.Go(func() { s.Run(ctx) })
		on := func(n int) func() bool {
			return func() bool {
				held := 0
				for _, box := range boxes {
					box.mu.Lock()
					held += len(box.slots)
					box.mu.Unlock()
				}
				return held == n
			}
		}
		awaitThat(b, "every code on its lock", on(doors*each))
		there := time.Since(began)
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.StartTimer()
		began = time.Now()
		left := came.AddDate(0, 0, 4)
		clock.at.Store(&left)
		s.Wake()
		awaitThat(b, "every lock empty", on(0))
		gone := time.Since(began)
		cancel()
		run.Wait()
		writes, clears := int64(0), int64(0)
		for _, box := range boxes {
			writes, clears = max(writes, box.writes.Load()), max(clears, box.clears.Load())
		}
		if writes > each || clears > each {
			b.Fatalf("a lock got %d writes and %d clears for %d stays", writes, clears, each)
		}
		b.ReportMetric(float64(writes), "writes/lock")
		b.ReportMetric(float64(clears), "clears/lock")
		b.ReportMetric(there.Seconds(), "s-on")
		b.ReportMetric(gone.Seconds(), "s-off")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
	}
}

// noPads is a house without keypads.
type noPads struct{}

func (noPads) Doors() []string     { return nil }
func (noPads) Ready(string) string { return "no keypad opens it" }
func (noPads) Longest(string) int  { return 0 }

var _ copies.Space = (*memory)(nil)
