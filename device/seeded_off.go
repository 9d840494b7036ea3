//go:build !seeded

package device

import "time"

// seeds are mistakes that a test build can be told to make; this build makes none.
type seeds struct{}

func newSeeds() seeds { return seeds{} }

func (seeds) has(string) bool { return false }

func (seeds) sleeper(right func() time.Duration) func() time.Duration { return right }
