package shelly

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

// motor is what is set up as a cover on a simulated device: guarded by fake.mu.
type motor struct {
	position int     // per cent; -1: it was never calibrated
	moving   way     // empty: it stands
	holds    bool    // it does not get there before a test lets it
	initial  string  // what it does when power comes; "stopped" in either generation's word if empty
	longest  float64 // its own maximum times, in seconds
	reason   string  // first generation: why it stopped
	source   string  // second: who or what
	wrong    []string
	safety   bool
	calib    bool
	orders   []string
}

func (m *motor) run(to way) {
	m.orders = append(m.orders, string(to))
	m.reason, m.source, m.wrong = "normal", "limit_switch", nil
	m.moving = to
	if to == wayStop || !m.holds {
		m.arrive()
	}
}

// arrive is the motor at the end of its way, or stopped.
func (m *motor) arrive() {
	switch {
	case m.moving == wayOpen && m.position >= 0:
		m.position = 100
	case m.moving == wayClose && m.position >= 0:
		m.position = 0
	}
	m.moving = ""
}

// plain is the first generation, with the field of a captured Shelly 2.5.
func (m *motor) plain(w http.ResponseWriter, r *http.Request, mac string) {
	word := map[way]string{"": "stop", wayOpen: "open", wayClose: "close"}
	roller := func() string {
		return fmt.Sprintf(`{"state":%q,"source":"http","power":0.00,"is_valid":true,"safety_switch":%v,"overtemperature":false,"stop_reason":%q,"last_direction":"close","current_pos":%d,"calibrating":%v,"positioning":%v}`,
			word[m.moving], m.safety, m.reason, m.position, m.calib, m.position >= 0)
	}
	switch r.URL.Path {
	case "/status":
		fmt.Fprintf(w, `{"mac":%q,"relays":[{"ison":false},{"ison":false}],"rollers":[%s],"inputs":[{"input":0}]}`, mac, roller())
	case "/settings/roller/0":
		initial := m.initial
		if initial == "" {
			initial = "stop"
		}
		fmt.Fprintf(w, `{"maxtime":20.00,"maxtime_open":%.2f,"maxtime_close":%.2f,"default_state":%q,"swap":false,"input_mode":"openclose","button_type":"toggle","obstacle_mode":"while_closing","safety_mode":"while_opening"}`,
			m.longest, m.longest/2, initial)
	case "/roller/0":
		m.run(way(r.URL.Query().Get("go")))
		fmt.Fprint(w, roller())
	default:
		http.NotFound(w, r)
	}
}

// answer is the second generation: results of a captured Shelly Plus 2PM.
func (m *motor) answer(method, mac string) string {
	switch method {
	case "Shelly.GetStatus":
		return fmt.Sprintf(`{"ble":{},"cover:0":%s,"input:0":{"id":0,"state":false},"sys":{"mac":%q}}`, m.status(), mac)
	case "Cover.GetConfig":
		initial := m.initial
		if initial == "" {
			initial = "stopped"
		}
		return fmt.Sprintf(`{"id":0,"name":null,"motor":{"idle_power_thr":2.0},"maxtime_open":%v,"maxtime_close":%v,"initial_state":%q,"in_mode":"dual","safety_switch":{"enable":false,"direction":"both"},"obstruction_detection":{"enable":true,"direction":"both","action":"stop"}}`,
			m.longest, m.longest/2, initial)
	case "Cover.Open":
		m.run(wayOpen)
	case "Cover.Close":
		m.run(wayClose)
	case "Cover.Stop":
		m.run(wayStop)
	}
	return "null"
}

func (m *motor) status() string {
	state := map[way]string{wayOpen: "opening", wayClose: "closing"}[m.moving]
	switch {
	case m.calib:
		state = "calibrating"
	case state != "":
	case m.position == 0:
		state = "closed"
	case m.position == 100:
		state = "open"
	default:
		state = "stopped"
	}
	wrong, _ := json.Marshal(append([]string{}, m.wrong...))
	position := "null"
	if m.position >= 0 {
		position = fmt.Sprint(m.position)
	}
	return fmt.Sprintf(`{"id":0,"source":%q,"state":%q,"apower":0.0,"pos_control":%v,"last_direction":"open","current_pos":%s,"errors":%s}`,
		m.source, state, m.position >= 0, position, wrong)
}

// coverRig is a cover with a simulated device behind it, closed.
type coverRig struct {
	*fake
	*Cover
	env  *hw.Env
	wire *hwtest.Wire
}

func newCover(t *testing.T, f *fake, set func(*motor)) coverRig {
	t.Helper()
	f.motor = &motor{longest: 20, reason: "normal", source: "limit_switch"}
	if set != nil {
		set(f.motor)
	}
	wire, address, off := power(t, f)
	c := CoverConfig{Address: address, MaxTime: 20 * time.Second}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	env := hw.NewEnv(zerolog.Nop())
	o, err := openCover(t.Context(), env.For("gate"), c, pace{moving: 50 * time.Millisecond, rest: 50 * time.Millisecond, settings: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = env.Close()
		off()
	})
	return coverRig{f, o, env, wire}
}

// change does something to the motor, and the device tells so.
func (r coverRig) change(what func(*motor)) {
	do(r.fake, func() bool { what(r.motor); return true })
	r.notify(`"cover:0":{"id":0}`)
}

func (r coverRig) told() string {
	return do(r.fake, func() string { return strings.Join(r.motor.orders, " ") })
}

// shows waits for a reading.
func (r coverRig) shows(t *testing.T, what string, is func(device.Reading) bool) {
	t.Helper()
	var last atomic.Value
	timeout := time.After(20 * time.Second)
	for {
		x, err := r.Refresh(t.Context())
		if err == nil && is(x) {
			return
		}
		last.Store(fmt.Sprintf("%+v, %v", x, err))
		select {
		case <-time.After(20 * time.Millisecond):
		case <-timeout:
			t.Fatalf("%s does not come: %v", what, last.Load())
		}
	}
}

func TestCovers(t *testing.T) {
	for _, name := range []string{"first", "second with a login"} {
		make := generations[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hwtest.TestOpener(t, func(t *testing.T) hwtest.OpenerRig {
				r := newCover(t, make(), nil)
				return hwtest.OpenerRig{
					Peer: hwtest.Peer{Device: "gate", Wire: r.wire, Close: r.env.Close, Energised: func() bool { return false },
						Clicks: func() int { return do(r.fake, func() int { return len(r.motor.orders) }) }},
					Opener: r.Cover, Traits: CoverConfig{}.Traits(),
					Move: func(at device.Place) {
						r.change(func(m *motor) {
							m.position = map[device.Place]int{device.PlaceClosed: 0, device.PlaceBetween: 40, device.PlaceOpen: 100}[at]
						})
					},
				}
			})
		})
	}
}

// A door goes where it is told, stops half way, and never reads closed while it moves.
func TestACoverMoves(t *testing.T) {
	for _, name := range []string{"first with a login", "second"} {
		make := generations[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newCover(t, make(), func(m *motor) { m.holds = true })
			r.shows(t, "closed", func(x device.Reading) bool { return x.At == device.PlaceClosed && x.Moving == device.TargetUnknown })
			if err := r.Trigger(t.Context(), device.TargetOpen); err != nil {
				t.Fatal(err)
			}
			r.shows(t, "opening", func(x device.Reading) bool { return x.At == device.PlaceBetween && x.Moving == device.TargetOpen })
			r.change((*motor).arrive)
			r.shows(t, "open", func(x device.Reading) bool { return x.At == device.PlaceOpen && x.Moving == device.TargetUnknown })
			if err := r.Trigger(t.Context(), device.TargetClosed); err != nil {
				t.Fatal(err)
			}
			r.shows(t, "closing", func(x device.Reading) bool { return x.At == device.PlaceBetween && x.Moving == device.TargetClosed })
			r.change(func(m *motor) { m.position = 40 })
			if err := r.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.shows(t, "stopped", func(x device.Reading) bool { return x.At == device.PlaceBetween && x.Moving == device.TargetUnknown })
			if got := r.told(); got != "open close stop" {
				t.Errorf("told %s", got)
			}
		})
	}
}

// An obstacle and the safety switch are told, and what else is wrong with the motor; a way that is free again is free.
func TestACoverIsObstructed(t *testing.T) {
	for name, c := range map[string]struct {
		second bool
		set    func(*motor)
		fault  string
		free   bool
	}{
		"first: an obstacle":           {false, func(m *motor) { m.position, m.reason = 40, "obstacle" }, "", false},
		"first: the safety switch":     {false, func(m *motor) { m.position, m.safety = 40, true }, "", false},
		"first: it was its own safety": {false, func(m *motor) { m.position, m.reason = 40, "safety_switch" }, "", false},
		"first: too much power":        {false, func(m *motor) { m.position, m.reason = 40, "overpower" }, "too hot", true},
		"second: an obstacle":          {true, func(m *motor) { m.position, m.wrong = 40, []string{"obstruction"} }, "", false},
		"second: the safety switch":    {true, func(m *motor) { m.position, m.wrong = 40, []string{"safety_switch"} }, "", false},
		"second: both":                 {true, func(m *motor) { m.position, m.wrong = 40, []string{"overtemp", "obstruction"} }, "overtemp", false},
		"second: too hot":              {true, func(m *motor) { m.position, m.wrong = 40, []string{"overtemp"} }, "overtemp", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newCover(t, newFake(c.second), nil)
			r.shows(t, "a free way", func(x device.Reading) bool { return x.Obstructed == device.No && x.Fault == "" })
			r.change(c.set)
			want := map[bool]device.Tri{true: device.No, false: device.Yes}[c.free]
			r.shows(t, "what is wrong", func(x device.Reading) bool {
				return x.At == device.PlaceBetween && x.Obstructed == want && (x.Fault == "") == (c.fault == "") && strings.Contains(x.Fault, c.fault)
			})
			r.change(func(m *motor) { m.safety = false; m.run(wayOpen) })
			r.shows(t, "a free way again", func(x device.Reading) bool {
				return x.At == device.PlaceOpen && x.Obstructed == device.No && x.Fault == ""
			})
		})
	}
}

// A device that does not know where the door is says nothing of an end, and nothing of one that moves by itself to learn.
func TestACoverThatDoesNotKnow(t *testing.T) {
	for generation, second := range map[string]bool{"first": false, "second": true} {
		t.Run(generation, func(t *testing.T) {
			t.Parallel()
			r := newCover(t, newFake(second), func(m *motor) { m.position = -1 })
			r.shows(t, "unknown", func(x device.Reading) bool {
				return x.At == device.PlaceUnknown && strings.Contains(x.Fault, "calibrate")
			})
			r.change(func(m *motor) { m.calib = true })
			r.shows(t, "calibrating", func(x device.Reading) bool {
				return x.At == device.PlaceUnknown && x.Moving == device.TargetUnknown && strings.Contains(x.Fault, "calibrating")
			})
			r.change(func(m *motor) { m.calib, m.position = false, 0 })
			r.shows(t, "closed", func(x device.Reading) bool { return x.At == device.PlaceClosed && x.Fault == "" })
		})
	}
}

// A device whose own settings would move the door when power comes, or let its motor run for longer than it may, is not
// used; nor is another one, or one with relays. The owner is told what to set, and nothing is sent.
func TestCoversThatAreNotUsed(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*fake)
		words string
	}{
		"power":           {func(f *fake) { f.motor.initial = "open" }, "power-on default"},
		"time":            {func(f *fake) { f.motor.longest = 60 }, "maximum times"},
		"another":         {func(f *fake) { f.mac = "A8032AFFFFFF" }, "fixed address"},
		"set with relays": {func(f *fake) { f.motor = nil }, ""},
	} {
		for _, at := range []string{"from the start", "while it is used", "with the second generation"} {
			t.Run(name+" "+at, func(t *testing.T) {
				t.Parallel()
				f := newFake(at == "with the second generation")
				var m *motor
				r := newCover(t, f, func(its *motor) {
					m = its
					if at == "from the start" {
						c.spoil(f)
					}
				})
				if at != "from the start" {
					r.shows(t, "closed", func(x device.Reading) bool { return x.At == device.PlaceClosed })
					do(f, func() bool { c.spoil(f); return true })
				}
				var err error
				for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
					_, err = r.Refresh(t.Context())
					if op := (*hw.OpError)(nil); errors.As(err, &op) && op.Hint != "" && strings.Contains(op.Hint, c.words) && op.Device == "gate" {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("it never says why: %v", err)
					}
				}
				if err := r.Trigger(t.Context(), device.TargetOpen); err == nil {
					t.Error("an order is taken")
				}
				if got := do(f, func() string { return strings.Join(m.orders, " ") }); got != "" {
					t.Errorf("the device was told %s", got)
				}
			})
		}
	}
}

func TestCoverChecks(t *testing.T) {
	good := CoverConfig{Address: Address{URL: "http://192.168.1.60", ID: "shellyplus2pm-a8032ab12345"}, MaxTime: 20 * time.Second}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(c *CoverConfig){
		"url":     func(c *CoverConfig) { c.URL = "192.168.1.60" },
		"id":      func(c *CoverConfig) { c.ID = "shelly" },
		"cover":   func(c *CoverConfig) { c.Cover = -1 },
		"maxtime": func(c *CoverConfig) { c.MaxTime = 0 },
	} {
		c := good
		spoil(&c)
		if fields := hw.FieldErrors(c.Check()); len(fields) != 1 || fields[0].Field != field || fields[0].Remedy == "" {
			t.Errorf("%s: %v", field, c.Check())
		}
	}
	for _, d := range []time.Duration{-time.Second, time.Millisecond, time.Hour} {
		if c := good; func() bool { c.MaxTime = d; return c.Check() == nil }() {
			t.Errorf("maxtime %v", d)
		}
	}
}

// One motor moves one door.
func TestACoverIsLentOnce(t *testing.T) {
	r := newCover(t, newFake(true), nil)
	if _, err := OpenCover(t.Context(), r.env.For("barn"), r.config); err == nil {
		t.Error("two doors have one motor")
	}
	r.shows(t, "the first goes on", func(x device.Reading) bool { return x.At == device.PlaceClosed })
}

func FuzzCovers(f *testing.F) {
	f.Add([]byte(`{"id":0,"source":"limit_switch","state":"open","pos_control":true,"current_pos":100,"errors":["obstruction"]}`))
	f.Add([]byte(`{"id":0,"source":"timeout","state":"closed","pos_control":false}`))
	f.Add([]byte(`{"state":"stop","stop_reason":"obstacle","current_pos":0,"positioning":true,"safety_switch":false}`))
	f.Add([]byte(`{"state":"closed","pos_control":true,"current_pos":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first firstRoller
		all := []cover{readCover(data)}
		if json.Unmarshal(data, &first) == nil {
			all = append(all, first.read())
		}
		for _, c := range all {
			if c.at == device.PlaceClosed && (c.moving != device.TargetUnknown || !strings.Contains(string(data), "0") && !strings.Contains(string(data), "limit_switch")) {
				t.Errorf("closed, by %s", data)
			}
		}
	})
}
