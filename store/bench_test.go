package store

import (
	"context"
	"slices"
	"testing"
	"time"
)

// BenchmarkRecord is what stands between a command and its relay. It reports the median and the tail
// beside the mean: a tail of milliseconds would mean that a door waits for the disk.
func BenchmarkRecord(b *testing.B) {
	o := small()
	o.manual = false
	s := open(b, b.TempDir(), o)
	j := s.Journal()
	ctx := context.Background()
	lat := make([]time.Duration, 0, b.N)
	for b.Loop() {
		start := time.Now()
		if _, err := j.Record(ctx, intent("garage")); err != nil {
			b.Fatal(err)
		}
		lat = append(lat, time.Since(start))
	}
	slices.Sort(lat)
	b.ReportMetric(float64(lat[len(lat)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(lat[len(lat)*99/100].Nanoseconds()), "p99-ns")
	b.ReportMetric(float64(lat[len(lat)-1].Nanoseconds()), "max-ns")
}

func BenchmarkApply(b *testing.B) {
	for _, kind := range []string{"plain", "precious"} {
		b.Run(kind, func(b *testing.B) {
			s := open(b, b.TempDir(), small())
			space := s.Space("plain")
			if kind == "precious" {
				space = s.Space("precious", Precious)
			}
			for b.Loop() {
				if err := space.Apply(map[string][]byte{"k": []byte("value")}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
