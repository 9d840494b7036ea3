package clock

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// timeError is TIME_ERROR of adjtimex(2): nothing keeps the kernel's time right.
const timeError = 5

func thisMachine() machine {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return machine{wall: time.Now, up: sinceBoot, synced: kernelSynced, boot: strings.TrimSpace(string(boot))}
}

// kernelSynced asks the kernel whether a time service keeps its time right: the services clear
// STA_UNSYNC, and the kernel sets it again when it has not heard of them for hours. The call only reads,
// but a sandbox that forbids setting the clock (ProtectClock=, @clock) forbids it too: never
// synchronised then.
func kernelSynced() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != timeError && t.Status&unix.STA_UNSYNC == 0
}

// sinceBoot counts sleep, so that a machine that was suspended did not jump.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
