package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/apitest"
	"github.com/loquet/loquet/device"
)

const startToken = "loquet_start-token-of-the-tests"

func villa() *apitest.House {
	h := apitest.New()
	since := time.Date(2026, 11, 21, 19, 0, 0, 0, time.FixedZone("", 3600))
	h.Put(api.DoorDevice("garage", "Garage", device.DoorState{Position: device.PositionClosed, Target: device.TargetClosed, Obstructed: device.No, Since: since,
		Cause: device.Cause{Kind: device.CauseOutside}, Confidence: device.ConfidenceSensed, Available: true}, nil))
	h.Put(api.LockDevice("front", "Front", device.LockState{Bolt: device.BoltSecured, Target: device.BoltTargetSecured, DoorOpen: device.No, Since: since, Available: true}, nil))
	h.SetPairings([]api.HomeKitBridge{{Name: "Loquet", ID: "AA:BB:CC:DD:EE:FF", SetupCode: "123-45-678"}},
		api.Pairing{ID: "11-22", Bridge: "AA:BB:CC:DD:EE:FF", Role: "operate"})
	return h
}

// peopled is a ledger with person-1 and code-2.
func peopled(t *testing.T) *apitest.Ledger {
	t.Helper()
	l := &apitest.Ledger{}
	l.Found(api.UnknownCode{Lock: "front", Slot: 3, Digits: 4})
	p, err := l.AddPerson(t.Context(), api.PersonRequest{Name: "Anna", Kind: "owner"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddCode(t.Context(), api.CodeRequest{Person: p.ID}); err != nil {
		t.Fatal(err)
	}
	return l
}

// staying has calendar-1 and stay-1.
func staying(t *testing.T) *apitest.Stays {
	t.Helper()
	s := &apitest.Stays{Known: []api.Stay{{ID: "stay-1", Calendar: "calendar-1", State: "coming"}}}
	if _, err := s.AddCalendar(t.Context(), api.CalendarRequest{Name: "Flat", URL: "https://example.org/x"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func newServer(t *testing.T, h *apitest.House, change ...func(*api.Options)) *api.Server {
	t.Helper()
	o := api.Options{Log: zerolog.Nop(), StartToken: startToken, Stream: h.Stream, Pairings: h, Keeper: &apitest.Keeper{Text: []byte("home: {}\n")}, Clock: &apitest.Clock{Facts: api.ClockFacts{Trust: "floor"}}, Ledger: peopled(t), Keypads: &apitest.Ledger{}, Stays: staying(t), Adopter: apitest.NewAdopter("barn"), Sim: h, Tokens: &apitest.Space{},
		Version: api.Version{Version: "1.2.3"}, Hosts: []string{"door.example.org"}}
	for _, c := range change {
		c(&o)
	}
	s, err := api.New(h, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a request straight to the handler, as if it came over TCP with a good token.
func ask(s *api.Server, method, target, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8480"
	r.Header.Set("Authorization", "Bearer "+startToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func problem(t *testing.T, w *httptest.ResponseRecorder) api.Error {
	t.Helper()
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("%d answered with %s: %s", w.Code, ct, w.Body)
	}
	var e api.Error
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	if e.Status != w.Code || e.Code == "" || e.Why == "" || e.Remedy == "" || e.Title == "" {
		t.Errorf("problem is not whole: %s", w.Body)
	}
	return e
}

func TestAnswers(t *testing.T) {
	refusal := &device.Refusal{Device: "garage", Code: device.RefusedMoving, Why: "the door is moving", Remedy: "wait until it rests"}
	big := `{"action": "` + strings.Repeat("x", 65<<10) + `"}`
	tests := []struct {
		name, method, path, body string
		answer                   apitest.Answer
		set                      bool
		broken                   error
		status                   int
		want                     string // the body, or the problem's code
	}{
		{name: "device", method: "GET", path: "/api/v1/devices/garage", status: 200,
			want: `{"id":"garage","kind":"door","name":"Garage","available":true,"state":{"position":"closed","target":"closed","obstructed":"no","since":"2026-11-21T19:00:00+01:00","confidence":"sensed","cause":{"kind":"outside","actor":""}}}`},
		{name: "no device", method: "GET", path: "/api/v1/devices/attic", status: 404, want: "no-such-device"},
		{name: "owed", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"open"}`, status: 202, want: `{"intent":1}`},
		{name: "warned", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"close","confirm":false}`,
			set: true, answer: apitest.Answer{Answer: device.Answer{Intent: 7, Warning: true}}, status: 202, want: `{"intent":7,"warning":true}`},
		{name: "already", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"close"}`,
			set: true, answer: apitest.Answer{Answer: device.Answer{Already: true}}, status: 200, want: `{"already":true}`},
		{name: "refused", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"close"}`,
			set: true, answer: apitest.Answer{Err: refusal}, status: 409, want: "moving"},
		{name: "late", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"close"}`, broken: context.DeadlineExceeded, status: 504, want: "timeout"},
		{name: "broken", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"close"}`, broken: errors.New("boom"), status: 500, want: "internal"},
		{name: "command nowhere", method: "POST", path: "/api/v1/devices/attic/command", body: `{"action":"open"}`, status: 404, want: "no-such-device"},
		{name: "no action", method: "POST", path: "/api/v1/devices/garage/command", body: `{}`, status: 422, want: "invalid"},
		{name: "no body", method: "POST", path: "/api/v1/devices/garage/command", status: 422, want: "invalid"},
		{name: "wrong action", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"explode"}`, status: 422, want: "invalid"},
		{name: "wrong case", method: "POST", path: "/api/v1/devices/garage/command", body: `{"Action":"open"}`, status: 422, want: "invalid"},
		{name: "unknown field", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"open","force":true}`, status: 422, want: "invalid"},
		{name: "twice", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"close","action":"open"}`, status: 422, want: "invalid"},
		{name: "null", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":null}`, status: 422, want: "invalid"},
		{name: "wrong type", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"open","confirm":"yes"}`, status: 422, want: "invalid"},
		{name: "trailing", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"open"}{}`, status: 400, want: "bad-json"},
		{name: "array", method: "POST", path: "/api/v1/devices/garage/command", body: `["open"]`, status: 400, want: "bad-json"},
		{name: "torn", method: "POST", path: "/api/v1/devices/garage/command", body: `{"action":"op`, status: 400, want: "bad-json"},
		{name: "not utf-8", method: "POST", path: "/api/v1/devices/garage/command", body: "{\"action\":\"open\xff\"}", status: 400, want: "bad-json"},
		{name: "too large", method: "POST", path: "/api/v1/devices/garage/command", body: big, status: 413, want: "too-large"},
		{name: "by GET", method: "GET", path: "/api/v1/devices/garage/command", status: 405, want: "method-not-allowed"},
		{name: "by PUT", method: "PUT", path: "/api/v1/devices/garage/command", body: `{"action":"open"}`, status: 405, want: "method-not-allowed"},
		{name: "query on a command", method: "POST", path: "/api/v1/devices/garage/command?action=open", body: `{"action":"open"}`, status: 400, want: "bad-query"},
		{name: "nowhere", method: "GET", path: "/api/v2/devices", status: 404, want: "no-such-path"},
		{name: "root", method: "GET", path: "/", status: 404, want: "no-such-path"},
		{name: "unclean", method: "POST", path: "/api/v1//devices/garage/command", body: `{"action":"open"}`, status: 404, want: "no-such-path"},
		{name: "dots", method: "POST", path: "/api/v1/sim/../devices/garage/command", body: `{"action":"open"}`, status: 404, want: "no-such-path"},
		{name: "history bad limit", method: "GET", path: "/api/v1/history?limit=0", status: 400, want: "bad-query"},
		{name: "history bad time", method: "GET", path: "/api/v1/history?since=yesterday", status: 400, want: "bad-query"},
		{name: "history unknown parameter", method: "GET", path: "/api/v1/history?door=garage", status: 400, want: "bad-query"},
		{name: "history twice", method: "GET", path: "/api/v1/history?limit=1&limit=2", status: 400, want: "bad-query"},
		{name: "empty history", method: "GET", path: "/api/v1/history", status: 200, want: `[]`},
		{name: "history broken", method: "GET", path: "/api/v1/history", broken: errors.New("disk"), status: 500, want: "internal"},
		{name: "verify", method: "GET", path: "/api/v1/history/verify", status: 200, want: `{"ok":true,"rows":0,"first":0,"last":0,"limits":["rows lost at the very end by a power cut"]}`},
		{name: "health", method: "GET", path: "/api/v1/health", status: 200, want: `{"problems":[]}`},
		{name: "version", method: "GET", path: "/api/v1/version", status: 200, want: `{"version":"1.2.3"}`},
		{name: "reload", method: "POST", path: "/api/v1/reload", status: 204},
		{name: "reload with a body", method: "POST", path: "/api/v1/reload", body: `{"force":true}`, status: 422, want: "invalid"},
		{name: "reload refused", method: "POST", path: "/api/v1/reload", broken: &api.Error{Status: 422, Code: "config-invalid", Why: "loquet.yaml:3:5: unknown field", Remedy: "mend it"}, status: 422, want: "config-invalid"},
		{name: "sim", method: "GET", path: "/api/v1/sim/garage", status: 200, want: `{"pulses":1,"pulses_total":3,"edges":2,"last_edge_unix_ns":1795287600000000000,"position":0.5,"moving":"up","energised":true,"obstructed":false,"jammed":false,"lamp":{"on":true,"edges":6,"total_ns":3000000000,"lasts_ns":5500000000},"beeper":{"on":false,"edges":0,"total_ns":0,"lasts_ns":0},"last_move":{"unix_ns":1795287600100000000,"direction":"up","cause":"relay","lamp_ns":5000000000,"beeper_ns":0}}`},
		{name: "sim nowhere", method: "GET", path: "/api/v1/sim/attic", status: 404, want: "not-simulated"},
		{name: "sim event", method: "POST", path: "/api/v1/sim/garage/wall-button", status: 204},
		{name: "sim event by GET", method: "GET", path: "/api/v1/sim/garage/wall-button", status: 405, want: "method-not-allowed"},
		{name: "sim keypad", method: "POST", path: "/api/v1/sim/front/keypad", body: `{"digits":"1234#"}`, status: 204},
		{name: "sim keypad letters", method: "POST", path: "/api/v1/sim/front/keypad", body: `{"digits":"12a4"}`, status: 422, want: "invalid"},
		{name: "sim keypad nothing", method: "POST", path: "/api/v1/sim/front/keypad", status: 422, want: "invalid"},
		{name: "sim digits elsewhere", method: "POST", path: "/api/v1/sim/front/jam", body: `{"digits":"1"}`, status: 422, want: "invalid"},
		{name: "sim no event", method: "POST", path: "/api/v1/sim/garage/explode", status: 404, want: "no-such-event"},
		{name: "pairings", method: "GET", path: "/api/v1/pairings", status: 200, want: `[{"id":"11-22","bridge":"AA:BB:CC:DD:EE:FF","role":"operate","admin":false,"sessions":0}]`},
		{name: "name a pairing", method: "PATCH", path: "/api/v1/pairings/11-22", body: `{"name":"Anna","role":"lock-only","doors":[]}`, status: 200,
			want: `{"id":"11-22","bridge":"AA:BB:CC:DD:EE:FF","name":"Anna","role":"lock-only","doors":[],"admin":false,"sessions":0}`},
		{name: "pairing with an escaped id", method: "PATCH", path: "/api/v1/pairings/11%2F22", body: `{"name":"Anna"}`, status: 404, want: "not-found"},
		{name: "pairing role", method: "PATCH", path: "/api/v1/pairings/11-22", body: `{"role":"king"}`, status: 422, want: "invalid"},
		{name: "pairing door", method: "PATCH", path: "/api/v1/pairings/11-22", body: `{"doors":["attic"]}`, status: 422, want: "invalid"},
		{name: "pairing nothing", method: "PATCH", path: "/api/v1/pairings/11-22", body: `{}`, status: 422, want: "invalid"},
		{name: "pairing long name", method: "PATCH", path: "/api/v1/pairings/11-22", body: `{"name":"` + strings.Repeat("n", 65) + `"}`, status: 422, want: "invalid"},
		{name: "pairing hostile name", method: "PATCH", path: "/api/v1/pairings/11-22", body: `{"name":"a\u0007b"}`, status: 422, want: "invalid"},
		{name: "pairing unknown", method: "PATCH", path: "/api/v1/pairings/33", body: `{"name":"Anna"}`, status: 404, want: "not-found"},
		{name: "revoke", method: "DELETE", path: "/api/v1/pairings/11-22", status: 204},
		{name: "revoke elsewhere", method: "DELETE", path: "/api/v1/pairings/11-22?bridge=00", status: 404, want: "not-found"},
		{name: "pair", method: "GET", path: "/api/v1/pair/homekit", status: 200, want: `[{"name":"Loquet","id":"AA:BB:CC:DD:EE:FF","addr":"","paired":false,"accessories":0,"setup_code":"123-45-678"}]`},
		{name: "token without a name", method: "POST", path: "/api/v1/tokens", body: `{"name":""}`, status: 422, want: "invalid"},
		{name: "no such token", method: "DELETE", path: "/api/v1/tokens/1", status: 404, want: "no-such-token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := villa()
			if tt.set {
				h.Answer("garage", tt.answer)
			}
			h.Break(tt.broken)
			before := h.Changes()
			w := ask(newServer(t, h), tt.method, tt.path, tt.body)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if tt.status < 400 {
				if got := strings.TrimSpace(w.Body.String()); got != tt.want {
					t.Errorf("body\n %s\nwant\n %s", got, tt.want)
				}
				return
			}
			if e := problem(t, w); e.Code != tt.want {
				t.Errorf("code %q, want %q", e.Code, tt.want)
			}
			if tt.status != 409 && tt.broken == nil && h.Changes() != before {
				t.Errorf("something changed although the answer is %d", w.Code)
			}
		})
	}
}

func TestCommandCarriesWhoAndWhen(t *testing.T) {
	h := villa()
	before := time.Now()
	ask(newServer(t, h), "POST", "/api/v1/devices/garage/command", `{"action":"close","confirm":true}`)
	asked := h.Asked()
	if len(asked) != 1 {
		t.Fatalf("%d commands", len(asked))
	}
	c := asked[0].Command
	if want := (device.Cause{Kind: device.CauseConsole, Actor: "token:start"}); c.Cause != want || c.Action != device.ActionClose || !c.Confirm {
		t.Errorf("command %+v", c)
	}
	if c.Arrived.Before(before) || c.Arrived.After(time.Now()) {
		t.Errorf("arrived %v", c.Arrived)
	}
}

func TestContentType(t *testing.T) {
	h := villa()
	s := newServer(t, h)
	for _, ct := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data; boundary=x"} {
		w := ask(s, "POST", "/api/v1/devices/garage/command", `{"action":"open"}`, func(r *http.Request) { r.Header.Set("Content-Type", ct) })
		if e := problem(t, w); e.Code != "not-json" || e.Status != 415 {
			t.Errorf("%q: %+v", ct, e)
		}
	}
	if n := len(h.Asked()); n != 0 {
		t.Errorf("%d commands", n)
	}
	w := ask(s, "POST", "/api/v1/devices/garage/command", `{"action":"open"}`, func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") })
	if w.Code != 202 {
		t.Errorf("with a charset: %d", w.Code)
	}
}

func TestHistoryQuery(t *testing.T) {
	h := villa()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for i, id := range []string{"garage", "front", "garage", "front"} {
		h.Write(api.Row{Device: id, At: at.Add(time.Duration(i) * time.Hour), Kind: "note"})
	}
	s := newServer(t, h)
	for query, want := range map[string]string{
		"":                                   "4 3 2 1",
		"?device=front":                      "4 2",
		"?limit=2":                           "4 3",
		"?after=2":                           "4 3",
		"?since=2026-11-21T14:00:00%2B01:00": "4 3 2",
		"?until=2026-11-21T13:00:00Z":        "1",
	} {
		var rows []api.Row
		if err := json.Unmarshal(ask(s, "GET", "/api/v1/history"+query, "").Body.Bytes(), &rows); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, string(rune('0'+r.Seq)))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: rows %v, want %s", query, got, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	h := villa()
	h.SetProblems(api.Problem{Code: "clock-floor", Severity: "warning", Title: "The clock is not trusted", Remedy: "set it"})
	s := newServer(t, h, func(o *api.Options) { o.Metrics = func(w io.Writer) { _, _ = io.WriteString(w, "loquet_more 1\n") } })
	ask(s, "GET", "/api/v1/devices", "")
	ask(s, "GET", "/nowhere", "")
	body := ask(s, "GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`loquet_device_available{device="garage"} 1`, `loquet_device_state{device="front",kind="lock",state="secured"} 1`,
		`loquet_problem{code="clock-floor",severity="warning",subject=""} 1`, `loquet_http_requests_total{operation="listDevices",code="200"} 1`,
		`loquet_http_requests_total{operation="refused",code="404"} 1`, "loquet_stream_clients 0", "process_resident_memory_bytes", "loquet_more 1",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}

// TestWithoutParts: a program without HomeKit, simulation or storage has no such paths.
func TestWithoutParts(t *testing.T) {
	s := newServer(t, villa(), func(o *api.Options) { o.Pairings, o.Sim, o.Tokens = nil, nil, nil })
	for _, path := range []string{"/api/v1/pairings", "/api/v1/sim/garage", "/api/v1/tokens", "/api/v1/pair/homekit"} {
		if e := problem(t, ask(s, "GET", path, "")); e.Code != "no-such-path" {
			t.Errorf("%s: %+v", path, e)
		}
	}
}

// serve runs a server on a unix socket and on TCP, and stops it at the end of the test.
func serve(t *testing.T, s *api.Server) (socket, addr string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "loquet.sock")
	u, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, u, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return socket, l.Addr().String()
}
