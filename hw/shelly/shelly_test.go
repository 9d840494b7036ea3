package shelly

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board/boardtest"
)

var generations = map[string]func() *fake{
	"first":               func() *fake { return newFake(false) },
	"second":              func() *fake { return newFake(true) },
	"first with a login":  func() *fake { f := newFake(false); f.password = "garage door"; return f },
	"second with a login": func() *fake { f := newFake(true); f.password = "garage door"; return f },
}

func TestBoards(t *testing.T) {
	for name, make := range generations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			boardtest.Test(t, func(t *testing.T) boardtest.Rig { return newRig(t, make()).common() })
		})
	}
}

// relay lends the first relay of a device that may not be usable.
func relay(t *testing.T, r rig) hw.Output { t.Helper(); return boardtest.Relay(t, r.board, "switch-0") }

// A relay is lent while another one is being brought to rest, at a new connection: it comes with that connection.
func TestLentWhileAnotherIsBroughtToRest(t *testing.T) {
	t.Parallel()
	r := newRig(t, newFake(true))
	first := relay(t, r)
	boardtest.Here(t.Context(), first.Watch)
	watch := first.Watch(t.Context())
	r.wire.Cut()
	boardtest.Ended(t, watch)
	asked, answer := make(chan struct{}, 8), make(chan struct{})
	do(r.fake, func() bool { r.asked, r.hold = asked, answer; return true })
	r.wire.Heal()
	<-asked // how the first relay is set
	second := boardtest.Relay(t, r.board, "switch-1")
	close(answer)
	if !boardtest.Here(t.Context(), second.Watch) {
		t.Error("the second relay does not come with the first one")
	}
}

// A device whose own settings could move a door is not used, and the owner is told what to set.
func TestDangerousSettings(t *testing.T) {
	for name, spoil := range map[string]func(f *fake){
		"power-on default": func(f *fake) { f.initial = "restore_last" },
		"input mode":       func(f *fake) { f.mode = "follow" },
		"auto-on":          func(f *fake) { f.autoOn = true },
		"fixed address":    func(f *fake) { f.mac = "A8032AFFFFFF" },
	} {
		for generation, second := range map[string]bool{"first": false, "second": true} {
			t.Run(generation+": "+name, func(t *testing.T) {
				t.Parallel()
				f := newFake(second)
				spoil(f)
				f.Turn(0, true) // and even so it is not touched
				r := newRig(t, f)
				out := relay(t, r)
				var op *hw.OpError
				boardtest.Until(t, "the board knows why it is not used", func() bool {
					return errors.As(r.board.Why(), &op) && strings.Contains(op.Hint, name)
				})
				if err := out.Set(t.Context(), true, time.Second); !errors.Is(err, device.ErrUnavailable) {
					t.Errorf("an order: %v", err)
				}
				if f.Orders() != "" {
					t.Errorf("the device was told %s", f.Orders())
				}
			})
		}
	}
}

// A router gives the device's address to another one, while it is in use.
func TestAnotherDevice(t *testing.T) {
	for generation, second := range map[string]bool{"first": false, "second": true} {
		t.Run(generation, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, newFake(second))
			out := relay(t, r)
			boardtest.Here(t.Context(), out.Watch)
			do(r.fake, func() bool { r.mac = "A8032AFFFFFF"; return true })
			before := r.Clicks()
			boardtest.Until(t, "the device is not used", func() bool { return r.board.Why() != nil })
			if err := out.Set(t.Context(), true, time.Second); !errors.Is(err, device.ErrUnavailable) || r.Clicks() != before {
				t.Errorf("an order: %v", err)
			}
		})
	}
}

// What cannot be bounded by the device is refused; what can carries the device's own timer.
func TestTheDeviceEndsThePulse(t *testing.T) {
	r := newRig(t, newFake(true))
	if _, err := r.board.Output(t.Context(), "switch-1", hw.OutputOptions{}); err == nil {
		t.Error("a relay that shall stay is lent")
	}
	out := relay(t, r)
	boardtest.Here(t.Context(), out.Watch)
	if err := out.Set(t.Context(), true, 420*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	r.wire.Cut() // the bridge is gone
	boardtest.Until(t, "the relay is at rest", func() bool { return !r.High(0) })
	if got := r.Orders(); !strings.Contains(got, "0 true 500ms") {
		t.Errorf("told %s", got)
	}
}

// Somebody switches the relay in the vendor's app: it goes to rest, and nothing else.
func TestSomebodyElse(t *testing.T) {
	for generation, second := range map[string]bool{"first": false, "second": true} {
		t.Run(generation, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, newFake(second))
			out := relay(t, r)
			boardtest.Here(t.Context(), out.Watch)
			r.Turn(0, true)
			boardtest.Until(t, "the relay is at rest", func() bool { return !r.High(0) })
			if r.Clicks() != 0 || r.Orders() != "0 false" {
				t.Errorf("told %s", r.Orders())
			}
		})
	}
}

func TestOddAnswers(t *testing.T) {
	for _, odd := range []string{"", "{}", "null", "[]", `{"id":1}`, `{"id":99,"result":{}}`, "\x00", strings.Repeat("[", 100_000), `{"id":1,"result":{"sys":{"mac":7}}}`} {
		for _, second := range []bool{false, true} {
			f := newFake(second)
			f.odd = odd
			if odd == "" {
				f.greeting = "<html>a router</html>"
			}
			r := newRig(t, f)
			out := relay(t, r)
			if err := out.Set(t.Context(), true, time.Second); !errors.Is(err, device.ErrUnavailable) {
				t.Errorf("%.20q: %v", odd, err)
			}
			if err := r.board.Close(); err != nil {
				t.Errorf("%.20q: %v", odd, err)
			}
		}
	}
}

func TestChecks(t *testing.T) {
	good := defaults()
	good.URL, good.ID = "http://192.168.1.60", "shellyplus1-a8032ab12345"
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(c *Config){
		"url":    func(c *Config) { c.URL = "http://user:word@192.168.1.60" },
		"id":     func(c *Config) { c.ID = "shelly" },
		"relays": func(c *Config) { c.Relays, c.Inputs = 0, 0 },
		"poll":   func(c *Config) { c.Poll = time.Minute },
	} {
		c := good
		spoil(&c)
		if fields := hw.FieldErrors(c.Check()); len(fields) != 1 || fields[0].Field != field || fields[0].Remedy == "" {
			t.Errorf("%s: %v", field, c.Check())
		}
	}
	for _, id := range []string{"A8032AB12345", "a8:03:2a:b1:23:45", "shelly1-A8032AB12345"} {
		if got := (Address{ID: id}).mac(); got != fakeMAC {
			t.Errorf("%s is %q", id, got)
		}
	}
}

// The answer to a challenge, worked out apart with sha256sum.
func TestLogin(t *testing.T) {
	c, err := parseChallenge(`{"auth_type": "digest", "nonce": 1625038762, "nc": 1, "realm": "shellypro4pm-f008d1d8b8b8", "algorithm": "SHA-256"}`)
	if err != nil {
		t.Fatal(err)
	}
	got := c.proveWith("mysecretpassword", 313273957)
	if got.Response != "e80ca757a7752d0b71bcc050a2a8a8a22c05a79e444890b9b1eef24389ae24c2" {
		t.Errorf("response %s", got.Response)
	}
	for _, bad := range []string{"", "{}", "Unauthorized", `{"realm":"x","algorithm":"MD5"}`} {
		if _, err := parseChallenge(bad); err == nil {
			t.Errorf("%q is a challenge", bad)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"sys":{"mac":"A8032AB12345"},"switch:0":{"output":true},"input:0":{"state":null}}`))
	f.Add([]byte(`{"mac":"A8032AB12345","relays":[{"ison":true}],"inputs":[{"input":1}]}`))
	f.Add([]byte(`{"auth_type":"digest","nonce":1,"realm":"x","algorithm":"SHA-256"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		few := func(s status) {
			if len(s.Relays) > most || len(s.Inputs) > most {
				t.Error("more lines than a device may have")
			}
		}
		var first firstStatus
		if json.Unmarshal(data, &first) == nil {
			few(first.read(time.Now()))
		}
		var raw map[string]json.RawMessage
		if json.Unmarshal(data, &raw) == nil {
			if s, err := readStatus(raw, time.Now()); err == nil {
				few(s)
			}
		}
		if c, err := parseChallenge(string(data)); err == nil && len(c.prove("x").Response) != 64 {
			t.Error("a response that is none")
		}
	})
}
