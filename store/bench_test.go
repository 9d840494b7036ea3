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

// BenchmarkColdRecord is the same on a processor whose caches went to others meanwhile, as they do between two
// moves of a door: the row that comes after a pause, and the one right behind it. What is left of the row when
// nothing is fetched from memory is BenchmarkRecord's.
func BenchmarkColdRecord(b *testing.B) {
	o := small()
	o.manual = false
	j := open(b, b.TempDir(), o).Journal()
	ctx := context.Background()
	others := make([]byte, 64<<20)
	var first, next []time.Duration
	record := func() time.Duration {
		start := time.Now()
		if _, err := j.Record(ctx, intent("garage")); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	for b.Loop() {
		if err := j.Flush(ctx); err != nil { // its sync is over: the pause is one
			b.Fatal(err)
		}
		for i := 0; i < len(others); i += 64 {
			others[i]++
		}
		first, next = append(first, record()), append(next, record())
	}
	for name, took := range map[string][]time.Duration{"first": first, "next": next} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/10].Nanoseconds()), name+"-p10-ns")
		b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), name+"-p50-ns")
	}
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
