package mqtt

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

// wire is a broker in memory with one device behind it.
type wire struct {
	mu     sync.Mutex
	said   []string
	down   bool
	events chan hw.MQTTEvent
	asked  func() // by the ask topic
}

func (w *wire) Publish(ctx context.Context, topic string, payload []byte) error {
	w.mu.Lock()
	down, asked := w.down, w.asked
	if !down && topic != "barn/get" {
		w.said = append(w.said, topic+" "+string(payload))
	}
	w.mu.Unlock()
	if down {
		return device.ErrUnavailable
	}
	if topic == "barn/get" && asked != nil {
		asked()
	}
	return ctx.Err()
}

func (w *wire) Listen(context.Context, ...string) <-chan hw.MQTTEvent { return w.events }

func (w *wire) hear(topic, payload string, kept bool) {
	w.events <- hw.MQTTEvent{Up: true, Topic: topic, Payload: []byte(payload), Retained: kept, Taken: time.Now()}
}

func (w *wire) sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.said)
}

func newWire() (*wire, *hw.Env) {
	w := &wire{events: make(chan hw.MQTTEvent, 64)}
	env := hw.NewEnv(zerolog.Nop())
	env.UseMQTT(w)
	w.events <- hw.MQTTEvent{Up: true}
	return w, env
}

func coverConfig() CoverConfig {
	return CoverConfig{Command: "barn/set", State: "barn/state", Stop: "STOP", Obstruction: "barn/eye", Source: Source{Availability: "barn/LWT"}}
}

func TestCover(t *testing.T) {
	hwtest.TestOpener(t, func(t *testing.T) hwtest.OpenerRig {
		w, env := newWire()
		c, err := OpenCover(t.Context(), env.For("barn"), coverConfig())
		if err != nil {
			t.Fatal(err)
		}
		w.hear("barn/LWT", "online", true)
		w.hear("barn/state", "closed", true)
		<-c.Readings(t.Context())
		return hwtest.OpenerRig{
			Opener: c, Traits: coverConfig().Traits(),
			Move: func(p device.Place) {
				w.hear("barn/state", map[device.Place]string{device.PlaceClosed: "closed", device.PlaceBetween: "stopped", device.PlaceOpen: "open"}[p], false)
			},
			Peer: hwtest.Peer{Device: "barn", Clicks: func() int { return len(w.sent()) }, Energised: func() bool { return false }, Close: env.Close, Maintained: true},
		}
	})
}

func TestLock(t *testing.T) {
	hwtest.TestBolt(t, func(t *testing.T) hwtest.BoltRig {
		w, env := newWire()
		config := LockConfig{Command: "barn/set", State: "barn/state", Source: Source{Availability: "barn/LWT", Field: "lock.state"}}
		l, err := OpenLock(t.Context(), env.For("barn"), config)
		if err != nil {
			t.Fatal(err)
		}
		w.hear("barn/state", `{"lock":{"state":"LOCKED"}}`, true)
		w.hear("barn/LWT", "online", true)
		<-l.Readings(t.Context())
		return hwtest.BoltRig{
			Bolt: l, Traits: config.Traits(), Target: device.BoltTargetUnsecured,
			Move: func(p device.BoltPosition) {
				w.hear("barn/state", map[device.BoltPosition]string{device.BoltSecured: `{"lock":{"state":"LOCKED"}}`, device.BoltUnsecured: `{"lock":{"state":"UNLOCKED"}}`}[p], false)
			},
			Peer: hwtest.Peer{Device: "barn", Clicks: func() int { return len(w.sent()) }, Energised: func() bool { return false }, Close: env.Close, Maintained: true},
		}
	})
}

// cover runs f on a cover in a bubble of time.
func cover(t *testing.T, name string, config CoverConfig, f func(t *testing.T, w *wire, c *Cover)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, env := newWire()
			c, err := OpenCover(t.Context(), env.For("barn"), config)
			if err != nil {
				t.Fatal(err)
			}
			f(t, w, c)
			if err := env.Close(); err != nil {
				t.Error(err)
			}
		})
	})
}

func at(c *Cover) device.Place {
	synctest.Wait()
	r, there := c.feed.Last()
	if !there {
		return 99
	}
	return r.At
}

const away device.Place = 99

func TestWhatIsBelieved(t *testing.T) {
	cover(t, "what was kept, only from a device that is online", coverConfig(), func(t *testing.T, w *wire, c *Cover) {
		w.hear("barn/state", "closed", true)
		if got := at(c); got != away {
			t.Errorf("believed: %v", got)
		}
		w.hear("barn/LWT", "online", true)
		if got := at(c); got != device.PlaceClosed {
			t.Errorf("not believed: %v", got)
		}
		w.hear("barn/LWT", "offline", false)
		if got := at(c); got != away {
			t.Errorf("offline, and %v", got)
		}
		w.hear("barn/LWT", "online", false)
		if got := at(c); got != away {
			t.Errorf("it says nothing yet, and is %v", got)
		}
	})
	asking := CoverConfig{Command: "barn/set", State: "barn/state", Source: Source{Ask: "barn/get"}}
	cover(t, "what was kept, never without an availability", asking, func(t *testing.T, w *wire, c *Cover) {
		w.hear("barn/state", "closed", true)
		if got := at(c); got != away {
			t.Errorf("believed: %v", got)
		}
	})
	cover(t, "silence is not closed", asking, func(t *testing.T, w *wire, c *Cover) {
		w.hear("barn/state", "closed", false)
		if got := at(c); got != device.PlaceClosed {
			t.Fatal(got)
		}
		time.Sleep(silentAfter + 2*time.Second)
		if got := at(c); got != away {
			t.Errorf("after half a silent minute: %v", got)
		}
	})
	cover(t, "without a broker nothing is known, and nothing is sent later", coverConfig(), func(t *testing.T, w *wire, c *Cover) {
		w.hear("barn/LWT", "online", true)
		w.hear("barn/state", "closed", true)
		w.events <- hw.MQTTEvent{}
		w.mu.Lock()
		w.down = true
		w.mu.Unlock()
		if got := at(c); got != away {
			t.Errorf("%v", got)
		}
		if err := c.Trigger(t.Context(), device.TargetOpen); !errors.Is(err, device.ErrUnavailable) {
			t.Error(err)
		}
		w.mu.Lock()
		w.down = false
		w.mu.Unlock()
		w.events <- hw.MQTTEvent{Up: true}
		w.hear("barn/LWT", "online", true)
		w.hear("barn/state", "closed", true)
		time.Sleep(time.Minute)
		if got := at(c); got != device.PlaceClosed || len(w.sent()) != 0 {
			t.Errorf("%v, sent %q", got, w.sent())
		}
	})
	cover(t, "words that nobody knows are unknown", coverConfig(), func(t *testing.T, w *wire, c *Cover) {
		w.hear("barn/LWT", "online", true)
		w.hear("barn/state", "ajar", false)
		if got := at(c); got != device.PlaceUnknown {
			t.Error(got)
		}
	})
}

// Of several topics that say whether the device is there, the mode decides which are needed.
func TestPresence(t *testing.T) {
	two := []Presence{{Topic: "barn/LWT"}, {Topic: "bridge", Online: "yes", Offline: "no", Field: "state"}}
	for mode, want := range map[string][]device.Place{
		// after: one is there, both are, the second is gone, the first is gone as well, the first is back
		"":       {away, device.PlaceClosed, away, away, away},
		"all":    {away, device.PlaceClosed, away, away, away},
		"any":    {device.PlaceClosed, device.PlaceClosed, device.PlaceClosed, away, device.PlaceClosed},
		"latest": {device.PlaceClosed, device.PlaceClosed, away, away, device.PlaceClosed},
	} {
		config := CoverConfig{Command: "barn/set", State: "barn/state", Source: Source{Presence: two, Mode: mode}}
		cover(t, "mode "+mode, config, func(t *testing.T, w *wire, c *Cover) {
			for i, say := range [][2]string{{"barn/LWT", "online"}, {"bridge", `{"state":"yes"}`}, {"bridge", `{"state":"no"}`}, {"barn/LWT", "offline"}, {"barn/LWT", "online"}} {
				w.hear(say[0], say[1], false)
				w.hear("barn/state", "closed", true)
				if got := at(c); got != want[i] {
					t.Errorf("after %v: %v, want %v", say, got, want[i])
				}
			}
		})
	}
}

func TestWordsAndNumbers(t *testing.T) {
	own := coverConfig()
	own.Words = CoverWords{Open: "up", Closed: "down"}
	cover(t, "words of its own", own, func(t *testing.T, w *wire, c *Cover) {
		w.hear("barn/LWT", "online", true)
		for word, want := range map[string]device.Place{"up": device.PlaceOpen, "down": device.PlaceClosed, "closed": device.PlaceUnknown, "stopped": device.PlaceBetween} {
			w.hear("barn/state", word, false)
			if got := at(c); got != want {
				t.Errorf("%s: %v", word, got)
			}
		}
	})
	none, all := 100, 0
	cover(t, "a number", CoverConfig{Command: "barn/set", Position: "barn/pos", OpenAt: &all, ClosedAt: &none, Source: Source{Availability: "barn/LWT"}}, func(t *testing.T, w *wire, c *Cover) {
		w.hear("barn/LWT", "online", true)
		for word, want := range map[string]device.Place{"0": device.PlaceOpen, "100": device.PlaceClosed, "40": device.PlaceBetween, "101": device.PlaceUnknown, "NaN": device.PlaceUnknown, "open": device.PlaceUnknown} {
			w.hear("barn/pos", word, false)
			if got := at(c); got != want {
				t.Errorf("%s: %v", word, got)
			}
		}
	})
	l := LockWords{Locked: "1", Unlocked: "0"}
	for value, want := range map[string]string{"1": "locked", "0": "unlocked", "LOCKED": "", "unlock": "", "JAMMED": "jammed"} {
		if got := l.usual(value); got != want {
			t.Errorf("%s is %q", value, got)
		}
	}
}

func TestCoverOrders(t *testing.T) {
	cover(t, "each is sent once", CoverConfig{Ratgdo: "home/ratgdo"}, func(t *testing.T, w *wire, c *Cover) {
		w.hear("home/ratgdo/status/availability", "online", true)
		w.hear("home/ratgdo/status/obstruction", "obstructed", true)
		w.hear("home/ratgdo/status/door", "open", true)
		synctest.Wait()
		if r, _ := c.feed.Last(); r.Obstructed != device.Yes || r.At != device.PlaceOpen {
			t.Errorf("%+v", r)
		}
		for _, err := range []error{c.Trigger(t.Context(), device.TargetClosed), c.Stop(t.Context()), c.Trigger(t.Context(), device.TargetOpen)} {
			if err != nil {
				t.Error(err)
			}
		}
		w.hear("home/ratgdo/status/door", "closing", false)
		synctest.Wait()
		if err := c.Trigger(t.Context(), device.TargetClosed); err != nil {
			t.Error(err)
		}
		want := []string{"home/ratgdo/command/door close", "home/ratgdo/command/door stop", "home/ratgdo/command/door open"}
		if got := w.sent(); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
	asking := coverConfig()
	asking.Ask = "barn/get"
	cover(t, "it is asked", asking, func(t *testing.T, w *wire, c *Cover) {
		w.hear("barn/LWT", "online", true)
		if _, err := c.Refresh(t.Context()); err == nil {
			t.Error("nobody answered")
		}
		w.mu.Lock()
		w.asked = func() { w.hear("barn/state", "open", false) }
		w.mu.Unlock()
		before := time.Now()
		if r, err := c.Refresh(t.Context()); err != nil || r.At != device.PlaceOpen || r.Taken.Before(before) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, env := newWire()
		s, err := OpenContact(t.Context(), env.For("barn"), ContactConfig{State: "barn/state", Source: Source{Availability: "barn/LWT"}})
		if err != nil {
			t.Fatal(err)
		}
		w.hear("barn/LWT", "online", true)
		for word, want := range map[string]device.Tri{"ON": device.Yes, "OFF": device.No, "maybe": device.Unknown} {
			w.hear("barn/state", word, false)
			synctest.Wait()
			if r, _ := s.feed.Last(); r.Open != want {
				t.Errorf("%s: %v", word, r.Open)
			}
		}
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCheck(t *testing.T) {
	if err := coverConfig().Check(); err != nil {
		t.Error(err)
	}
	if err := (CoverConfig{Ratgdo: "home/ratgdo"}).Check(); err != nil {
		t.Error(err)
	}
	change := func(f func(*CoverConfig)) CoverConfig {
		c := coverConfig()
		f(&c)
		return c
	}
	for field, c := range map[string]hw.Checker{
		"command":      change(func(c *CoverConfig) { c.Command = "" }),
		"state":        change(func(c *CoverConfig) { c.State = "barn/+/state" }),
		"close":        change(func(c *CoverConfig) { c.Open, c.Close = "TOGGLE", "TOGGLE" }),
		"availability": change(func(c *CoverConfig) { c.Availability = "" }),
		"ratgdo":       change(func(c *CoverConfig) { c.Ratgdo = "x" }),
		"unlock":       LockConfig{Command: "a", State: "b", Lock: "X", Unlock: "X", Source: Source{Ask: "c"}},
		"closed":       ContactConfig{State: "b", Open: "X", Closed: "X", Source: Source{Ask: "c"}},
	} {
		if got := hw.FieldErrors(c.Check()); len(got) != 1 || got[0].Field != field || got[0].Remedy == "" {
			t.Errorf("%s: %v", field, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"door":{"state":"open"}}`), "door.state")
	f.Add([]byte("closed"), "")
	f.Fuzz(func(t *testing.T, payload []byte, field string) {
		if v, err := read(payload, field); err == nil && len(v) > maxText {
			t.Errorf("%d bytes", len(v))
		}
	})
}
