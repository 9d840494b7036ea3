//go:build seeded

package device

import (
	"os"
	"time"
)

// seeds are mistakes that a test build can be told to make (LOQUET_SEEDED), so that it is shown that the
// tests would find them. Other builds hold none of them: see seeded_off.go.
type seeds struct{ name string }

func newSeeds() seeds { return seeds{os.Getenv("LOQUET_SEEDED")} }

func (s seeds) has(name string) bool { return s.name == name }

// sleeper spoils what tells how long the computer has slept.
func (s seeds) sleeper(right func() time.Duration) func() time.Duration {
	if !s.has(seedDreams) {
		return right
	}
	base := time.Now()
	return func() time.Duration {
		now := time.Now()
		return now.Round(0).Sub(base.Round(0)) - now.Sub(base)
	}
}
