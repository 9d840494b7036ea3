//go:build !linux

package gpio

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

func newKernel() kernel { return other{} }

// other has no chips: GPIO character devices are Linux's.
type other struct{}

func (other) paths() ([]string, error) {
	return nil, fmt.Errorf("GPIO lines: %w on %s", errors.ErrUnsupported, runtime.GOOS)
}
func (o other) open(string) (chip, error) { _, err := o.paths(); return nil, err }
func (other) clock() time.Duration        { return 0 }
func (other) keepsOutputs() bool          { return false }
