//go:build !seeded

package homekit

// seeds are mistakes that a test build can be told to make; this build makes none.
type seeds struct{}

func newSeeds() seeds { return seeds{} }

func (seeds) has(string) bool { return false }
