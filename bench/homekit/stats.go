package main

import (
	"math"
	"slices"
	"time"
)

// figure is a distribution, in the unit of its metric.
type figure struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// of makes a figure in milliseconds.
func of(samples []time.Duration) figure {
	ms := make([]float64, len(samples))
	for i, d := range samples {
		ms[i] = float64(d) / 1e6
	}
	slices.Sort(ms)
	return figure{N: len(ms), P50: percentile(ms, 0.5), P99: percentile(ms, 0.99), Max: percentile(ms, 1)}
}

// one is a figure of a single measurement.
func one(v float64) figure { return figure{N: 1, P50: v, P99: v, Max: v} }

// percentile is the smallest value that at least p of the sorted ones do not exceed.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	i := int(math.Ceil(p*float64(len(sorted)))) - 1
	return sorted[max(i, 0)]
}

// median of any order; of an even number the mean of the two in the middle.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
