package clock

import (
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// timeError is TIME_ERROR of adjtimex(2): nothing keeps the kernel's time right.
const timeError = 5

func thisMachine() machine {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return machine{wall: time.Now, up: sinceBoot, synced: lately(kernelSynced), boot: strings.TrimSpace(string(boot))}
}

// lately asks at most once a second: each row of the journal asks for its time, and a relay waits for some.
func lately(ask func() bool) func() bool {
	var mu sync.Mutex
	var asked time.Time
	var said bool
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); asked.IsZero() || now.Sub(asked) >= time.Second {
			asked, said = now, ask()
		}
		return said
	}
}

// kernelSynced asks the kernel whether a time service keeps its time right: the services clear
// STA_UNSYNC, and the kernel sets it again when it has not heard of them for hours. The call only reads,
// but a sandbox that forbids setting the clock (ProtectClock=, @clock) forbids it too: then the time
// service of systemd is believed.
func kernelSynced() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return touchedLately("/run/systemd/timesync/synchronized", time.Now())
	}
	return state != timeError && t.Status&unix.STA_UNSYNC == 0
}

// syncedFor is how long the kernel believes a time service that it does not hear of any more: until an
// error of 500 parts in a million has added up to 16 s.
const syncedFor = 16 * time.Second * 2000

// touchedLately reads the file that systemd-timesyncd(8) touches whenever it has set the clock.
func touchedLately(path string, now time.Time) bool {
	file, err := os.Stat(path)
	return err == nil && now.Sub(file.ModTime()).Abs() < syncedFor
}

// sinceBoot counts sleep, so that a machine that was suspended did not jump.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
