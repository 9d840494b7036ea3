//go:build !seeded

package bridge

// replay is a mistake that only a test build can make.
func (*App) replay() {}
