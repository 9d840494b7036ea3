package device

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// listener is a machine that notes what it is told of sleep.
type listener struct {
	contactMachine
	suspends int
	late     []bool // of each command
}

func (m *listener) suspended(time.Time) { m.suspends++ }

func (m *listener) command(_ time.Time, r request) {
	m.late = append(m.late, r.late)
	m.fx.tell(reply{id: r.id})
}

// What a computer slept between two steps drops what waited, and a command that came before the sleep is late. A
// short nap is none, and the calendar has no say.
func TestSleepIsWhatTheKernelSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		asleep := func() time.Duration { return time.Duration(slept.Load()) }
		m := &listener{contactMachine: contactMachine{desk: desk{id: "porch"}}}
		readings := make(chan ContactReading)
		d := driver[ContactReading]{readings: func(context.Context) <-chan ContactReading { return readings }}
		a, err := newActor("porch", m, d, Deps[ContactState]{Journal: noJournal{}, Memory: noMemory{}})
		if err != nil {
			t.Fatal(err)
		}
		a.asleep = asleep
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.serve(ctx) }()
		synctest.Wait()
		ask := func() {
			t.Helper()
			if _, err := a.ask(ctx, message{kind: messageCommand}); err != nil {
				t.Fatal(err)
			}
		}
		ask()
		slept.Add(int64(suspendSlack)) // a nap
		ask()
		slept.Add(int64(time.Hour))
		ask() // it came after the sleep
		l := a.run.Load()
		msg := &message{kind: messageCommand, to: make(chan reply, 1), r: request{id: 99, entered: time.Now(), slept: asleep()}}
		slept.Add(int64(time.Hour)) // in the inbox
		l.inbox <- msg
		synctest.Wait()
		stop()
		<-ended
		if m.suspends != 2 {
			t.Errorf("it slept %d times, want 2", m.suspends)
		}
		if want := []bool{false, false, false, true}; len(m.late) != len(want) || m.late[0] || m.late[1] || m.late[2] || !m.late[3] {
			t.Errorf("late %v, want %v", m.late, want)
		}
	})
}

// What is read right after a sleep may have waited in the network all the while.
func TestAwakeKnowsASleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept time.Duration
		a := &Awake{asleep: func() time.Duration { return slept }}
		before := time.Now()
		a.sign(before)
		if at := a.look(before); !at.Equal(before) {
			t.Errorf("%v, want %v", at, before)
		}
		slept = time.Hour
		now := before.Add(time.Millisecond)
		if early := now.Sub(a.look(now)); early < time.Hour {
			t.Errorf("what is read after an hour's sleep may have come %v ago", early)
		}
		now = now.Add(readTime)
		if at := a.look(now); !at.Equal(now) {
			t.Errorf("%v later it came %v ago", readTime, now.Sub(at))
		}
	})
}

func TestExpiry(t *testing.T) {
	from := time.Now()
	r := request{cmd: Command{Arrived: from}, entered: from}
	if r.expired(from.Add(expiry)) || !r.expired(from.Add(expiry+1)) {
		t.Error("a command is good for five seconds, and no longer")
	}
	if r.late = true; !r.expired(from) {
		t.Error("a command from before a sleep is not expired")
	}
}

// The kernel's own figure does not grow while this test is awake.
func TestThisComputerIsAwake(t *testing.T) {
	asleep := sleeper()
	first := asleep()
	if first < 0 {
		t.Errorf("it slept for %v", first)
	}
	if more := asleep() - first; more > suspendSlack {
		t.Errorf("it slept for %v between two lines", more)
	}
}
