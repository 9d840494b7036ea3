//go:build !linux

package gpio

import (
	"errors"
	"os"
)

// guardLink exists on Linux only, as lines do.
type guardLink struct{ pong, dead chan struct{} }

func startGuard([]string) (*guardLink, error) { return nil, errors.ErrUnsupported }

func (*guardLink) send(wardMessage, *os.File) bool { return false }
func (*guardLink) hand(*ward)                      {}
func (*guardLink) drop(uint32) <-chan struct{}     { return nil }
func (*guardLink) await(<-chan struct{})           {}
func (*guardLink) end(bool)                        {}
func (*guardLink) why() error                      { return errors.ErrUnsupported }

// Guard is the life of the guard process, on Linux.
func Guard() error { return errors.ErrUnsupported }
