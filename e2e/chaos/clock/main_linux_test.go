package clock

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/garadget"
	"github.com/loquet/loquet/internal/gpiolab"
)

// Where the guest finds the bridge, and how it learns what it is to do.
const (
	guestBinary = "/bin/loquet"
	envMistake  = "LOQUET_SEEDED" // a mistake that the bridge makes
	envLong     = "LOQUET_LONG"
	envShort    = "LOQUET_CLOCK"
)

func TestMain(m *testing.M) {
	if garadget.Be() {
		return
	}
	os.Exit(gpiolab.Main(m, os.Stdout))
}

// TestClockJumpsOnARealKernel boots the kernel with the built bridge, once for each test named TestGuest, so that none
// inherits from another.
func TestClockJumpsOnARealKernel(t *testing.T) {
	gpiolab.Host(t)
	if os.Getenv(envShort) == "" && !long() {
		t.Skip("it takes minutes: LOQUET_CLOCK=1 runs the short form, make chaos-clock the long one")
	}
	var tags []string
	words := []string{"mem=512M", "time-travel=inf-cpu", "VIRTUAL=1"}
	if mistake := os.Getenv(envMistake); mistake != "" {
		tags = append(tags, "seeded")
		words = append(words, envMistake+"="+mistake)
	}
	if long() {
		words = append(words, envLong+"=1")
	}
	lab := gpiolab.New(t, map[string]string{guestBinary: e2e.Build(t, tags...)})
	for _, name := range []string{"Jumps", "WithoutAClock", "TheNightOfTheClocks", "WhatLasts", "AFullBridge", "Keys"} {
		t.Run(name, func(t *testing.T) { lab.Boot(t, 20*time.Minute, "^TestGuest"+name+"$", words...) })
	}
}

// long reports whether the long form is wanted.
func long() bool { return os.Getenv(envLong) != "" }

// machine is what the tests know of the guest's clock: what time it really is.
type machine struct {
	t  *testing.T
	at time.Time     // the true time
	up time.Duration // by the monotonic clock, then
}

// newMachine sets the guest's clock, and says that it is right. Outside of the guest it skips the test before anything
// is touched: there the clock is that of everybody.
func newMachine(t *testing.T, at time.Time) *machine {
	t.Helper()
	gpiolab.Guest(t)
	m := &machine{t: t, at: at, up: gpiolab.Monotonic()}
	m.set(at)
	m.vouch()
	t.Cleanup(func() { m.set(m.now()) })
	return m
}

// now is the true time.
func (m *machine) now() time.Time { return m.at.Add(gpiolab.Monotonic() - m.up) }

// set sets the guest's clock; nobody vouches for it any more then (Linux, ntp_clear).
func (m *machine) set(to time.Time) {
	m.t.Helper()
	if os.Getpid() != 1 {
		m.t.Fatal("only the guest's clock may be set")
	}
	if to.Unix() < 0 { // Linux has no time before it was switched on
		m.t.Fatalf("%v cannot be set", to)
	}
	ts := unix.NsecToTimespec(to.UnixNano())
	if to.Year() > 2260 {
		m.t.Fatalf("%v cannot be written down", to)
	}
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &ts); err != nil {
		m.t.Fatalf("set the clock to %v: %v", to, err)
	}
}

// Words of adjtimex(2).
const (
	adjMaxError = 0x0004
	adjStatus   = 0x0010
)

// vouch does what a time service does when it has set the clock.
func (m *machine) vouch() {
	m.t.Helper()
	if os.Getpid() != 1 {
		m.t.Fatal("only the guest's clock may be vouched for")
	}
	if _, err := unix.Adjtimex(&unix.Timex{Modes: adjStatus | adjMaxError, Maxerror: 1000}); err != nil {
		m.t.Fatal(err)
	}
}

// jump is what becomes of the guest's clock.
type jump struct {
	name  string
	to    func(truth time.Time) time.Time
	vouch bool // a time service did it
}

func ahead(d time.Duration) func(time.Time) time.Time {
	return func(truth time.Time) time.Time { return truth.Add(d) }
}

func year(y int) func(time.Time) time.Time {
	return func(truth time.Time) time.Time {
		if y == 1970 {
			return time.Unix(0, 0).Add(gpiolab.Monotonic() + time.Hour) // it cannot be less than the machine is up
		}
		return truth.AddDate(y-truth.Year(), 0, 0)
	}
}

func back(truth time.Time) time.Time { return truth }

// do lets it happen.
func (m *machine) do(j jump) {
	m.t.Helper()
	m.set(j.to(m.now()))
	if j.vouch {
		m.vouch()
	}
}
