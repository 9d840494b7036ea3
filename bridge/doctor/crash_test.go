package doctor

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
)

// notes are Notes in memory.
type notes map[string][]byte

func (n notes) Get(key string) ([]byte, bool, error) {
	v, ok := n[key]
	return v, ok, nil
}

func (n notes) Apply(changes map[string][]byte) error {
	for k, v := range changes {
		if v == nil {
			delete(n, k)
		} else {
			n[k] = v
		}
	}
	return nil
}

// readOnly are Notes on a disk that takes nothing.
type readOnly struct{ notes }

func (readOnly) Apply(map[string][]byte) error { return errors.New("read-only") }

func TestACrashIsTold(t *testing.T) {
	const boot = "5f3f8d4e-0c2b-4a57-9a3a-5d1a8a7f0c11"
	stopped := notes{}
	killed := notes{runKey: []byte(`{"boot":"` + boot + `","since":"2026-11-21T20:00:00Z"}`)}
	for name, tt := range map[string]struct {
		runs Notes
		boot string
		told bool
	}{
		"the first run":              {maps.Clone(stopped), boot, false},
		"after a crash":              {maps.Clone(killed), boot, true},
		"after a power cut":          {maps.Clone(killed), "another", false},
		"a machine without boot ids": {notes{runKey: []byte(`{"boot":""}`)}, "", false},
		"a torn note":                {notes{runKey: []byte(`{"boot":"5f3`)}, boot, false},
		"a disk that takes nothing":  {readOnly{maps.Clone(killed)}, boot, true},
	} {
		d := &Doctor{Runs: tt.runs, Board: health.NewBoard(), Zone: func() *time.Location { return time.UTC }}
		d.begin(tt.boot)
		active := d.Board.Active()
		if told := len(active) == 1 && active[0].Code == health.ProgramRestarted; told != tt.told {
			t.Errorf("%s: %+v", name, active)
		}
		if tt.told && active[0].Detail != "the last run began 2026-11-21T20:00:00Z" {
			t.Errorf("%s: %q", name, active[0].Detail)
		}
		if _, ok, _ := tt.runs.Get(runKey); !ok {
			t.Errorf("%s: the run is not noted", name)
		}
	}
}

// A run that was stopped leaves no note; a crash is told for a day.
func TestARunIsNotedWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trust atomic.Value
		var controllers atomic.Pointer[[]api.ControllerFacts]
		trust.Store("trusted")
		controllers.Store(&[]api.ControllerFacts{})
		d := rig(t, &trust, &controllers)
		runs := notes{}
		d.Runs = runs
		d.Board.Raise(health.ProgramRestarted, "", "")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() { defer close(done); d.Run(ctx) }()
		time.Sleep(23 * time.Hour)
		synctest.Wait()
		if len(runs) != 1 || len(d.Board.Active()) != 1 {
			t.Errorf("after 23 hours %d notes, %+v", len(runs), d.Board.Active())
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if active := d.Board.Active(); len(active) != 0 {
			t.Errorf("after a day %+v", active)
		}
		cancel()
		<-done
		if len(runs) != 0 {
			t.Errorf("after the stop %d notes", len(runs))
		}
	})
}
