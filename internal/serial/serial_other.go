//go:build !linux

package serial

import (
	"errors"
	"time"
)

var errOnlyLinux = errors.New("serial ports are supported on Linux only")

// Open is refused.
func Open(string, Mode) (*Port, error) { return nil, errOnlyLinux }

// Close gives the port back.
func (p *Port) Close() error { return p.f.Close() }

// Drain is refused.
func (p *Port) Drain() error { return errOnlyLinux }

// Break is refused.
func (p *Port) Break(time.Duration) error { return errOnlyLinux }
