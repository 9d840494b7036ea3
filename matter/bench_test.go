package matter

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
)

// BenchmarkNinetyDevices measures what a bridge of ninety contacts takes: heap, and a controller's read of everything.
func BenchmarkNinetyDevices(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(b, n, memory.New(), nil)
	before := heap()
	var contacts []*contact
	for i := range 90 {
		contacts = append(contacts, h.bridge(b, fmt.Sprintf("contact %d", i)))
	}
	perDevice := float64(heap()-before) / 90
	c := mattertest.NewController(b, n, "phone", mattertest.NewAuthority(b, 0xFAB1, false), 1)
	h.await(b, "commissionable", count("_matterc._udp", 1))
	s, err := c.Commission(ctx, b, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(b, err)
	b.Run("read everything", func(b *testing.B) {
		for b.Loop() {
			if r, err := c.Read(ctx, s); err != nil || len(r.Values) < 90*20 {
				b.Fatalf("%d values, %v", len(r.Values), err)
			}
		}
		b.ReportMetric(perDevice, "B/device")
	})
	_, err = c.Subscribe(ctx, s, 0, 600)
	must(b, err)
	b.Run("change to report", func(b *testing.B) {
		closed := false
		for b.Loop() {
			closed = !closed
			contacts[7].set(closed)
			for r := range c.Reports {
				if _, ok := r.Values[model.Change{Endpoint: 9, Cluster: 0x45}]; ok {
					break
				}
			}
		}
	})
}
