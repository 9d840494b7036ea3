package mqtt

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// relayWire is a wire with a switch behind it that takes orders at once.
type relayWire struct {
	*wire
	timer time.Duration // its own; 0: it has none
	deaf  bool          // it does not follow orders to switch on
	since *time.Timer
}

func (w *relayWire) Publish(ctx context.Context, topic string, payload []byte) error {
	if err := w.wire.Publish(ctx, topic, payload); err != nil || topic != "plug/set" {
		return err
	}
	if w.since != nil {
		w.since.Stop()
	}
	if string(payload) == "ON" && w.deaf {
		return nil
	}
	w.hear("plug/state", string(payload), false)
	if string(payload) == "ON" && w.timer > 0 {
		w.since = time.AfterFunc(w.timer, func() { w.hear("plug/state", "OFF", false) })
	}
	return nil
}

// switched is a house with a switch, in a bubble of time.
type switched struct {
	*relayWire
	board    *Switch
	out      hw.Output
	env      *hw.Env
	mu       *sync.Mutex
	problems *[]string
}

func (s switched) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(*s.problems)
}

// openSwitch opens a switch that keeps what it must not forget in folder; it is there, and off.
func openSwitch(t *testing.T, folder string, c SwitchConfig, timer time.Duration) switched {
	t.Helper()
	w := &relayWire{wire: &wire{events: make(chan hw.MQTTEvent, 64)}, timer: timer}
	w.events <- hw.MQTTEvent{Up: true}
	s := switched{relayWire: w, env: hw.NewEnv(zerolog.Nop()), mu: new(sync.Mutex), problems: new([]string)}
	s.env.UseMQTT(w)
	s.env.KeepIn(folder)
	s.env.Report = func(p hw.Problem, detail string, on bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		*s.problems = append(*s.problems, map[bool]string{true: "", false: "over: "}[on]+string(p)+" "+detail)
	}
	var err error
	if s.board, err = OpenSwitch(t.Context(), s.env.For("plug"), c); err != nil {
		t.Fatal(err)
	}
	w.hear("plug/LWT", "online", true)
	if c.State != "" {
		w.hear("plug/state", "OFF", true)
	}
	if s.out, err = s.board.Output(t.Context(), "relay-1", hw.OutputOptions{Cap: time.Second}); err != nil {
		t.Fatal(err)
	}
	s.settle()
	return s
}

// settle lets the frame try to connect again.
func (s switched) settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func (s switched) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(s.board.Close(), s.env.Close()); err != nil {
		t.Error(err)
	}
}

// pulse is one of 300 ms, and all of what comes of it.
func (s switched) pulse(t *testing.T) error {
	t.Helper()
	err := s.out.Set(t.Context(), true, 300*time.Millisecond)
	time.Sleep(5 * time.Second)
	synctest.Wait()
	return err
}

func (s switched) orders(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, order := range s.sent() {
		got = append(got, strings.TrimPrefix(order, "plug/set "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("it was told %q, want %q", got, want)
	}
}

// The first pulse is the device's own to end; once it was seen to, pulses are as long as they are asked for.
func TestTheFirstPulseEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSwitch(t, t.TempDir(), switchConfig(), time.Second)
		s.orders(t) // it was off
		for i, want := range [][]string{{"ON"}, {"ON", "ON", "OFF"}} {
			if err := s.pulse(t); err != nil {
				t.Fatal(err)
			}
			s.orders(t, want...)
			if level, ok := s.out.Last(); !ok || level.Active || len(s.told()) != 0 {
				t.Errorf("pulse %d: %+v, %v, %q", i, level, ok, s.told())
			}
		}
		s.close(t)
	})
}

// A device that does not end it is switched off, told of, and not used again: not in this run and not in the next,
// until a person confirms that very failure.
func TestOneThatStaysOnIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		s := openSwitch(t, folder, switchConfig(), 0)
		if err := s.pulse(t); err != nil {
			t.Fatal(err)
		}
		s.orders(t, "ON", "OFF")
		var op *hw.OpError
		if err := s.board.Why(); !errors.As(err, &op) || !strings.Contains(op.Hint, "confirmed: ") {
			t.Fatalf("%v", err)
		}
		if told := s.told(); len(told) != 1 || !strings.HasPrefix(told[0], "mqtt-auto-off plug: ") {
			t.Errorf("told %q", told)
		}
		if err := s.pulse(t); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("a second pulse: %v", err)
		}
		s.orders(t, "ON", "OFF")
		s.close(t)

		_, word, _ := strings.Cut(op.Hint, `confirmed: "`)
		word, _, _ = strings.Cut(word, `"`)
		for _, confirmed := range []string{"", "yes", word} {
			c := switchConfig()
			c.Confirmed = confirmed
			s := openSwitch(t, folder, c, time.Second)
			err := s.pulse(t)
			if right := confirmed == word; right != (err == nil) || right == (s.board.Why() != nil) || len(s.told()) != 1 ||
				right != strings.HasPrefix(s.told()[0], "over: ") {
				t.Errorf("confirmed %q: %v, %v, told %q", confirmed, err, s.board.Why(), s.told())
			}
			s.close(t)
		}
	})
}

// A pulse that is ended early says nothing of the timer, in either way.
func TestAnEarlyEndSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSwitch(t, t.TempDir(), switchConfig(), 0)
		if err := s.out.Set(t.Context(), true, 300*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		if err := s.out.Set(t.Context(), false, 0); err != nil {
			t.Fatal(err)
		}
		s.orders(t, "ON", "OFF")
		if s.board.Why() != nil || len(s.told()) != 0 || !s.board.relay.unseen() {
			t.Errorf("%v, %q", s.board.Why(), s.told())
		}
		s.close(t)
	})
}

// Without a state topic an order is what the broker took; it is brought to rest when it comes, and nothing is proven.
func TestSwitchWithoutAState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := switchConfig()
		c.State = ""
		s := openSwitch(t, t.TempDir(), c, 0)
		s.orders(t, "OFF")
		if err := s.pulse(t); err != nil {
			t.Fatal(err)
		}
		s.orders(t, "OFF", "ON", "OFF")
		s.close(t)
	})
}

// An order that the device does not follow is sent once, and unsure.
func TestAnOrderWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSwitch(t, t.TempDir(), switchConfig(), time.Second)
		s.deaf = true
		if err := s.pulse(t); !errors.Is(err, device.ErrUnsure) {
			t.Errorf("%v", err)
		}
		// Where it is, nobody knew: it is brought to rest, by the end of the pulse and by a new beginning, or by one of them.
		if got := s.sent(); len(got) < 2 || got[0] != "plug/set ON" || slices.Contains(got[1:], "plug/set ON") {
			t.Errorf("it was told %q", got)
		}
		s.close(t)
	})
}

// What stands in the way of using a switch, with nothing sent meanwhile; and that it is used when that is over.
func TestSwitchNotUsed(t *testing.T) {
	for name, c := range map[string]struct{ spoil, heal func(s switched) }{
		"offline": {func(s switched) { s.hear("plug/LWT", "offline", false) }, func(s switched) {
			s.hear("plug/LWT", "online", false)
			s.hear("plug/state", "OFF", false)
		}},
		"no broker": {func(s switched) { s.events <- hw.MQTTEvent{} }, func(s switched) {
			s.events <- hw.MQTTEvent{Up: true}
			s.hear("plug/LWT", "online", true)
			s.hear("plug/state", "OFF", true)
		}},
		"a kept order": {func(s switched) { s.hear("plug/set", "ON", true) }, func(s switched) { s.hear("plug/set", "", false) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openSwitch(t, t.TempDir(), switchConfig(), time.Second)
				c.spoil(s)
				s.settle()
				if err := s.pulse(t); !errors.Is(err, device.ErrUnavailable) || s.board.Why() == nil {
					t.Errorf("%v", err)
				}
				s.orders(t)
				c.heal(s)
				time.Sleep(time.Minute)
				synctest.Wait()
				s.orders(t)
				if err := s.pulse(t); err != nil {
					t.Error(err)
				}
				s.orders(t, "ON")
				s.close(t)
			})
		})
	}
}

// What somebody else leaves on is brought to rest. An output that is to be away for longer than the device lets it, or
// may be for less, is not energised.
func TestSwitchLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSwitch(t, t.TempDir(), switchConfig(), time.Second)
		s.hear("plug/state", "ON", false)
		s.settle()
		s.orders(t, "OFF")
		s.close(t)
	})
	synctest.Test(t, func(t *testing.T) {
		c := switchConfig()
		c.AutoOff = 200 * time.Millisecond
		s := openSwitch(t, t.TempDir(), c, c.AutoOff)
		var op *hw.OpError
		if err := s.pulse(t); !errors.As(err, &op) || !strings.Contains(op.Hint, "300ms") {
			t.Errorf("%v", err)
		}
		s.orders(t)
		s.close(t)
	})
	synctest.Test(t, func(t *testing.T) {
		c := switchConfig()
		c.AutoOff = 2 * time.Second
		s := openSwitch(t, t.TempDir(), c, c.AutoOff)
		if err := s.pulse(t); !errors.Is(err, device.ErrUnavailable) || !strings.Contains(s.board.Why().Error(), "2s") {
			t.Errorf("%v, %v", err, s.board.Why())
		}
		s.orders(t)
		if _, err := s.board.Output(t.Context(), "relay-1", hw.OutputOptions{}); err == nil {
			t.Error("a relay that shall stay is lent")
		}
		s.close(t)
	})
}

func TestSwitchCheck(t *testing.T) {
	if err := switchConfig().Check(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(c *SwitchConfig){
		"auto_off":     func(c *SwitchConfig) { c.AutoOff = 0 },
		"auto_off ":    func(c *SwitchConfig) { c.AutoOff = time.Minute },
		"command":      func(c *SwitchConfig) { c.Command = "plug/+/set" },
		"off":          func(c *SwitchConfig) { c.On, c.Off, c.StateOn, c.StateOff = "TOGGLE", "TOGGLE", "1", "0" },
		"state_off":    func(c *SwitchConfig) { c.StateOff = "ON" },
		"state":        func(c *SwitchConfig) { c.State = c.Command },
		"ask":          func(c *SwitchConfig) { c.State, c.Ask = "", "plug/get" },
		"availability": func(c *SwitchConfig) { c.Availability = "" },
	} {
		c := switchConfig()
		spoil(&c)
		if got := hw.FieldErrors(c.Check()); len(got) != 1 || got[0].Field != strings.TrimSpace(field) || got[0].Remedy == "" {
			t.Errorf("%s: %v", field, got)
		}
	}
	c := switchConfig()
	if _, what, _ := c.Unproven(); what != "" {
		t.Error(what)
	}
	c.State = ""
	if field, what, remedy := c.Unproven(); field != "auto_off" || what == "" || remedy == "" {
		t.Error("nobody is told what cannot be known")
	}
}
