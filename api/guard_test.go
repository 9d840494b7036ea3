package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/apitest"
	"github.com/loquet/loquet/device"
)

type operation struct {
	method, path, body string
}

// operations returns every operation of the document, with a body that is accepted.
func operations(t *testing.T, s *api.Server) []operation {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(ask(s, "GET", "/api/v1/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{
		"commandDevice": `{"action":"open"}`, "changePairing": `{"name":"Anna"}`, "createToken": `{"name":"script"}`,
		"addPerson": `{"name":"Gus","kind":"guest"}`, "changePerson": `{"name":"Ann"}`, "addCode": `{"person":"person-1","pin":"739154"}`,
		"changeCode": `{"revoked":true}`, "saveDoorGroup": `{"name":"Flat","doors":["garage"]}`, "changeCalendar": `{"paused":true}`,
		"addCalendar": `{"name":"Flat","url":"https://example.org/x","doors":["garage"]}`, "explainCode": `{"door":"garage","code_id":"code-2"}`,
		"addStay": `{"calendar":"calendar-1","from":"2026-07-01","to":"2026-07-05"}`, "changeStay": `{"name":"Gus"}`,
		"saveHoliday": `{"from":"2026-12-24T00:00","to":"2026-12-27T00:00"}`, "adoptCode": `{"person":"person-1"}`, "confirmClock": `{"at":"2026-07-01T15:00:00Z"}`,
	}
	fill := strings.NewReplacer("{id}", "garage", "{event}", "obstruct", "{user}", "barn", "{lock}", "front", "{slot}", "3")
	var ops []operation
	for path, methods := range doc.Paths {
		for prefix, id := range map[string]string{"pairings": "11-22", "people": "person-1", "codes": "code-2", "pair/keypad": "studio-pad", "calendars": "calendar-1", "stays": "stay-1"} {
			if strings.HasPrefix(path, "/api/v1/"+prefix+"/") {
				path = strings.ReplaceAll(path, "{id}", id)
			}
		}
		for method, op := range methods {
			ops = append(ops, operation{strings.ToUpper(method), fill.Replace(path), bodies[op.OperationID]})
		}
	}
	return ops
}

// TestNothingWithoutToken asks for everything, known and unknown, by every method, with every kind of
// bad token: nothing but 401 comes back, and nothing changes.
func TestNothingWithoutToken(t *testing.T) {
	h := villa()
	s := newServer(t, h)
	ops := operations(t, s)
	if len(ops) < 20 {
		t.Fatalf("only %d operations in the document", len(ops))
	}
	ops = append(ops, operation{"GET", "/", ""}, operation{"GET", "/favicon.ico", ""}, operation{"OPTIONS", "/api/v1/devices", ""},
		operation{"TRACE", "/api/v1/devices", ""}, operation{"POST", "/api/v1/nothing", "{}"}, operation{"GET", "//", ""})
	before := h.Changes()
	for _, op := range ops {
		for _, auth := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + startToken, startToken, "Bearer " + startToken[:len(startToken)-1], "Bearer " + startToken + "x", "Bearer " + startToken + " " + startToken} {
			w := ask(s, op.method, op.path, op.body, func(r *http.Request) {
				r.Header.Del("Authorization")
				if auth != "" {
					r.Header.Set("Authorization", auth)
				}
			})
			if w.Code != http.StatusUnauthorized {
				t.Errorf("%s %s with %q: %d", op.method, op.path, auth, w.Code)
			}
			if w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: no WWW-Authenticate", op.method, op.path)
			}
		}
		two := ask(s, op.method, op.path, op.body, func(r *http.Request) { r.Header.Add("Authorization", "Bearer wrong") })
		if two.Code != http.StatusUnauthorized {
			t.Errorf("%s %s with two tokens: %d", op.method, op.path, two.Code)
		}
	}
	if h.Changes() != before {
		t.Error("something changed")
	}
}

// TestEveryOperationAnswers holds the document against the server: what it lists exists.
func TestEveryOperationAnswers(t *testing.T) {
	s := newServer(t, villa())
	for _, op := range operations(t, s) {
		if op.path == "/api/v1/stream" {
			continue // does not end; tested on its own
		}
		if op.method == "DELETE" && strings.HasPrefix(op.path, "/api/v1/tokens/") {
			continue // tested on its own
		}
		if w := ask(newServer(t, villa()), op.method, op.path, op.body); w.Code >= 300 {
			t.Errorf("%s %s: %d %s", op.method, op.path, w.Code, w.Body)
		}
	}
}

// TestOrigins is the table of Host, Origin and method: whatever a browser on another page sends,
// even with a stolen token, nothing changes.
func TestOrigins(t *testing.T) {
	hosts := map[string]bool{
		"127.0.0.1:8480": true, "192.168.1.20": true, "[::1]:8480": true, "[fe80::1]": true, "localhost:8480": true,
		"LOCALHOST": true, "raspberrypi.local": true, "raspberrypi.local.:8480": true, "door.example.org": true,
		"evil.example": false, "evil.example:8480": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false,
		"evil.local.example": false, ".local": false, "": false, "door.example.org.evil.example": false, "127.1:8480": false, "a b": false,
	}
	origins := []struct {
		name   string
		header map[string]string
		cross  bool
	}{
		{"a script", nil, false},
		{"typed in", map[string]string{"Sec-Fetch-Site": "none"}, false},
		{"our own page", map[string]string{"Sec-Fetch-Site": "same-origin"}, false},
		{"another site", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, true},
		{"another port", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"}, true},
		{"an old browser", map[string]string{"Origin": "https://evil.example"}, true},
		{"a sandboxed frame", map[string]string{"Origin": "null"}, true},
	}
	methods := []operation{
		{"POST", "/api/v1/devices/garage/command", `{"action":"open"}`},
		{"POST", "/api/v1/sim/garage/wall-button", ""},
		{"DELETE", "/api/v1/pairings/11-22", ""},
		{"PATCH", "/api/v1/pairings/11-22", `{"role":"manage"}`},
		{"GET", "/api/v1/devices/garage/command", ""},
		{"GET", "/api/v1/devices", ""},
	}
	n := 0
	for host, good := range hosts {
		for _, o := range origins {
			for _, m := range methods {
				n++
				h := villa()
				w := ask(newServer(t, h), m.method, m.path, m.body, func(r *http.Request) {
					r.Host = host
					for k, v := range o.header {
						r.Header.Set(k, v)
					}
				})
				name := fmt.Sprintf("%s %s to %q from %s", m.method, m.path, host, o.name)
				changed := h.Changes() > 0
				switch {
				case !good && w.Code != http.StatusMisdirectedRequest:
					t.Errorf("%s: %d", name, w.Code)
				case good && o.cross && m.method != "GET" && w.Code != http.StatusForbidden:
					t.Errorf("%s: %d", name, w.Code)
				case (!good || o.cross || m.method == "GET") && changed:
					t.Errorf("%s changed something", name)
				case good && !o.cross && m.method != "GET" && !changed:
					t.Errorf("%s changed nothing: %d", name, w.Code)
				}
				if w.Header().Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s may be read across origins", name)
				}
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d combinations", n)
	}
}

func TestUnixSocketNeedsNoToken(t *testing.T) {
	h := villa()
	socket, addr := serve(t, newServer(t, h))
	local := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	resp, err := local.Post("http://any.name.at.all/api/v1/devices/garage/command", "application/json", strings.NewReader(`{"action":"open"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("status %d", resp.StatusCode)
	}
	want := device.Cause{Kind: device.CauseConsole, Actor: fmt.Sprintf("uid:%d", os.Getuid())}
	if asked := h.Asked(); len(asked) != 1 || asked[0].Command.Cause != want {
		t.Errorf("asked %+v, want the cause %+v", asked, want)
	}
	resp, err = http.Get("http://" + addr + "/api/v1/devices")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("over TCP without a token: %d", resp.StatusCode)
	}
}

// TestTooManyConnections: the ones beyond the bound are closed at once, and a free place is used again.
func TestTooManyConnections(t *testing.T) {
	_, addr := serve(t, newServer(t, villa()))
	// answered opens a connection; only an answer proves that it has its place.
	answered := func() (net.Conn, bool) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(c, "GET /api/v1/version HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", startToken)
		_, err = c.Read(make([]byte, 1))
		if os.IsTimeout(err) {
			t.Fatal("neither an answer nor an end")
		}
		return c, err == nil
	}
	var first net.Conn
	for i := range 64 {
		c, ok := answered()
		if !ok {
			t.Fatalf("connection %d was closed", i+1)
		}
		if first == nil {
			first = c
		}
	}
	if _, ok := answered(); ok {
		t.Error("there are 65 connections")
	}
	first.Close()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, ok := answered(); ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the free place was not used again")
		}
	}
}

// TestRefusedConnectionsEnd: who shows no token holds no place.
func TestRefusedConnectionsEnd(t *testing.T) {
	_, addr := serve(t, newServer(t, villa()))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(4 * time.Second)) // less than any time-out of the server
	fmt.Fprintf(c, "GET /api/v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
	answer, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(answer), "401") {
		t.Errorf("%q %v", answer, err)
	}
}

func TestTokens(t *testing.T) {
	h, space := villa(), &apitest.Space{}
	start := func() *api.Server { return newServer(t, h, func(o *api.Options) { o.Tokens = space }) }
	s := start()
	var made api.NewTokenAnswer
	w := ask(s, "POST", "/api/v1/tokens", `{"name":"backup script"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 201 || made.Secret == "" || made.Name != "backup script" {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	with := func(s *api.Server) int {
		return ask(s, "GET", "/api/v1/devices", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+made.Secret) }).Code
	}
	if got := with(s); got != 200 {
		t.Errorf("the new token: %d", got)
	}
	s = start()
	if got := with(s); got != 200 {
		t.Errorf("after a restart: %d", got)
	}
	if records, _ := space.List(""); strings.Contains(fmt.Sprint(records), made.Secret) || len(records) != 1 {
		t.Errorf("kept are %s", records)
	}
	if list := ask(s, "GET", "/api/v1/tokens", "").Body.String(); strings.Contains(list, made.Secret) || !strings.Contains(list, made.ID) || strings.Contains(list, "hash") {
		t.Errorf("listed are %s", list)
	}
	if w := ask(s, "DELETE", "/api/v1/tokens/"+made.ID, ""); w.Code != 204 {
		t.Errorf("revoke: %d %s", w.Code, w.Body)
	}
	if got := with(s); got != 401 {
		t.Errorf("after it was revoked: %d", got)
	}
	if got := with(start()); got != 401 {
		t.Errorf("after it was revoked and a restart: %d", got)
	}
}

// TestDamagedTokensOpenNothing: a torn record is a token that does not work, not one that any matches.
func TestDamagedTokensOpenNothing(t *testing.T) {
	space := &apitest.Space{}
	ask(newServer(t, villa(), func(o *api.Options) { o.Tokens = space }), "POST", "/api/v1/tokens", `{"name":"a"}`)
	space.Damage()
	s := newServer(t, villa(), func(o *api.Options) { o.Tokens = space; o.StartToken = "" })
	for _, auth := range []string{"Bearer ", "Bearer x", "Bearer torn", "Bearer " + startToken} {
		if w := ask(s, "GET", "/api/v1/devices", "", func(r *http.Request) { r.Header.Set("Authorization", auth) }); w.Code != 401 {
			t.Errorf("%q: %d", auth, w.Code)
		}
	}
}

// fault is an error that says what to do about it.
type fault struct{}

func (fault) Error() string { return "the disk is full" }
func (fault) Hint() string  { return "make room" }

// TestLostTokens: a space that cannot be read keeps no API away, only its tokens; none is said not to be there.
func TestLostTokens(t *testing.T) {
	s := newServer(t, villa(), func(o *api.Options) { o.Tokens = &apitest.Space{Lost: fault{}} })
	if w := ask(s, "GET", "/api/v1/devices", ""); w.Code != 200 {
		t.Errorf("devices: %d", w.Code)
	}
	w := ask(s, "GET", "/api/v1/tokens", "")
	if body := w.Body.String(); w.Code != 503 || !strings.Contains(body, "the disk is full") || !strings.Contains(body, "make room") {
		t.Errorf("tokens: %d %s", w.Code, body)
	}
}

func TestNewTokensDiffer(t *testing.T) {
	a, b := api.NewToken(), api.NewToken()
	if a == b || len(a) < 43 {
		t.Errorf("%q and %q", a, b)
	}
}
