//go:build !linux

package clock

import "time"

// thisMachine knows nothing of a kernel that is not Linux: the time is a floor until it is confirmed.
func thisMachine() machine {
	start := time.Now()
	return machine{wall: time.Now, up: func() time.Duration { return time.Since(start) }, synced: func() bool { return false }}
}
