package device

import (
	"syscall"
	"time"
	"unsafe"
)

// Clocks of clock_gettime(2).
const (
	clockMonotonic = 1 // stands still while the computer sleeps
	clockBoottime  = 7 // does not
)

// sleeper returns what tells how long the computer has slept since it was started. The calendar does not tell:
// whoever sets it has not been asleep.
func sleeper() func() time.Duration {
	return func() time.Duration {
		awake := kernelClock(clockMonotonic)
		return kernelClock(clockBoottime) - awake
	}
}

func kernelClock(id uintptr) time.Duration {
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}
