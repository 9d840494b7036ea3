//go:build !linux

package device

import "time"

// sleeper returns what tells how long the computer has slept since this was called: the calendar went on while the
// monotonic clock stood still. One that is set forward looks the same.
func sleeper() func() time.Duration {
	base := time.Now()
	return func() time.Duration {
		now := time.Now()
		return now.Round(0).Sub(base.Round(0)) - now.Sub(base)
	}
}
