package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"
)

// API asks a loquet over its unix socket, whose permission is the authentication.
type API struct {
	http *http.Client
}

// Device is a device as the API shows it.
type Device struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Available bool   `json:"available"`
	State     struct {
		Position   string `json:"position"`
		Bolt       string `json:"bolt"`
		Open       string `json:"open"`
		Target     string `json:"target"`
		Obstructed string `json:"obstructed"`
		DoorOpen   string `json:"door_open"`
		Confidence string `json:"confidence"`
		Warning    bool   `json:"warning"`
		Suspended  bool   `json:"suspended"`
		Fault      string `json:"fault"`
		Cause      Cause  `json:"cause"`
	} `json:"state"`
}

// At is where a door or a bolt is, or whether a contact is open (yes, no).
func (d Device) At() string { return d.State.Position + d.State.Bolt + d.State.Open }

// Cause says who moved a device.
type Cause struct {
	Kind  string `json:"kind"`
	Actor string `json:"actor"`
	Name  string `json:"name"`
	Place string `json:"place"`
}

// Row is a row of the history.
type Row struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Device  string    `json:"device"`
	Kind    string    `json:"kind"`
	Cause   Cause     `json:"cause"`
	Action  string    `json:"action"`
	Intent  int64     `json:"intent"`
	Outcome string    `json:"outcome"`
	Code    string    `json:"code"`
	State   string    `json:"state"`
	Detail  string    `json:"detail"`
}

// Answer is what became of a command: Status and, unless it is 409, the rest.
type Answer struct {
	Status  int    `json:"-"`
	Intent  int64  `json:"intent"`
	Already bool   `json:"already"`
	Warning bool   `json:"warning"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Remedy  string `json:"remedy"`
}

// Sim is the simulated truth about a device: what no sensor and no bridge can colour.
type Sim struct {
	Pulses         int64   `json:"pulses"`       // rest to active, since this process began
	PulsesTotal    int64   `json:"pulses_total"` // since the world began
	Edges          int64   `json:"edges"`
	LastEdgeUnixNS int64   `json:"last_edge_unix_ns"`
	Position       float64 `json:"position"` // 0 closed, 1 open
	Moving         string  `json:"moving"`
}

// LastEdge is when an output of the device last changed.
func (s Sim) LastEdge() time.Time { return time.Unix(0, s.LastEdgeUnixNS) }

// requestLimit is above the 3 s within which every face must be answered.
const requestLimit = 5 * time.Second

func newAPI(socket string) *API {
	return &API{http: &http.Client{
		Timeout: requestLimit,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "unix", socket)
			},
		},
	}}
}

// call sends one request; it returns the status, with the answer decoded into out unless out is nil.
func (a *API) call(method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	request, err := http.NewRequest(method, "http://loquet"+path, body)
	if err != nil {
		return 0, err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := a.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if out != nil && len(text) > 0 {
		if err := json.Unmarshal(text, out); err != nil {
			return response.StatusCode, fmt.Errorf("%s %s: %s: %w: %s", method, path, response.Status, err, text)
		}
	}
	if response.StatusCode >= 400 {
		return response.StatusCode, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	return response.StatusCode, nil
}

func (a *API) get(t testing.TB, path string, out any) {
	t.Helper()
	if _, err := a.call(http.MethodGet, path, nil, out); err != nil {
		t.Fatal(err)
	}
}

// Do asks for anything, and must not be refused.
func (a *API) Do(t testing.TB, method, path string, in, out any) {
	t.Helper()
	if status, err := a.call(method, path, in, out); err != nil || status >= 300 {
		t.Fatalf("%s %s: %d, %v", method, path, status, err)
	}
}

// Text returns a page as it is.
func (a *API) Text(t testing.TB, path string) string {
	t.Helper()
	response, err := a.http.Get("http://loquet" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, response.Status, err)
	}
	return string(text)
}

// Try asks for anything. An answer of any status is an answer: err is not nil where there was none, because the
// bridge has died on the way, or where it cannot be read.
func (a *API) Try(method, path string, in, out any) (status int, err error) {
	status, err = a.call(method, path, in, out)
	if status >= 400 {
		err = nil
	}
	return status, err
}

// Devices lists all devices.
func (a *API) Devices(t testing.TB) []Device {
	t.Helper()
	var ds []Device
	a.get(t, "/api/v1/devices", &ds)
	return ds
}

// Device returns one device.
func (a *API) Device(t testing.TB, id string) Device {
	t.Helper()
	var d Device
	a.get(t, "/api/v1/devices/"+id, &d)
	return d
}

// Sim returns the simulated truth about a device.
func (a *API) Sim(t testing.TB, id string) Sim {
	t.Helper()
	var s Sim
	a.get(t, "/api/v1/sim/"+id, &s)
	return s
}

// Event lets something happen to a simulated device.
func (a *API) Event(t testing.TB, id, event string) {
	t.Helper()
	if _, err := a.call(http.MethodPost, "/api/v1/sim/"+id+"/"+event, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// Command asks a device to act. A refusal is an answer, not an error.
func (a *API) Command(t testing.TB, id, action string) Answer {
	t.Helper()
	answer, err := a.TryCommand(id, action)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TryCommand is Command for callers that expect the bridge to die on the way.
func (a *API) TryCommand(id, action string) (Answer, error) {
	var answer Answer
	status, err := a.call(http.MethodPost, "/api/v1/devices/"+id+"/command", map[string]any{"action": action}, &answer)
	answer.Status = status
	if err != nil && status != http.StatusConflict {
		return answer, err
	}
	return answer, nil
}

// Must asks a device to act and requires that it will.
func (a *API) Must(t testing.TB, id, action string) Answer {
	t.Helper()
	answer := a.Command(t, id, action)
	if answer.Status != http.StatusAccepted {
		t.Fatalf("%s %s: status %d %s: %s", action, id, answer.Status, answer.Code, answer.Detail)
	}
	return answer
}

// Await waits until a device is where it should be.
func (a *API) Await(t testing.TB, id, at string, limit time.Duration) Device {
	t.Helper()
	var d Device
	Until(t, limit, func() string {
		if d = a.Device(t, id); d.At() != at {
			return fmt.Sprintf("%s to be %s; it is %+v", id, at, d.State)
		}
		return ""
	})
	return d
}

// History returns the rows of a device, oldest first.
func (a *API) History(t testing.TB, device string) []Row {
	t.Helper()
	return a.rows(t, url.Values{"device": {device}})
}

// Since returns all rows with a greater seq, oldest first.
func (a *API) Since(t testing.TB, seq int64) []Row {
	t.Helper()
	rows := a.rows(t, url.Values{})
	for len(rows) > 0 && rows[0].Seq <= seq {
		rows = rows[1:]
	}
	return rows
}

// mostRows is the most that one answer holds.
const mostRows = 1000

func (a *API) rows(t testing.TB, query url.Values) []Row {
	t.Helper()
	query.Set("limit", strconv.Itoa(mostRows))
	var rows []Row
	a.get(t, "/api/v1/history?"+query.Encode(), &rows)
	slices.Reverse(rows)
	return rows
}

// Problems are the codes of what is wrong now.
func (a *API) Problems(t testing.TB) []string {
	t.Helper()
	var health struct {
		Problems []struct {
			Code string `json:"code"`
		} `json:"problems"`
	}
	a.get(t, "/api/v1/health", &health)
	codes := make([]string, len(health.Problems))
	for i, p := range health.Problems {
		codes[i] = p.Code
	}
	return codes
}
