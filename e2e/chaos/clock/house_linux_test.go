package clock

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // the guest has no zones

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/phone"
	"github.com/loquet/loquet/e2e/garadget"
	"github.com/loquet/loquet/e2e/mqtt"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/garadget/emulator"
	"github.com/loquet/loquet/internal/gpiolab"
)

// Lines of the house.
const (
	lineOpener = iota
	lineClosed
	lineOpen
	lineLight
	lineBeeper
	lineStrike
	lineZero
	lineOne
	lines
)

// How long things take in the house.
const (
	pulseTime   = 400 * time.Millisecond
	warningTime = 5 * time.Second
	holdTime    = 3 * time.Second
	leftOpen    = 5 * time.Minute
	keyTime     = 200 * time.Millisecond
	limit       = time.Minute // far above what anything takes
	soon        = 5 * time.Second
)

// slack is how much longer or shorter a line may be driven. Time is virtual: nobody keeps the processor from it.
const slack = 20 * time.Millisecond

func configuration() string {
	return fmt.Sprintf(`
home: {name: Jumps, zone: Europe/Paris}
mqtt: {listen: "127.0.0.1:1883"}
alerts: {left_open: %v, problems: [refused-tries], webhook: {url: "http://127.0.0.1:9000/hook"}}
doors:
  garage:
    name: Garage
    kind: sectional
    opener: {driver: lines, relay: "gpio:house/%d", pulse: %v, cycle: open-stop-close-stop}
    closed: "!gpio:house/%d"
    open: "!gpio:house/%d"
    travel: 4s
    remote_close: warned
    warning: {light: "gpio:house/%d", beeper: "gpio:house/%d", time: %v}
  workshop:
    name: Workshop
    kind: sectional
    opener: {driver: garadget, id: "%s"}
    remote_close: owner-declares-protected
    travel: %v
locks:
  studio:
    name: Studio
    bolt: {driver: strike, relay: "gpio:house/%d", hold: %v}
keypads:
  studio-pad:
    name: Studio keypad
    driver: wiegand
    d0: "gpio:house/%d"
    d1: "gpio:house/%d"
    opens: [studio]
`, leftOpen, lineOpener, pulseTime, lineClosed, lineOpen, lineLight, lineBeeper, warningTime, garadget.BoardID, garadget.Travel,
		lineStrike, holdTime, lineZero, lineOne)
}

// house is a bridge with all that it serves, on a machine whose clock jumps.
type house struct {
	*e2e.Loquet
	t      *testing.T
	m      *machine
	chip   *gpiolab.Chip
	trace  *gpiolab.Trace
	wires  gpiolab.Wires
	board  *garadget.Board
	alerts *alerts

	owner         *phone.Phone
	hand, witness *haptest.Client // a phone that moves things, and one that is told
	clicks        int             // of the board's relay, as ordered
}

// PINs of the house.
const (
	ownerPIN = "582914"
	guestPIN = "739251" // from yesterday until tomorrow
	laterPIN = "418637" // in twenty days
	farPIN   = "926483" // in 2036
	overPIN  = "351876" // last month
	gracePIN = "647192" // as the guest's, and for hours after the time is lost
	wrongPIN = "824635"
)

// newHouse starts it with the door closed.
func newHouse(t *testing.T, m *machine) *house {
	t.Helper()
	gpiolab.Needs(t, gpiolab.Network, gpiolab.Tracing)
	h := &house{t: t, m: m, alerts: receive(t)}
	h.chip = gpiolab.Plug(t, "house", lines, nil)
	h.wires = gpiolab.Wires{Chip: h.chip, Zero: lineZero, One: lineOne}
	h.trace = gpiolab.Record(t)
	h.Loquet = new(e2e.Lab).Start(t, e2e.Options{Binary: guestBinary, Config: configuration(), Env: mistakes()})
	h.wires.Rest()
	h.at(true, false)
	h.Await(t, "garage", "closed", limit)
	h.Await(t, "studio", "secured", limit)
	return h
}

// full is newHouse with a board and phones.
func full(t *testing.T, m *machine) *house {
	t.Helper()
	h := newHouse(t, m)
	var n mqtt.Adoption
	text := h.cli("adopt", "garadget", "--json")
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	o := emulator.Options{Broker: "127.0.0.1:1883", ID: garadget.BoardID, User: n.User, Password: n.Password}
	o.Settings.Name = "Barn"
	h.board = garadget.StartBoard(t, nil, o)
	h.Await(t, "workshop", "closed", limit)
	h.pair()
	return h
}

func (h *house) pair() {
	h.t.Helper()
	b := h.Bridge(h.t)
	conn, err := net.Dial("tcp", b.Addr)
	if err != nil {
		h.t.Fatal(err)
	}
	if h.owner, err = phone.Pair(conn, b.SetupCode, limit); err != nil {
		h.t.Fatal(err)
	}
	h.hand = h.dial(h.owner)
	other, err := h.owner.Invite(h.hand, true)
	if err != nil {
		h.t.Fatal(err)
	}
	h.witness = h.dial(other)
	if err := h.witness.Subscribe(true, h.owner.Targets["Garage"], h.owner.Targets["Workshop"], h.owner.Targets["Studio"]); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) dial(p *phone.Phone) *haptest.Client {
	h.t.Helper()
	c, err := p.Dial(h.t.Context(), h.Bridge(h.t).Addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close() })
	return c
}

// at puts the garage door somewhere: its contacts close to ground.
func (h *house) at(closed, open bool) {
	h.t.Helper()
	h.chip.Drive(lineClosed, !closed)
	h.chip.Drive(lineOpen, !open)
}

// cli runs the command line on the bridge.
func (h *house) cli(args ...string) string {
	h.t.Helper()
	return e2e.Run(h.t, e2e.Command{Name: guestBinary, Args: append(args, "--state", h.Options.State)}, limit)
}

// people gives the codes of the house out; their dates are those of the true time.
func (h *house) people() {
	h.t.Helper()
	day := func(d int) string { return h.m.now().In(paris(h.t)).AddDate(0, 0, d).Format("2006-01-02T15:04") }
	h.code("Anna", ownerPIN, "", "")
	h.code("Gus", guestPIN, day(-1), day(1))
	h.code("Lea", laterPIN, day(20), day(30))
	h.code("Fay", farPIN, "2036-01-01T00:00", "2037-01-01T00:00")
	h.code("Otto", overPIN, day(-30), day(-20))
	h.code("Grace", gracePIN, day(-1), day(1))
}

// code gives a guest a code with dates, or an owner one without. Grace has grace.
func (h *house) code(name, pin, from, to string) {
	h.t.Helper()
	kind, code := "owner", map[string]any{"pin": pin}
	if from != "" {
		kind, code["windows"] = "guest", []map[string]string{{"kind": "dates", "from": from, "to": to}}
	}
	if name == "Grace" {
		code["grace"] = "6h"
	}
	var person struct{ ID string }
	h.Do(h.t, http.MethodPost, "/api/v1/people", map[string]string{"name": name, "kind": kind}, &person)
	code["person"] = person.ID
	h.Do(h.t, http.MethodPost, "/api/v1/codes", code, nil)
}

func paris(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// alerts is a program of the owner's that takes them.
type alerts struct {
	mu  sync.Mutex
	got []string
}

func receive(t *testing.T) *alerts {
	t.Helper()
	a := &alerts{}
	l, err := net.Listen("tcp", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: limit, Handler: http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(q.Body, 1<<16))
		var alert struct{ Kind, Device string }
		_ = json.Unmarshal(body, &alert)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.got = append(a.got, alert.Kind+" "+alert.Device)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return a
}

// of are those of a kind.
func (a *alerts) of(kind string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.got), func(s string) bool { return s[:min(len(kind), len(s))] != kind })
}
