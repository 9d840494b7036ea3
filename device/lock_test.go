package device_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

type lockBench struct {
	t       *testing.T
	bolt    *devicetest.Bolt
	journal *devicetest.Journal
	memory  *devicetest.Memory
	lock    *device.Lock
	stop    func()
}

func strike() device.LockConfig {
	return device.LockConfig{ID: "studio", Name: "Studio", Traits: device.BoltTraits{Drive: device.BoltDriveStrike, Hold: 5 * time.Second}}
}

func motor() device.LockConfig {
	return device.LockConfig{ID: "front", Name: "Front", Traits: device.BoltTraits{Drive: device.BoltDriveMotor, SensesBolt: true, SensesDoor: true}}
}

func newLockBench(t *testing.T, cfg device.LockConfig, at device.BoltPosition) *lockBench {
	t.Helper()
	b := &lockBench{t: t, journal: &devicetest.Journal{}, memory: &devicetest.Memory{}}
	b.bolt = &devicetest.Bolt{ID: cfg.ID, Traits: cfg.Traits, Turn: 2 * time.Second, Journal: b.journal}
	b.bolt.Change(func(r *device.LockReading) {
		r.Bolt, r.Energised = at, device.No
		if cfg.Traits.SensesDoor {
			r.DoorOpen = device.No
		}
	})
	b.start(cfg)
	time.Sleep(time.Second)
	return b
}

func (b *lockBench) start(cfg device.LockConfig) {
	b.t.Helper()
	lock, err := device.NewLock(cfg, b.bolt, device.Deps[device.LockState]{Journal: b.journal, Memory: b.memory})
	if err != nil {
		b.t.Fatal(err)
	}
	b.lock = lock
	ctx, cancel := context.WithCancel(b.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { lock.Run(ctx) })
	b.stop = func() { cancel(); wg.Wait() }
	synctest.Wait()
}

func (b *lockBench) do(a device.Action, c device.Cause) (device.Answer, error) {
	return b.lock.Command(context.Background(), device.Command{Action: a, Cause: c})
}

func (b *lockBench) throws(want int) {
	b.t.Helper()
	synctest.Wait()
	if got := len(b.bolt.Throws()); got != want {
		b.t.Fatalf("%d throws, want %d", got, want)
	}
	for _, err := range b.bolt.Violations() {
		b.t.Error(err)
	}
}

func (b *lockBench) state(bolt device.BoltPosition, target device.BoltTarget) device.LockState {
	b.t.Helper()
	synctest.Wait()
	s := b.lock.State()
	if s.Bolt != bolt || s.Target != target {
		b.t.Fatalf("the bolt is %v, target %v; want %v, %v", s.Bolt, s.Target, bolt, target)
	}
	return s
}

func TestLock(t *testing.T) {
	maglock := device.LockConfig{ID: "gate", Traits: device.BoltTraits{Drive: device.BoltDriveMaglock, FailSafe: true}}
	relock := motor()
	relock.AutoRelock = 30 * time.Second
	blind := device.LockConfig{ID: "shed", Traits: device.BoltTraits{Drive: device.BoltDriveMotor}}

	for _, c := range []struct {
		name string
		cfg  device.LockConfig
		at   device.BoltPosition
		run  func(t *testing.T, b *lockBench)
	}{
		{"a strike falls back", strike(), device.BoltSecured, func(t *testing.T, b *lockBench) {
			s := b.state(device.BoltSecured, device.BoltTargetSecured)
			if s.Confidence != device.ConfidenceInferred {
				t.Errorf("confidence %v", s.Confidence)
			}
			a, err := b.do(device.ActionUnlock, by("a"))
			accepted(t, a, err)
			b.state(device.BoltUnsecured, device.BoltTargetUnsecured)
			time.Sleep(4 * time.Second)
			b.state(device.BoltUnsecured, device.BoltTargetUnsecured)
			time.Sleep(2 * time.Second)
			s = b.state(device.BoltSecured, device.BoltTargetSecured)
			if s.Cause.Kind != device.CauseAutoRelock {
				t.Errorf("cause %v", s.Cause.Kind)
			}
			var kinds []device.EntryKind
			for _, r := range b.journal.Rows() {
				kinds = append(kinds, r.Kind)
			}
			want := []device.EntryKind{device.EntryIntent, device.EntryStarted, device.EntryOutcome, device.EntryReleased}
			if len(kinds) != len(want) {
				t.Fatalf("rows %v, want %v", kinds, want)
			}
			b.throws(1)
		}},
		{"a strike written while released", strike(), device.BoltSecured, func(t *testing.T, b *lockBench) {
			b.do(device.ActionUnlock, by("a"))
			time.Sleep(3 * time.Second)
			a, err := b.do(device.ActionUnlock, by("b"))
			if err != nil || !a.Already {
				t.Fatalf("%+v, %v", a, err)
			}
			b.throws(1)
			time.Sleep(2100 * time.Millisecond)
			b.state(device.BoltSecured, device.BoltTargetSecured)
			a, err = b.do(device.ActionUnlock, by("a")) // it was told that it fell back
			accepted(t, a, err)
			b.throws(2)
		}},
		{"lock a released strike", strike(), device.BoltSecured, func(t *testing.T, b *lockBench) {
			b.do(device.ActionUnlock, by("a"))
			time.Sleep(3 * time.Second)
			a, err := b.do(device.ActionLock, by("a"))
			accepted(t, a, err)
			b.state(device.BoltSecured, device.BoltTargetSecured)
			a, err = b.do(device.ActionLock, by("b"))
			if err != nil || !a.Already {
				t.Fatalf("%+v, %v", a, err)
			}
		}},
		{"a motor", motor(), device.BoltSecured, func(t *testing.T, b *lockBench) {
			a, err := b.do(device.ActionUnlock, by("a"))
			accepted(t, a, err)
			b.state(device.BoltSecured, device.BoltTargetUnsecured)
			a, err = b.do(device.ActionUnlock, by("b"))
			if err != nil || !a.Already {
				t.Fatalf("%+v, %v", a, err)
			}
			time.Sleep(3 * time.Second)
			if s := b.state(device.BoltUnsecured, device.BoltTargetUnsecured); s.Confidence != device.ConfidenceSensed || s.Cause != by("a") {
				t.Errorf("%+v", s)
			}
			b.throws(1)
		}},
		{"a jam", motor(), device.BoltUnsecured, func(t *testing.T, b *lockBench) {
			b.bolt.Jam(true)
			a, err := b.do(device.ActionLock, by("a"))
			accepted(t, a, err)
			time.Sleep(3 * time.Second)
			if s := b.lock.State(); s.Bolt != device.BoltJammed {
				t.Fatalf("%+v", s)
			}
			_, err = b.do(device.ActionLock, by("b"))
			code(t, err, device.RefusedJammed)
			b.throws(1)
			b.bolt.Jam(false)
			a, err = b.do(device.ActionUnlock, by("b"))
			accepted(t, a, err)
		}},
		{"an open door", motor(), device.BoltUnsecured, func(t *testing.T, b *lockBench) {
			b.bolt.Door(device.Yes)
			_, err := b.do(device.ActionLock, by("a"))
			code(t, err, device.RefusedDoorOpen)
			b.throws(0)
			b.bolt.Door(device.No)
			a, err := b.do(device.ActionLock, by("a"))
			accepted(t, a, err)
			b.throws(1)
		}},
		{"it locks itself", relock, device.BoltSecured, func(t *testing.T, b *lockBench) {
			b.do(device.ActionUnlock, by("a"))
			time.Sleep(10 * time.Second)
			b.bolt.Door(device.Yes)
			time.Sleep(5 * time.Minute)
			b.throws(1)
			b.bolt.Door(device.No)
			time.Sleep(29 * time.Second)
			b.throws(1)
			time.Sleep(5 * time.Second)
			b.throws(2)
			if s := b.state(device.BoltSecured, device.BoltTargetSecured); s.Cause.Kind != device.CauseAutoRelock {
				t.Errorf("cause %v", s.Cause.Kind)
			}
		}},
		{"it gives up locking itself", relock, device.BoltUnsecured, func(t *testing.T, b *lockBench) {
			b.bolt.Fail(errors.New("no power"))
			time.Sleep(time.Hour)
			b.throws(3)
		}},
		{"turned by hand", motor(), device.BoltSecured, func(t *testing.T, b *lockBench) {
			b.bolt.Put(device.BoltUnsecured)
			time.Sleep(time.Second)
			if s := b.state(device.BoltUnsecured, device.BoltTargetUnsecured); s.Cause.Kind != device.CauseOutside {
				t.Errorf("cause %v", s.Cause.Kind)
			}
			if rows := b.journal.Rows(device.EntryObserved); len(rows) != 1 || rows[0].State != "unsecured" {
				t.Errorf("rows %v", rows)
			}
		}},
		{"a maglock", maglock, device.BoltSecured, func(t *testing.T, b *lockBench) {
			a, err := b.do(device.ActionUnlock, by("a"))
			accepted(t, a, err)
			b.state(device.BoltUnsecured, device.BoltTargetUnsecured)
			time.Sleep(time.Second)
			_, err = b.do(device.ActionLock, by("a"))
			code(t, err, device.RefusedTooSoon)
		}},
		{"a motor that nothing sees", blind, device.BoltUnknown, func(t *testing.T, b *lockBench) {
			b.state(device.BoltUnknown, device.BoltTargetUnknown)
			a, err := b.do(device.ActionLock, by("a"))
			accepted(t, a, err)
			if s := b.state(device.BoltSecured, device.BoltTargetSecured); s.Confidence != device.ConfidenceTimed {
				t.Errorf("confidence %v", s.Confidence)
			}
		}},
		{"a lock that does not turn", motor(), device.BoltSecured, func(t *testing.T, b *lockBench) {
			b.bolt.Turn = 0
			b.do(device.ActionUnlock, by("a"))
			time.Sleep(11 * time.Second)
			b.state(device.BoltSecured, device.BoltTargetSecured)
			_, err := b.do(device.ActionUnlock, by("b"))
			code(t, err, device.RefusedFailed)
			b.throws(1)
		}},
		{"a sensor that hangs keeps nobody out", motor(), device.BoltSecured, func(t *testing.T, b *lockBench) {
			time.Sleep(10 * time.Second)
			end := b.bolt.Block()
			defer end()
			var wg sync.WaitGroup
			wg.Go(func() { time.Sleep(1500 * time.Millisecond); end() })
			a, err := b.do(device.ActionUnlock, keypad())
			accepted(t, a, err)
			wg.Wait()
		}},
		{"locked out, but not in", motor(), device.BoltSecured, func(t *testing.T, b *lockBench) {
			if err := b.lock.SetLockedOut(context.Background(), true, by("a")); err != nil {
				t.Fatal(err)
			}
			_, err := b.do(device.ActionUnlock, by("a"))
			code(t, err, device.RefusedLockedOut)
			a, err := b.do(device.ActionUnlock, keypad())
			accepted(t, a, err)
			time.Sleep(3 * time.Second)
			a, err = b.do(device.ActionLock, by("a"))
			accepted(t, a, err)
		}},
	} {
		bubble(t, c.name, func(t *testing.T) {
			b := newLockBench(t, c.cfg, c.at)
			c.run(t, b)
			b.stop()
		})
	}
}

func TestOneThrow(t *testing.T) {
	ms := time.Millisecond
	for _, cfg := range []device.LockConfig{strike(), motor()} {
		bubble(t, cfg.Traits.Drive.String(), func(t *testing.T) {
			b := newLockBench(t, cfg, device.BoltSecured)
			var wg sync.WaitGroup
			for i, after := range []time.Duration{0, 0, 75 * ms, 100 * ms, 150 * ms, 175 * ms, time.Second} {
				time.Sleep(after)
				wg.Go(func() { b.do(device.ActionUnlock, by([]string{"a", "b"}[i%2])) })
			}
			wg.Wait()
			b.throws(1)
			b.stop()
		})
	}
	bubble(t, "motor, again after 13 s", func(t *testing.T) {
		b := newLockBench(t, motor(), device.BoltSecured)
		b.do(device.ActionUnlock, by("a"))
		time.Sleep(13 * time.Second)
		a, err := b.do(device.ActionUnlock, by("a"))
		accepted(t, a, err)
		b.throws(1)
		b.stop()
	})
}

func TestContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &devicetest.Sensor{}
		j := &devicetest.Journal{}
		s.Set(device.No)
		c, err := device.NewContact(device.ContactConfig{ID: "window"}, s, device.Deps[device.ContactState]{Journal: j, Memory: &devicetest.Memory{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { c.Run(ctx) })
		time.Sleep(time.Second)
		if st := c.State(); st.Open != device.No || !st.Available {
			t.Fatalf("%+v", st)
		}
		s.Set(device.Yes)
		time.Sleep(200 * time.Millisecond)
		s.Set(device.No)
		time.Sleep(time.Second)
		if st := c.State(); st.Open != device.No || len(j.Rows()) != 0 {
			t.Fatalf("a bounce became %+v", st)
		}
		s.Set(device.Yes)
		time.Sleep(time.Second)
		if st := c.State(); st.Open != device.Yes || len(j.Rows(device.EntryObserved)) != 1 {
			t.Fatalf("%+v, %v", st, j.Rows())
		}
		cancel()
		wg.Wait()
	})
}
