package lan

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// roller is a Shelly 2.5 set up as a roller (shelly-api-docs.shelly.cloud/gen1, "Shelly2.5"), with a calibrated door at
// its motor. It answers as captured devices do.
type roller struct {
	server *httptest.Server
	over   chan struct{}

	mu      sync.Mutex
	at      float64 // per cent
	way     string  // stop, open, close
	since   time.Time
	reason  string
	blocked bool // something is in the way of the closing door, half way down
	slow    bool // it does not get further down than half way, until it is stopped: on any machine
	silent  bool
	longest float64 // its own maximum time, in seconds
	orders  []string
}

const rollerTravel = 2 * time.Second

func startRoller(t *testing.T) *roller {
	t.Helper()
	r := &roller{way: "stop", reason: "normal", longest: 5, over: make(chan struct{})}
	r.server = httptest.NewServer(r)
	t.Cleanup(func() {
		close(r.over)
		r.server.Close()
	})
	return r
}

// advance brings the door to now; mu is held.
func (r *roller) advance() {
	now := time.Now()
	way := 100 * float64(now.Sub(r.since)) / float64(rollerTravel)
	r.since = now
	switch r.way {
	case "open":
		if r.at = min(100, r.at+way); r.at == 100 {
			r.way = "stop"
		}
	case "close":
		before := r.at
		r.at = max(0, r.at-way)
		if r.blocked && before >= 50 && r.at < 50 {
			r.at, r.way, r.reason = 50, "stop", "obstacle"
		}
		if r.slow {
			r.at = max(50, r.at)
		}
		if r.at == 0 {
			r.way = "stop"
		}
	}
}

// goes is an order, or a hand at the wall switch; mu is held.
func (r *roller) goes(way string) {
	r.advance()
	r.way, r.reason = way, "normal"
}

func (r *roller) do(what func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what()
}

func (r *roller) told(t *testing.T, want string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := strings.Join(r.orders, " "); got != want {
		t.Errorf("it was told %q, want %q", got, want)
	}
}

func (r *roller) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	silent := r.silent
	r.mu.Unlock()
	if silent {
		select {
		case <-r.over:
		case <-q.Context().Done():
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advance()
	state := func() string {
		return fmt.Sprintf(`{"state":%q,"source":"http","power":0.00,"is_valid":true,"safety_switch":false,"overtemperature":false,"stop_reason":%q,"last_direction":"open","current_pos":%d,"calibrating":false,"positioning":true}`,
			r.way, r.reason, int(r.at))
	}
	switch q.URL.Path {
	case "/shelly":
		fmt.Fprint(w, `{"type":"SHSW-25","mac":"A8032AB12345","auth":false,"fw":"20230913-112003","num_outputs":2,"num_meters":2,"num_rollers":1}`)
	case "/status":
		fmt.Fprintf(w, `{"wifi_sta":{"connected":true},"mac":"A8032AB12345","relays":[{"ison":false},{"ison":false}],"rollers":[%s],"inputs":[{"input":0},{"input":0}]}`, state())
	case "/settings/roller/0":
		fmt.Fprintf(w, `{"maxtime":%.2f,"maxtime_open":%.2f,"maxtime_close":%.2f,"default_state":"stop","input_mode":"openclose","obstacle_mode":"while_closing","obstacle_action":"stop","positioning":true}`,
			r.longest, r.longest, r.longest)
	case "/roller/0":
		r.orders = append(r.orders, q.URL.Query().Get("go"))
		r.goes(q.URL.Query().Get("go"))
		fmt.Fprint(w, state())
	default:
		http.NotFound(w, q)
	}
}

const rolling = `
home: {name: Villa Rose, zone: UTC}
doors:
  garage:
    name: Garage
    kind: rolling
    opener: {driver: shelly, url: %q, id: shellyswitch25-A8032AB12345, maxtime: 5s}
    remote_close: owner-declares-protected
    travel: 2s
`

// A rolling door at a Shelly that is set up as a roller: one order each, stopped half way, obstructed, moved at the wall,
// unavailable and never closed while it is silent in the middle of a move, no order at a restart, and not used once its
// motor may run for longer than its owner said.
func TestShellyCover(t *testing.T) {
	t.Parallel()
	r := startRoller(t)
	q := lab.Start(t, e2e.Options{Config: fmt.Sprintf(rolling, r.server.URL)})
	order := func(action string) {
		t.Helper()
		e2e.Until(t, limit, func() string {
			if a := q.Command(t, "garage", action); a.Status != 202 {
				return fmt.Sprintf("%s to be taken: %+v", action, a)
			}
			return ""
		})
	}
	q.Await(t, "garage", "closed", limit)
	r.told(t, "")
	order("open")
	q.Await(t, "garage", "open", limit)
	r.told(t, "open")
	r.do(func() { r.slow = true })
	order("close")
	q.Await(t, "garage", "closing", limit)
	order("stop")
	q.Await(t, "garage", "stopped", limit)
	r.do(func() { r.slow = false })
	r.told(t, "open close stop")

	order("open")
	q.Await(t, "garage", "open", limit)
	r.do(func() { r.blocked = true })
	order("close")
	e2e.Until(t, limit, func() string {
		if d := q.Device(t, "garage"); d.State.Obstructed != "yes" || d.At() != "stopped" && d.At() != "open" {
			return fmt.Sprintf("it to be obstructed, and not closed: %+v", d)
		}
		return ""
	})
	r.do(func() { r.blocked = false; r.goes("open") }) // at the wall
	q.Await(t, "garage", "open", limit)
	r.told(t, "open close stop open close")

	r.do(func() { r.goes("close"); r.silent = true })
	e2e.Until(t, limit, func() string {
		d := q.Device(t, "garage")
		if d.At() == "closed" {
			t.Errorf("nobody hears it: %+v", d)
		}
		if d.Available {
			return fmt.Sprintf("it to be unavailable: %+v", d)
		}
		return ""
	})
	if a := q.Command(t, "garage", "open"); a.Status != 409 || a.Remedy == "" {
		t.Errorf("an order to nobody: %+v", a)
	}
	r.do(func() { r.silent = false })
	q.Await(t, "garage", "closed", limit)
	q.Stop(t)
	q = q.Again(t, nil)
	q.Await(t, "garage", "closed", limit)
	r.told(t, "open close stop open close")

	r.do(func() { r.longest = 60 })
	e2e.Until(t, limit, func() string {
		var health struct {
			Problems []struct{ Code, Subject, Detail string }
		}
		q.Do(t, "GET", "/api/v1/health", nil, &health)
		for _, p := range health.Problems {
			if p.Code == "device-unavailable" && p.Subject == "garage" && strings.Contains(p.Detail, "maximum times") {
				return ""
			}
		}
		return fmt.Sprintf("what is to be set: %+v", health.Problems)
	})
	if a := q.Command(t, "garage", "open"); a.Status != 409 || a.Remedy == "" {
		t.Errorf("an order to a motor without an end: %+v", a)
	}
	r.told(t, "open close stop open close")
	q.Stop(t)
}
