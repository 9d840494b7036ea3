package device

import (
	"errors"
	"testing"
	"time"
)

func TestWorkerOrder(t *testing.T) {
	now := time.Now()
	w := worker[Reading]{jobs: make(chan op, 1)}
	take := func() op {
		w.returned(result[Reading]{})
		w.kick(now)
		return <-w.jobs
	}
	w.add(op{kind: opRemember})
	w.add(op{kind: opRecord, entry: Entry{Kind: EntryOutcome}})
	w.add(op{kind: opRemember, asker: 7})
	w.add(op{kind: opRecord, errand: 1, entry: Entry{Kind: EntryIntent}})
	w.add(op{kind: opWarn, on: false})
	w.add(op{kind: opMove, errand: 1})
	w.add(op{kind: opRemember, memory: Remembered{Failures: 2}})
	for i, want := range []opKind{opMove, opWarn, opRecord, opRemember, opRemember, opRecord} {
		got := take()
		if got.kind != want {
			t.Fatalf("op %d is %d, want %d", i, got.kind, want)
		}
		if i == 4 && got.memory.Failures != 2 {
			t.Error("an old memory is written")
		}
	}
}

func TestWorkerGivesUp(t *testing.T) {
	now := time.Now()
	w := worker[Reading]{jobs: make(chan op, 1)}
	w.add(op{kind: opMove, errand: 1})
	w.kick(now)
	if _, ok := w.overdue(now.Add(callTime)); ok {
		t.Error("given up at once with its context")
	}
	r, ok := w.overdue(now.Add(callTime + grace))
	if !ok || !errors.Is(r.err, ErrUnsure) {
		t.Fatalf("%v, %v", r.err, ok)
	}
	w.add(op{kind: opWarn, on: false})
	w.add(op{kind: opRecord, errand: 2})
	w.add(op{kind: opRecord})
	if r, ok = w.kick(now); !ok || !errors.Is(r.err, errStuck) || r.op.errand != 2 {
		t.Fatalf("%+v, %v", r, ok)
	}
	if _, ok = w.kick(now); ok {
		t.Error("the warning must go off, or the row be lost, while the call is out")
	}
	<-w.jobs
	if r = w.returned(result[Reading]{op: op{kind: opMove}}); !r.late {
		t.Error("not late")
	}
	w.kick(now)
	if o := <-w.jobs; o.kind != opWarn {
		t.Errorf("op %d, want the warning to go off first", o.kind)
	}
	for range maxIdle + 10 {
		w.add(op{kind: opRecord})
	}
	w.returned(result[Reading]{op: op{kind: opRecord}})
	if n := len(w.idle); n > maxIdle {
		t.Errorf("%d rows are kept", n)
	}
	if last := w.idle[len(w.idle)-1]; last.entry.Detail != "rows-lost" {
		t.Errorf("rows were lost in silence: %+v", last)
	}
}
