package gpiolab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tracing is where the kernel's own record of its lines is (Linux, Documentation/trace/ftrace.rst).
const tracing = "/sys/kernel/tracing/"

// Trace is the kernel's own record of what its lines were driven to.
type Trace struct {
	t    *testing.T
	pipe int
	rest string // of a line that is still to come
}

// Edge is one order to a line as the kernel carried it out.
type Edge struct {
	At   time.Duration // by the monotonic clock
	Line int           // the kernel's number of it: Chip.First and its place there
	High bool          // the voltage
}

// Record begins a record, until the test ends. It needs Tracing.
func Record(t *testing.T) *Trace {
	t.Helper()
	r := &Trace{t: t}
	r.put("trace_clock", "mono")
	r.put("events/gpio/gpio_value/filter", "get==0") // looking at a line is no order
	r.put("trace", "")
	r.put("events/gpio/gpio_value/enable", "1")
	var err error
	if r.pipe, err = unix.Open(tracing+"trace_pipe", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Close(r.pipe)
		r.put("events/gpio/gpio_value/enable", "0")
	})
	return r
}

func (r *Trace) put(file, text string) {
	r.t.Helper()
	if err := os.WriteFile(tracing+file, []byte(text), 0); err != nil {
		r.t.Fatal(err)
	}
}

// Take returns what was recorded since it was last called.
func (r *Trace) Take() []Edge {
	r.t.Helper()
	var edges []Edge
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(r.pipe, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN) || n == 0:
			return edges
		case err != nil:
			r.t.Fatal(err)
		}
		r.rest += string(buf[:n])
		for {
			line, rest, ok := strings.Cut(r.rest, "\n")
			if !ok {
				break
			}
			r.rest = rest
			if strings.Contains(line, "LOST") {
				r.t.Fatalf("the kernel's record is too short: %s", line)
			}
			if e, ok := edge(line); ok {
				edges = append(edges, e)
			}
		}
	}
}

// edge reads a line of the record: "task-12 [000] ..... 3.000123: gpio_value: 480 set 1".
func edge(line string) (e Edge, ok bool) {
	before, event, ok := strings.Cut(line, ": gpio_value: ")
	fields := strings.Fields(before)
	if !ok || len(fields) == 0 {
		return e, false
	}
	var s, us int64
	var level int
	if _, err := fmt.Sscanf(fields[len(fields)-1], "%d.%d", &s, &us); err != nil {
		return e, false
	}
	if _, err := fmt.Sscanf(event, "%d set %d", &e.Line, &level); err != nil {
		return e, false
	}
	e.At, e.High = time.Duration(s)*time.Second+time.Duration(us)*time.Microsecond, level == 1
	return e, true
}

// First is the kernel's number of the chip's first line, as its record has it.
func (c *Chip) First() int {
	c.t.Helper()
	name := filepath.Base(c.Path()) + ": GPIOs "
	for line := range strings.Lines(c.read("/sys/kernel/debug/gpio")) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			var first int
			if _, err := fmt.Sscanf(rest, "%d-", &first); err == nil {
				return first
			}
		}
	}
	c.t.Fatalf("%s is not among the chips of the kernel", c.Label())
	return 0
}

// Monotonic is the clock by which the kernel stamps what it records.
func Monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
