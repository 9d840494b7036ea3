package device

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// brittle is a machine whose step after a call panics.
type brittle struct{ contactMachine }

func (m *brittle) done(time.Time, result[ContactReading]) { panic("a mistake") }

type noJournal struct{}

func (noJournal) Record(context.Context, Entry) (int64, error) { return 1, nil }

type noMemory struct{}

func (noMemory) Recall(context.Context, string) (Remembered, error) { return Remembered{}, nil }
func (noMemory) Remember(context.Context, string, Remembered) error { return nil }

// TestAFaultAfterACallEndsTheDeviceAlone: the step is made by a goroutine of the house's crew. What goes
// wrong in it must end in the device's Run, where whoever runs the device finds it.
func TestAFaultAfterACallEndsTheDeviceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		readings := make(chan ContactReading)
		crew := &Crew{}
		defer crew.Close()
		d := driver[ContactReading]{
			readings: func(context.Context) <-chan ContactReading { return readings },
			identify: func(context.Context) error { return nil },
		}
		a, err := newActor("porch", &brittle{contactMachine{desk: desk{id: "porch"}}}, d,
			Deps[ContactState]{Journal: noJournal{}, Memory: noMemory{}, Crew: crew})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- a.serve(t.Context()) }()
		synctest.Wait()
		asked := make(chan error)
		go func() {
			_, err := a.ask(t.Context(), message{kind: messageIdentify})
			asked <- err
		}()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "a mistake") || !strings.Contains(err.Error(), "brittle") {
			t.Errorf("it ended with %v", err)
		}
		if err := <-asked; err == nil {
			t.Error("whoever asked was told that all is well")
		}
	})
}

// TestOneGoroutineMakesACallAndWhatFollows counts the goroutines that an errand of three calls takes.
func TestOneGoroutineMakesACallAndWhatFollows(t *testing.T) {
	w := worker[Reading]{}
	taken := 0
	ctx := t.Context()
	w.start(ctx, nil, func() {})
	w.work = func() { taken++ }
	now := time.Now()
	w.add(op{kind: opRefresh, errand: 1})
	w.kick(now)
	for _, next := range []opKind{opRecord, opMove} {
		o := <-w.jobs
		w.lent = true
		w.returned(result[Reading]{op: o})
		w.add(op{kind: next, errand: 1})
		w.kick(now)
	}
	if taken != 1 {
		t.Errorf("%d goroutines were asked for", taken)
	}
	w.returned(result[Reading]{op: <-w.jobs})
	w.lent = false // there is something to tell first
	w.add(op{kind: opRecord, errand: 1})
	if w.kick(now); taken != 2 {
		t.Error("the row waits for those who are told")
	}
}
