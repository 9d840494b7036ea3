package device

import (
	"slices"
	"time"
)

// Bounds of a travel time that is believed.
const (
	maxLearned  = 5 * time.Minute
	maxSamples  = 6
	sureSamples = 3
)

// travel is how long one way takes, as far as anybody knows; 0 if never learned. Three measurements
// outweigh what the owner stated, fewer may only lengthen it.
func travel(stated time.Duration, measured []time.Duration) time.Duration {
	if len(measured) == 0 {
		return stated
	}
	m := median(measured)
	if len(measured) >= sureSamples {
		return m
	}
	return max(stated, m)
}

func median(d []time.Duration) time.Duration {
	s := slices.Clone(d)
	slices.Sort(s)
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

// window is how long a way may take before it counts as failed, or as over.
func window(travel time.Duration) time.Duration {
	if travel == 0 {
		return unlearned
	}
	return travel + travel/2
}

// learn keeps a measurement, in a new slice: the old one may be on its way to the memory.
func learn(measured []time.Duration, d time.Duration) []time.Duration {
	if d <= 0 || d > maxLearned {
		return measured
	}
	if len(measured) >= maxSamples {
		measured = measured[len(measured)-maxSamples+1:]
	}
	return append(slices.Clone(measured), d)
}
