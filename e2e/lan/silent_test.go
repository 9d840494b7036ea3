package lan

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// shelly is a device of the first generation (shelly-api-docs.shelly.cloud/gen1, "Shelly1") at the button of a
// garage door, with a contact that is closed while the door is.
type shelly struct {
	server *httptest.Server
	over   chan struct{}

	mu     sync.Mutex
	closed bool
	silent bool // it takes connections and answers nothing
	orders int
}

func startShelly(t *testing.T) *shelly {
	t.Helper()
	s := &shelly{closed: true, over: make(chan struct{})}
	s.server = httptest.NewServer(s)
	t.Cleanup(func() {
		close(s.over)
		s.server.Close()
	})
	return s
}

func (s *shelly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	silent, input := s.silent, 0
	if s.closed {
		input = 1
	}
	order := r.URL.Path == "/relay/0" && r.URL.Query().Get("turn") != ""
	if order && r.URL.Query().Get("turn") == "on" {
		s.orders++
	}
	s.mu.Unlock()
	if silent {
		select {
		case <-s.over:
		case <-r.Context().Done():
		}
		return
	}
	switch {
	case r.URL.Path == "/shelly":
		fmt.Fprint(w, `{"type":"SHSW-1","mac":"A8032AB12345","auth":false,"fw":"20230913-112003"}`)
	case r.URL.Path == "/status":
		fmt.Fprintf(w, `{"wifi_sta":{"connected":true},"mac":"A8032AB12345","relays":[{"ison":false,"has_timer":false}],"inputs":[{"input":%d,"event":"","event_cnt":0}]}`, input)
	case r.URL.Path == "/settings/relay/0":
		fmt.Fprint(w, `{"name":null,"ison":false,"has_timer":false,"default_state":"off","btn_type":"detached","auto_on":0.00,"auto_off":0.00}`)
	case order:
		fmt.Fprintf(w, `{"ison":%v,"has_timer":true}`, r.URL.Query().Get("turn") == "on")
	default:
		http.NotFound(w, r)
	}
}

func (s *shelly) fall(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent, s.closed = silent, !silent
}

func (s *shelly) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders
}

const workshop = `
home: {name: Villa Rose, zone: UTC}
boards:
  barn: {driver: shelly, url: %q, id: shelly1-A8032AB12345}
doors:
  garage:
    name: Garage
    opener: {driver: lines, relay: "barn:switch-0", pulse: 500ms}
    closed: "barn:input-0"
    travel: 2s
`

// Devices that fall silent with their connections open, while somebody opens the door at the wall: the door is
// unavailable before half a minute is over, takes no order, and is not shown closed again before it is heard to
// be.
func TestSilent(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) (config string, fall func(silent bool), orders func() int){
		"ESPHome": func(t *testing.T) (string, func(bool), func() int) {
			r := startRatgdo(t, "127.0.0.1:0", bytes.Repeat([]byte{9}, 32))
			return driveway(t, r), func(silent bool) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.deaf, r.target = silent, map[bool]float64{true: 1, false: 0}[silent]
			}, r.count
		},
		"Shelly": func(t *testing.T) (string, func(bool), func() int) {
			s := startShelly(t)
			return fmt.Sprintf(workshop, s.server.URL), s.fall, s.count
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, fall, orders := start(t)
			q := lab.Start(t, e2e.Options{Config: config})
			q.Await(t, "garage", "closed", limit)
			fall(true)
			took := e2e.Until(t, 2*limit, func() string {
				if d := q.Device(t, "garage"); d.Available {
					return fmt.Sprintf("the door to be unavailable: %+v", d)
				}
				return ""
			})
			t.Logf("unavailable after %v", took.Round(100*time.Millisecond))
			if a := q.Command(t, "garage", "open"); a.Status != 409 || a.Remedy == "" {
				t.Errorf("an order to nobody: %+v", a)
			}
			e2e.Always(t, 2*time.Second, func() string {
				if d := q.Device(t, "garage"); d.Available {
					return fmt.Sprintf("nobody hears it: %+v", d)
				}
				return ""
			})
			fall(false)
			e2e.Until(t, 2*limit, func() string {
				if d := q.Device(t, "garage"); !d.Available || d.At() != "closed" {
					return fmt.Sprintf("the door to be back, and closed: %+v", d)
				}
				return ""
			})
			if n := orders(); n != 0 {
				t.Errorf("%d orders", n)
			}
			q.Stop(t)
		})
	}
}
