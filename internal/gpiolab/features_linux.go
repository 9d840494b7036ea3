package gpiolab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Feature is what a kernel with simulated chips may lack, as the owner of the machine would call it.
type Feature string

// What e2e/gpio/kernel has beyond a kernel that just has gpio-sim.
const (
	Sticky  Feature = "outputs that stay as they were driven"
	Tracing Feature = "a record of its own of what lines were driven to"
	Network Feature = "a loopback network"
)

const (
	stickyFile = "/sys/module/gpio_sim/parameters/persist_gpio_outputs"
	traceFile  = "/sys/kernel/tracing/events/gpio"
)

// lacking looks at the kernel that this process is the init of.
func lacking() []Feature {
	var lacks []Feature
	for feature, file := range map[Feature]string{Sticky: stickyFile, Tracing: traceFile} {
		if _, err := os.Stat(file); err != nil {
			lacks = append(lacks, feature)
		}
	}
	if fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		lacks = append(lacks, Network)
	} else {
		_ = unix.Close(fd)
	}
	slices.Sort(lacks)
	return lacks
}

// Words with which the guest speaks to the host.
const (
	saysLacks  = "LACKS "
	saysResult = "RESULT fails="
	skipped    = "--- SKIP: "
)

// Needs keeps a test to a kernel that has some features. On one that lacks them it is skipped, and Boot runs
// it on one that has them.
func Needs(t *testing.T, features ...Feature) {
	t.Helper()
	Guest(t)
	for _, lacks := range lacking() {
		if slices.Contains(features, lacks) {
			t.Skipf("this kernel lacks %s", lacks)
		}
	}
}

// Answer is the whole life of an init that only says what its kernel lacks; Ask reads it.
func Answer(out io.Writer) error {
	if err := mounts(); err != nil {
		return err
	}
	var names []string
	for _, f := range lacking() {
		names = append(names, string(f))
	}
	_, err := fmt.Fprintf(out, "\n%s%s\n%s0\n", saysLacks, strings.Join(names, ", "), saysResult)
	unix.Sync()
	return errors.Join(err, unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}

// answered is what an init said with Answer.
func answered(text string) (lacks string, ok bool) {
	for line := range strings.Lines(text) {
		if lacks, ok := strings.CutPrefix(strings.TrimSpace(line), strings.TrimSpace(saysLacks)); ok {
			return strings.TrimSpace(lacks), true
		}
	}
	return "", false
}

// skippedIn are the tests that a guest skipped, by the names of their functions.
func skippedIn(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), skipped); ok {
			name, _, _ := strings.Cut(rest, " ")
			name, _, _ = strings.Cut(name, "/")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
