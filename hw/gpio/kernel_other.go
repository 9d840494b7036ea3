//go:build !linux

package gpio

import (
	"errors"
	"fmt"
	"runtime"
)

// newKernel refuses: GPIO character devices are Linux's.
func newKernel() (kernel, error) {
	return nil, fmt.Errorf("lines of this machine: %w on %s", errors.ErrUnsupported, runtime.GOOS)
}
