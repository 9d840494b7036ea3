package figures

import (
	"math"
	"slices"
	"time"
)

// Figure is a distribution, in the unit of its metric.
type Figure struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Of makes a figure in milliseconds.
func Of(samples []time.Duration) Figure {
	ms := make([]float64, len(samples))
	for i, d := range samples {
		ms[i] = float64(d) / 1e6
	}
	slices.Sort(ms)
	return Figure{N: len(ms), P50: Percentile(ms, 0.5), P99: Percentile(ms, 0.99), Max: Percentile(ms, 1)}
}

// One is a figure of a single measurement.
func One(v float64) Figure { return Figure{N: 1, P50: v, P99: v, Max: v} }

// Percentile is the smallest value that at least p of the sorted ones do not exceed.
func Percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	i := int(math.Ceil(p*float64(len(sorted)))) - 1
	return sorted[max(i, 0)]
}

// Median is the one in the middle, of values in any order; of an even number the mean of the two in the middle.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
