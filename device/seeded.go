//go:build seeded

package device

import "os"

// seeds are mistakes that a test build can be told to make (LOQUET_SEEDED), so that it is shown that the
// tests would find them. Other builds hold none of them: see seeded_off.go.
type seeds struct{ name string }

func newSeeds() seeds { return seeds{os.Getenv("LOQUET_SEEDED")} }

func (s seeds) has(name string) bool { return s.name == name }
