package tasmota

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board/boardtest"
	"github.com/loquet/loquet/hw/tasmota/emulator"
)

func TestBoard(t *testing.T) {
	t.Parallel()
	boardtest.Test(t, func(t *testing.T) boardtest.Rig { return newRig(t).common() })
}

// relay lends the first relay of a device that may not be usable.
func relay(t *testing.T, r rig) hw.Output { t.Helper(); return boardtest.Relay(t, r.board, "relay-1") }

// A device whose own settings could leave a relay on or move it is not used, and the owner is told what to
// enter. Once that is done it is used, and nothing was moved on the way.
func TestDangerousSettings(t *testing.T) {
	for remedy, spoil := range map[string]func(s *emulator.Setup){
		"PulseTime1 10":  func(s *emulator.Setup) { s.Pulses[0] = 0 },
		"PulseTime1 10 ": func(s *emulator.Setup) { s.Pulses[0] = 130 },
		"PowerOnState 0": func(s *emulator.Setup) { s.PowerOn = 3 },
		"SetOption114 1": func(s *emulator.Setup) { s.Detached = false },
		"firmware":       func(s *emulator.Setup) { s.Old = true },
	} {
		t.Run(remedy, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.device.Set(spoil)
			r.device.Power(1, true) // and even so it is not touched
			out := relay(t, r)
			var op *hw.OpError
			boardtest.Until(t, "the board knows why it is not used", func() bool {
				return errors.As(r.board.Why(), &op) && strings.Contains(op.Hint, strings.TrimSpace(remedy))
			})
			if err := out.Set(t.Context(), true, time.Second); !errors.Is(err, device.ErrUnavailable) {
				t.Errorf("an order: %v", err)
			}
			if got := r.device.Orders(); got != "" {
				t.Errorf("the device was told %s", got)
			}
			r.device.Set(func(s *emulator.Setup) { s.Pulses[0], s.PowerOn, s.Detached, s.Old = 10, 0, true, false })
			boardtest.Here(t.Context(), out.Watch)
			if got := r.device.Orders(); got != "1 OFF" || r.device.Clicks() != 0 {
				t.Errorf("the device was told %s", got)
			}
		})
	}
}

// The device ends each pulse by itself: with the bridge gone, and for an order that is longer than its timer
// there is none.
func TestTheDeviceEndsThePulse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.board.Output(t.Context(), "relay-2", hw.OutputOptions{}); err == nil {
		t.Error("a relay that shall stay is lent")
	}
	out := relay(t, r) // PulseTime1 is 5
	boardtest.Here(t.Context(), out.Watch)
	var op *hw.OpError
	if err := out.Set(t.Context(), true, time.Second); !errors.As(err, &op) || !strings.Contains(op.Hint, "PulseTime1 10") || r.device.Clicks() != 0 {
		t.Errorf("an order that is longer than the timer: %v", err)
	}
	if err := out.Set(t.Context(), true, 400*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	r.turnOff(true)
	boardtest.Until(t, "the relay is at rest", func() bool { return !r.device.Relay(1) })
	if got := r.device.Orders(); got != "1 ON" {
		t.Errorf("told %s", got)
	}
}

// Somebody switches the relay on the device's page, and leaves it on: it goes to rest, and nothing else.
func TestSomebodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := relay(t, r)
	boardtest.Here(t.Context(), out.Watch)
	r.device.Set(func(s *emulator.Setup) { s.Pulses[0] = 10 })
	r.device.Press(1)
	boardtest.Until(t, "the relay is at rest", func() bool { return !r.device.Relay(1) })
	for _, order := range strings.Split(r.device.Orders(), ", ") {
		if order != "1 OFF" && order != "" {
			t.Errorf("told %s", order)
		}
	}
}

// An order that the broker keeps would move the door at each reconnection of the device: it is not used.
func TestAKeptOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := relay(t, r)
	boardtest.Here(t.Context(), out.Watch)
	r.deliver(hw.MQTTEvent{Up: true, Topic: "cmnd/garage/POWER1", Payload: []byte("ON"), Retained: true})
	var op *hw.OpError
	boardtest.Until(t, "it is not used", func() bool {
		return errors.As(r.board.Why(), &op) && strings.Contains(op.Hint, "retained")
	})
	r.deliver(hw.MQTTEvent{Up: true, Topic: "cmnd/garage/POWER1"})
	boardtest.Here(t.Context(), out.Watch)
	if got := r.device.Orders(); got != "" {
		t.Errorf("told %s", got)
	}
}

// What the broker kept of a contact is not believed, and a broker that is gone leaves nothing known.
func TestOnlyWhatIsSaidNow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	in, err := r.board.Input(t.Context(), "switch-1", hw.InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	boardtest.Here(t.Context(), in.Watch)
	r.deliver(hw.MQTTEvent{Up: true, Topic: "tele/garage/SENSOR", Payload: []byte(`{"Switch1":"ON"}`), Retained: true})
	before := time.Now()
	if level, err := in.Read(t.Context()); err != nil || level.Active || level.At.Before(before) {
		t.Errorf("%+v, %v", level, err)
	}
	watch := in.Watch(t.Context())
	<-watch
	r.turnOff(true)
	for range watch { // ends
	}
	if _, err := in.Read(t.Context()); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("without a broker: %v", err)
	}
	r.turnOff(false)
	boardtest.Here(t.Context(), in.Watch)
}

func TestChecks(t *testing.T) {
	good := defaults()
	good.Topic = "garage"
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(c *Config){
		"topic":      func(c *Config) { c.Topic = "garage/#" },
		"full_topic": func(c *Config) { c.FullTopic = "%topic%/" },
		"relays":     func(c *Config) { c.Relays = 0 },
		"poll":       func(c *Config) { c.Poll = time.Minute },
	} {
		c := good
		spoil(&c)
		if fields := hw.FieldErrors(c.Check()); len(fields) != 1 || fields[0].Field != field || fields[0].Remedy == "" {
			t.Errorf("%s: %v", field, c.Check())
		}
	}
	good.FullTopic = "home/%topic%/%prefix%/"
	if got := good.at("cmnd", "POWER1"); got != "home/garage/cmnd/POWER1" {
		t.Error(got)
	}
}

// PulseTime counts tenths of a second up to 111, and seconds from 112 on.
func TestPulseTime(t *testing.T) {
	for set, want := range map[int]time.Duration{0: 0, 1: 100 * time.Millisecond, 111: 11100 * time.Millisecond, 112: 12 * time.Second, 64900: 18 * time.Hour} {
		if got := pulse(set); got != want {
			t.Errorf("%d: %v", set, got)
		}
	}
	for d, want := range map[time.Duration]int{time.Millisecond: 1, 400 * time.Millisecond: 4, 401 * time.Millisecond: 5, 5 * time.Second: 50, 12 * time.Second: 112} {
		if got := pulseFor(d); got != want {
			t.Errorf("%v: %d", d, got)
		}
	}
}

// Messages as devices send them.
func TestMessages(t *testing.T) {
	for file, check := range map[string]func(said) bool{
		"STATUS11.json": func(s said) bool {
			return s.answers == "StatusSTS" && len(s.relays) == 2 && s.relays[1] && !s.relays[2]
		},
		"STATUS10.json": func(s said) bool {
			return s.answers == "StatusSNS" && len(s.switches) == 2 && !s.switches[1] && s.switches[2]
		},
		"SENSOR.json":         func(s said) bool { return s.answers == "" && s.switches[1] },
		"RESULT-pulse.json":   func(s said) bool { return s.pulses[1] == 5 },
		"RESULT-switch.json":  func(s said) bool { return s.moved && len(s.switches) == 0 },
		"RESULT-power.json":   func(s said) bool { on, ok := s.relays[1]; return ok && on },
		"RESULT-option.json":  func(s said) bool { return s.options["SetOption114"] == "ON" },
		"RESULT-state.json":   func(s said) bool { return s.options["PowerOnState"] == "0" },
		"RESULT-unknown.json": func(s said) bool { return s.unknown },
	} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := parse("RESULT", data); !ok || !check(s) {
			t.Errorf("%s: %+v", file, s)
		}
	}
	if s, ok := parse("POWER2", []byte("ON")); !ok || !s.relays[2] {
		t.Errorf("%+v", s)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("RESULT", data)
	}
	f.Add("POWER3", []byte("OFF"))
	f.Fuzz(func(t *testing.T, leaf string, data []byte) {
		s, _ := parse(leaf, data)
		if len(s.relays) > most || len(s.switches) > most || len(s.pulses) > most || len(s.options) > 2 {
			t.Error("more than a device may have")
		}
		for n, set := range s.pulses {
			_ = settings{pulse: set, powerOn: s.options["PowerOnState"]}.wrong(n, false, time.Second)
		}
	})
}
