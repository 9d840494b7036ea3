package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/hw/sim"
)

// stopped is a bridge that can be stopped and resumed (SIGSTOP, SIGCONT), in front of the demo's house.
type stopped struct {
	*e2e.Loquet
	world *world
}

func newStopped(t *testing.T, speed int) *stopped {
	t.Helper()
	w := startWorld(t, "--speed", fmt.Sprint(speed))
	q := lab.Start(t, e2e.Options{State: filepath.Join(e2e.TempDir(t), "state"), Args: []string{"--world", w.socket}})
	q.Await(t, "garage", "closed", patience)
	return &stopped{q, w}
}

// stop stops the bridge for a while, in which the house goes on.
func (s *stopped) stop(t *testing.T, span time.Duration) {
	t.Helper()
	s.halt(t)
	e2e.Apart(t, span)
	s.Signal(syscall.SIGCONT)
}

// halt stops the bridge and waits until it stands still: on a busy machine its threads go on for a moment
// after the signal.
func (s *stopped) halt(t *testing.T) {
	t.Helper()
	s.Signal(syscall.SIGSTOP)
	e2e.Until(t, patience, func() string {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.PID()))
		if err != nil || len(threads) == 0 {
			return "the threads of the bridge"
		}
		for _, path := range threads {
			stat, err := os.ReadFile(path)
			if err != nil {
				return "a thread's state"
			}
			// proc(5): the state stands behind the name, which is in brackets and may hold any character
			if _, state, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " "); !strings.HasPrefix(state, "T") {
				return "every thread to stand still"
			}
		}
		return ""
	})
}

func (s *stopped) pulses(t *testing.T, id string) int {
	t.Helper()
	return s.world.status(t, id).PulsesTotal
}

// still requires that a relay gets no more orders for a while.
func (s *stopped) still(t *testing.T, id string, pulses int, span time.Duration) {
	t.Helper()
	e2e.Always(t, span, func() string {
		if n := s.pulses(t, id); n != pulses {
			return fmt.Sprintf("%s has had %d pulses, want %d", id, n, pulses)
		}
		return ""
	})
}

// A close in whose warning the bridge stood still is given up: for so long nobody was warned, or what was
// warned of is long ago.
func TestStoppedInAWarning(t *testing.T) {
	for _, span := range []time.Duration{3 * time.Second, 8 * time.Second} {
		t.Run(span.String(), func(t *testing.T) { stopInAWarning(t, span) })
	}
}

func stopInAWarning(t *testing.T, span time.Duration) {
	t.Parallel()
	s := newStopped(t, 20)
	s.Must(t, "garage", "open")
	s.Await(t, "garage", "open", patience)
	before := s.pulses(t, "garage")
	if a := s.Must(t, "garage", "close"); !a.Warning {
		t.Fatalf("the close is not warned of: %+v", a)
	}
	e2e.Until(t, patience, func() string {
		if !s.world.status(t, "garage").Lamp.On {
			return "the lamp to be on"
		}
		return ""
	})
	s.stop(t, span)
	e2e.Until(t, patience, func() string {
		if d := s.Device(t, "garage"); d.State.Warning {
			return "the warning to end"
		}
		return ""
	})
	s.still(t, "garage", before, 3*time.Second)
	if w := s.world.status(t, "garage"); w.Lamp.On || w.Beeper.On || w.Position != 1 {
		t.Errorf("%+v, want an open door without a warning", w)
	}
}

// A pulse that the bridge could not end is ended when it can, and is not given again.
func TestStoppedInAPulse(t *testing.T) {
	t.Parallel()
	s := newStopped(t, 1)
	answered := make(chan error, 1)
	go func() {
		_, err := s.TryCommand("garage", "open")
		answered <- err
	}()
	e2e.Until(t, patience, func() string {
		if !s.world.status(t, "garage").Energised {
			return "the relay to be on"
		}
		return ""
	})
	s.stop(t, 4*time.Second)
	e2e.Until(t, time.Second+patience, func() string {
		if s.world.status(t, "garage").Energised {
			return "the relay to rest"
		}
		return ""
	})
	<-answered
	s.still(t, "garage", 1, 3*time.Second)
	s.Await(t, "garage", "open", patience)
}

// A command that waited in the network while the bridge stood still is too old when it is read.
func TestStoppedWithACommandWaiting(t *testing.T) {
	t.Parallel()
	s := newStopped(t, 1)
	phone := pair(t, s.Bridge(t))
	client := connect(t, phone, s.Bridge(t))
	defer client.Close()
	item, pid, err := phone.Put(client, "Gate", "open")
	if err != nil {
		t.Fatal(err)
	}
	s.halt(t)
	results := make(chan string, 2)
	go func() {
		got, err := client.PutTimed(pid, item)
		results <- fmt.Sprintf("HomeKit: %+v, %v", got, err)
	}()
	go func() {
		a, err := s.TryCommand("garage", "open")
		results <- fmt.Sprintf("API: %+v, %v", a, err)
	}()
	e2e.Apart(t, 7*time.Second)
	s.Signal(syscall.SIGCONT)
	t.Log(<-results, <-results)
	s.still(t, "garage", 0, 2*time.Second)
	s.still(t, "gate", 0, time.Second)
	s.Must(t, "garage", "open") // a new one is not
}

// Between: what the wall button did meanwhile is seen, and what is asked for then is judged by that.
func TestStoppedWhileSomebodyElseMovesTheDoor(t *testing.T) {
	t.Parallel()
	s := newStopped(t, 20)
	s.halt(t)
	s.world.happen(t, "garage", sim.WallButton)
	e2e.Until(t, patience, func() string {
		if s.world.status(t, "garage").Position != 1 {
			return "the door to open"
		}
		return ""
	})
	s.Signal(syscall.SIGCONT)
	s.Await(t, "garage", "open", patience)
	if a := s.Command(t, "garage", "open"); !a.Already {
		t.Errorf("open on an open door: %+v", a)
	}
	s.still(t, "garage", 0, time.Second)
}
