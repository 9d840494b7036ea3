package sim

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/hw"
)

// house builds a world in a bubble, with a board that gives everything back at the end.
func house(t *testing.T, h House, speed float64) (*World, *Board) {
	t.Helper()
	w, err := New(h, speed)
	if err != nil {
		t.Fatal(err)
	}
	b := w.Board()
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		w.Close()
	})
	return w, b
}

// pass lets the bubble's time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// bubble is a test in which time is simulated, too.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func happen(t *testing.T, w *World, id, event string) {
	t.Helper()
	if err := w.Event(id, Event{Name: event}); err != nil {
		t.Fatal(err)
	}
}

// press gives a pulse on a relay.
func press(t *testing.T, b hw.Board, name string) func() {
	t.Helper()
	out, err := b.Output(t.Context(), name, hw.OutputOptions{Cap: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return func() {
		t.Helper()
		if err := out.Set(t.Context(), true, 400*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// reads returns the level of an input.
func reads(t *testing.T, b hw.Board, name string) func() bool {
	t.Helper()
	in, err := b.Input(t.Context(), name, hw.InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return func() bool {
		level, err := in.Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return level.Active
	}
}

func status(t *testing.T, w *World, id string) Status {
	t.Helper()
	s, err := w.Status(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Each cycle is walked through: what stands in a row is a press and what the door does a second later.
func TestCyclesOfAButton(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cycle Cycle
		open  bool
		want  []string
	}{
		{"open-stop-close-stop", OpenStopCloseStop, false, []string{"up", "no", "down", "no", "up"}},
		{"open-stop-close-stop from open", OpenStopCloseStop, true, []string{"down", "no", "up", "no", "down"}},
		{"reverses-on-close", ReversesOnClose, false, []string{"up", "no", "down", "up", "no"}},
		{"no-stop", NoStop, false, []string{"up", "down", "up", "down"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := garage("garage", "")
				spec.Cycle, spec.Open = tt.cycle, tt.open
				w, b := house(t, House{Doors: []DoorSpec{spec}}, 1)
				pulse := press(t, b, "garage/relay")
				for i, want := range tt.want {
					pulse()
					pass(2500 * time.Millisecond)
					if got := status(t, w, "garage").Moving; got != want {
						t.Fatalf("press %d: it moves %q, want %q", i+1, got, want)
					}
				}
			})
		})
	}
}

func TestTravelTakesItsTimeAndContactsFollow(t *testing.T) {
	for _, speed := range []float64{1, 7.5, 60} {
		synctest.Test(t, func(t *testing.T) {
			w, b := house(t, DemoHouse(), speed)
			pulse := press(t, b, "garage/relay")
			closed, open := reads(t, b, "garage/closed"), reads(t, b, "garage/open")
			if !closed() || open() {
				t.Fatal("a new house stands closed")
			}
			scale := func(d time.Duration) time.Duration { return time.Duration(float64(d) / speed) }
			pulse()
			pass(scale(time.Second))
			if closed() || open() {
				t.Error("a second later the door is at neither end")
			}
			pass(scale(10900 * time.Millisecond))
			if s := status(t, w, "garage"); s.Position >= 1 || s.Moving != "up" {
				t.Errorf("after 11.9 s: %+v, want nearly open", s)
			}
			pass(scale(200 * time.Millisecond))
			if s := status(t, w, "garage"); s.Position != 1 || s.Moving != "no" || !open() || closed() {
				t.Errorf("after 12.1 s: %+v, want open", s)
			}
			s := status(t, w, "garage")
			if s.Pulses != 1 || s.Edges != 1 || s.LastMove.Direction != "up" || s.LastMove.Cause != "relay" {
				t.Errorf("counted %+v, want one pulse", s)
			}
		})
	}
}

func TestObstruction(t *testing.T) {
	bubble(t, "a sectional door opens again", func(t *testing.T) {
		spec := garage("garage", "")
		spec.Open = true
		w, b := house(t, House{Doors: []DoorSpec{spec}}, 1)
		eye := reads(t, b, "garage/obstructed")
		press(t, b, "garage/relay")()
		pass(6 * time.Second)
		happen(t, w, "garage", Obstruct)
		pass(time.Second)
		if s := status(t, w, "garage"); s.Moving != "up" || !s.Obstructed || !eye() || s.LastMove.Cause != "obstruction" {
			t.Errorf("%+v, the eye sees %v; want it to go up", s, eye())
		}
		pass(12 * time.Second)
		if s := status(t, w, "garage"); s.Position != 1 || s.Pulses != 1 {
			t.Errorf("%+v, want open after the one pulse", s)
		}
	})
	bubble(t, "a gate stands still", func(t *testing.T) {
		spec := DemoHouse().Doors[1]
		spec.Open = true
		w, b := house(t, House{Doors: []DoorSpec{spec}}, 1)
		press(t, b, "gate/close-relay")()
		pass(6 * time.Second)
		happen(t, w, "gate", Obstruct)
		pass(20 * time.Second)
		if s := status(t, w, "gate"); s.Moving != "no" || s.Position < 0.1 || s.Position > 0.9 {
			t.Errorf("%+v, want it to stand half way", s)
		}
	})
	bubble(t, "nothing closes on what stands in the way", func(t *testing.T) {
		spec := garage("garage", "")
		spec.Open = true
		w, b := house(t, House{Doors: []DoorSpec{spec}}, 1)
		pulse := press(t, b, "garage/relay")
		happen(t, w, "garage", Obstruct)
		pulse()
		pass(5 * time.Second)
		if s := status(t, w, "garage"); s.Position != 1 || s.Pulses != 1 {
			t.Errorf("%+v, want it open after a pulse", s)
		}
		happen(t, w, "garage", Clear)
		pulse()
		pass(15 * time.Second)
		if s := status(t, w, "garage"); s.Position != 0 {
			t.Errorf("%+v, want it closed", s)
		}
	})
}

func TestInertia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		pulse := press(t, b, "garage/relay")
		pulse()
		pass(100 * time.Millisecond)
		if s := status(t, w, "garage"); s.Position <= 0 || s.Position > 0.002 {
			t.Errorf("0.1 s after the start it is at %v, want hardly any way", s.Position)
		}
		pass(3 * time.Second)
		pulse()
		at := status(t, w, "garage").Position
		pass(100 * time.Millisecond)
		if s := status(t, w, "garage"); s.Position <= at || s.Moving != "up" {
			t.Errorf("it stops at once: %+v", s)
		}
		pass(time.Second)
		s := status(t, w, "garage")
		if way := s.Position - at; s.Moving != "no" || way < 0.005 || way > 0.02 {
			t.Errorf("it coasts %v of the way, and then moves %q", way, s.Moving)
		}
	})
}

func TestFaults(t *testing.T) {
	bubble(t, "jammed", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		pulse := press(t, b, "garage/relay")
		pulse()
		pass(4 * time.Second)
		happen(t, w, "garage", Jam)
		at := status(t, w, "garage").Position
		pass(3 * time.Second)
		pulse()
		pass(10 * time.Second)
		if s := status(t, w, "garage"); s.Position != at || !s.Jammed || s.Pulses != 2 {
			t.Errorf("%+v, want it stuck at %v after two pulses", s, at)
		}
		happen(t, w, "garage", Unjam)
		happen(t, w, "garage", WallButton)
		pass(15 * time.Second)
		if s := status(t, w, "garage"); s.Position == at || s.LastMove.Cause != WallButton || s.Pulses != 2 {
			t.Errorf("%+v, want it moved by the wall button", s)
		}
	})
	bubble(t, "the relay sticks", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		pulse := press(t, b, "garage/relay")
		happen(t, w, "garage", StickRelay)
		pulse()
		pass(3 * time.Second)
		pulse()
		happen(t, w, "garage", WallButton)
		pass(time.Second)
		s := status(t, w, "garage")
		if s.Pulses != 2 || s.Edges != 1 || !s.Energised || s.Moving != "up" {
			t.Errorf("%+v, want two pulses of which the opener saw one", s)
		}
		happen(t, w, "garage", Unjam)
		pass(time.Second)
		pulse()
		pass(time.Second)
		if s := status(t, w, "garage"); s.Edges != 2 || s.Energised || s.Moving != "no" {
			t.Errorf("%+v, want the free relay to stop the door", s)
		}
	})
	bubble(t, "sensors are lost", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		closed, open := reads(t, b, "garage/closed"), reads(t, b, "garage/open")
		happen(t, w, "garage", LoseSensor)
		if closed() || open() {
			t.Error("a lost contact is made")
		}
		happen(t, w, "garage", RestoreSensor)
		if err := w.Event("garage", Event{Name: LoseSensor, Sensor: "open"}); err != nil {
			t.Fatal(err)
		}
		if !closed() {
			t.Error("the other contact is lost, too")
		}
		if err := w.Event("garage", Event{Name: LoseSensor, Sensor: "nose"}); !errors.Is(err, ErrNoEvent) {
			t.Errorf("error %v, want no such sensor", err)
		}
	})
}

// watched collects the levels of an input in a world that stands still otherwise.
func watched(t *testing.T, b hw.Board, name string, during func()) []hw.Level {
	t.Helper()
	in, err := b.Input(t.Context(), name, hw.InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []hw.Level)
	go func() {
		var all []hw.Level
		for level := range in.Watch(ctx) {
			all = append(all, level)
		}
		done <- all
	}()
	synctest.Wait()
	during()
	cancel()
	return <-done
}

func TestContactsBounce(t *testing.T) {
	bubble(t, "a little, when they change", func(t *testing.T) {
		_, b := house(t, DemoHouse(), 1)
		pulse := press(t, b, "garage/relay")
		levels := watched(t, b, "garage/open", func() {
			pulse()
			pass(20 * time.Second)
		})
		if len(levels) != 1+chatter+1 || levels[0].Active || !levels[len(levels)-1].Active {
			t.Fatalf("levels %+v, want open, a chatter, and made at the end", levels)
		}
		if took := levels[len(levels)-1].At.Sub(levels[1].At); took > 5*time.Millisecond {
			t.Errorf("it chatters for %v", took)
		}
	})
	bubble(t, "for three seconds of real time by event, however fast physics is", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 50)
		levels := watched(t, b, "garage/closed", func() {
			happen(t, w, "garage", Bounce)
			pass(20 * time.Second)
		})
		last := levels[len(levels)-1]
		took := last.At.Sub(levels[1].At)
		if !last.Active || took < 2500*time.Millisecond || took > 3500*time.Millisecond || len(levels) < 50 {
			t.Errorf("%d levels within %v, the last one %+v", len(levels), took, last)
		}
	})
}

// A warning counts while the lamp flashes: its dark halves do not end it, and its times stay real.
func TestLampAndBeeperAreTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := garage("garage", "")
		spec.Open = true
		w, b := house(t, House{Doors: []DoorSpec{spec}}, 30)
		lamp, err := b.Output(t.Context(), "garage/lamp", hw.OutputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 12 {
			if err := lamp.Set(t.Context(), i%2 == 0, 0); err != nil {
				t.Fatal(err)
			}
			pass(500 * time.Millisecond)
		}
		press(t, b, "garage/relay")()
		s := status(t, w, "garage")
		if s.Lamp.Edges != 6 || s.Lamp.Total != 3*time.Second || s.Lamp.Lasts != 6*time.Second || s.LastMove.Lamp != 6*time.Second {
			t.Errorf("the lamp %+v, the move %+v: want six flashes in six seconds before it", s.Lamp, s.LastMove)
		}
		if s.LastMove.Beeper != 0 || s.Beeper.Edges != 0 {
			t.Errorf("the beeper %+v was silent", s.Beeper)
		}
		pass(2 * time.Second)
		if s := status(t, w, "garage"); s.Lamp.Lasts != 0 {
			t.Errorf("two seconds later it still signals for %v", s.Lamp.Lasts)
		}
	})
}

func TestGateHasALineADirection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		open, shut, stop := press(t, b, "gate/open-relay"), press(t, b, "gate/close-relay"), press(t, b, "gate/stop-relay")
		for i, step := range []struct {
			pulse func()
			want  string
		}{{open, "up"}, {open, "up"}, {shut, "down"}, {open, "up"}, {stop, "no"}, {stop, "no"}, {shut, "down"}} {
			step.pulse()
			pass(2 * time.Second)
			if s := status(t, w, "gate"); s.Moving != step.want || s.Pulses != i+1 {
				t.Fatalf("step %d: %+v, want %q", i+1, s, step.want)
			}
		}
	})
}

func TestEventsThatCannotBe(t *testing.T) {
	w, _ := house(t, DemoHouse(), 1)
	for _, tt := range []struct {
		device string
		event  Event
		want   error
	}{
		{"garden", Event{Name: Jam}, ErrNoDevice},
		{"garage", Event{Name: "dance"}, ErrNoEvent},
		{"garage", Event{Name: Keypad, Digits: "1"}, ErrImpossible},
		{"front", Event{Name: Obstruct}, ErrImpossible},
		{"front", Event{Name: Keypad, Digits: "1"}, ErrImpossible},
		{"studio", Event{Name: Keypad, Digits: "12a"}, ErrNoEvent},
		{"studio", Event{Name: Keypad}, ErrNoEvent},
		{"studio", Event{Name: DoorOpen}, ErrImpossible},
	} {
		if err := w.Event(tt.device, tt.event); !errors.Is(err, tt.want) {
			t.Errorf("%s %+v: error %v, want %v", tt.device, tt.event, err, tt.want)
		}
	}
}

func TestHousesThatCannotStand(t *testing.T) {
	good := garage("a", "")
	slow := good
	slow.RunUp = time.Minute
	for name, h := range map[string]House{
		"two of one name":  {Doors: []DoorSpec{good, good}},
		"door and lock":    {Doors: []DoorSpec{good}, Locks: []LockSpec{bolt("a", "")}},
		"no id":            {Doors: []DoorSpec{garage("", "")}},
		"longer to run up": {Doors: []DoorSpec{slow}},
		"no travel":        {Locks: []LockSpec{{ID: "a"}}},
		"keypad's name":    {Locks: []LockSpec{{ID: "a", Drive: Strike, Keypad: "a"}}},
	} {
		if _, err := New(h, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(DemoHouse(), -1); err == nil {
		t.Error("time runs backwards")
	}
	if w, err := New(Size(70, 80), 1); err != nil || len(w.Devices()) != 150 {
		t.Errorf("a big house: %v", err)
	} else {
		w.Close()
	}
}
