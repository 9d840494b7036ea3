package stays

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// limit is far above what anything here takes, for a machine that is busy.
const limit = 60 * time.Second

const secret = "s=0123456789abcdef"

// channel is a booking channel on this machine's loopback.
type channel struct {
	*httptest.Server
	mu   sync.Mutex
	text string
	hits int
}

func (c *channel) says(t *testing.T, arrives, leaves time.Time) {
	t.Helper()
	text, err := os.ReadFile(e2e.Folder(t, "examples", "guest-stay", "calendar.ics"))
	if err != nil {
		t.Fatal(err)
	}
	day := func(at time.Time) string { return at.Format("20060102") }
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = strings.NewReplacer("{arrives}", day(arrives), "{leaves}", day(leaves), "{later}", day(leaves.AddDate(0, 0, 3))).Replace(string(text))
}

func (c *channel) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hits++
	_, _ = w.Write([]byte(c.text))
}

// A guest books, is told the code, comes in, and does not after the stay was moved away.
func TestAGuestOfACalendar(t *testing.T) {
	t.Parallel()
	lab.NeedNetworks(t) // without a way out
	text, err := os.ReadFile(e2e.Folder(t, "examples", "guest-stay", "loquet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, sim.DemoHouse(), 1)
	config := strings.Replace(string(text), "{driver: sim}", "{driver: sim, world: "+w.Socket+"}", 1)
	q := lab.Start(t, e2e.Options{Config: config})
	run := func(stdin string, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		cmd := exec.CommandContext(ctx, lab.Binary(t), append(args, "--state", q.Options.State)...)
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("loquet %v: %v\n%s%s", args, err, out.String(), errs.String())
		}
		return out.String()
	}
	guest := func() (s api.Stay) {
		t.Helper()
		var all []api.Stay
		if err := json.Unmarshal([]byte(run("", "stays", "list", "--all", "--json")), &all); err != nil {
			t.Fatal(err)
		}
		if len(all) == 1 {
			s = all[0]
		}
		return s
	}
	c := &channel{}
	c.Server = httptest.NewServer(c)
	defer c.Close()
	today := time.Now()
	c.says(t, today.AddDate(0, 0, -2), today.AddDate(0, 0, 3))
	if c.hits != 0 {
		t.Fatal("fetched before anybody added it")
	}
	added := run(c.URL+"/calendar.ics?"+secret+"\n", "calendars", "add", "Studio", "--doors", "studio")
	if strings.Contains(added, secret) {
		t.Errorf("the address was shown: %s", added)
	}
	e2e.Until(t, limit, func() string {
		if s := guest(); s.CodeID == "" {
			return "a stay with a code"
		}
		return ""
	})
	s := guest()
	if s.State != "here" || s.Confirmation != "HMABCDE123" || s.Told != (time.Time{}) {
		t.Errorf("%+v", s)
	}
	var m api.StayMessage
	if err := json.Unmarshal([]byte(run("", "stays", "message", "HMABCDE123", "--json")), &m); err != nil || len(m.PIN) < 6 || !strings.Contains(m.Text, m.PIN) {
		t.Fatalf("%v, a code of %d digits", err, len(m.PIN))
	}
	explain := func(at time.Time) bool {
		return strings.HasPrefix(run("", "codes", "explain", s.CodeID, "--door", "studio", "--at", at.UTC().Format(time.RFC3339)), "It opens")
	}
	if !explain(today) || explain(today.AddDate(0, 0, -3)) || explain(today.AddDate(0, 0, 4)) {
		t.Error("its code does not open in the stay alone")
	}
	e2e.Until(t, limit, func() string {
		if !q.Device(t, "studio-pad").Available {
			return "a keypad that listens"
		}
		return ""
	})
	q.Await(t, "studio", "secured", limit)
	// Whether a machine's clock is kept right is not this test's: the owner looks at it and says that it is right.
	if text := run("yes\n", "clock", "confirm"); !strings.Contains(text, "It is right: ") {
		t.Errorf("the owner's word: %s", text)
	}
	if rows := q.History(t, "clock"); len(rows) != 1 || rows[0].Kind != "note" || !strings.HasPrefix(rows[0].Cause.Actor, "uid:") {
		t.Errorf("history of the clock: %+v", rows)
	}
	types(t, q, w, m.PIN, "opened")

	// It is over since yesterday: the same code opens nothing.
	c.says(t, today.AddDate(0, 0, -5), today.AddDate(0, 0, -1))
	e2e.Until(t, 2*limit, func() string {
		run("", "calendars", "fetch", "Studio")
		if guest().State != "over" {
			<-time.After(time.Second)
			return "the stay that is over"
		}
		return ""
	})
	q.Await(t, "studio", "secured", limit)
	types(t, q, w, m.PIN, "outside-window")

	// The host moves the stay to next week: the same code, and it does not open now.
	c.says(t, today.AddDate(0, 0, 7), today.AddDate(0, 0, 9))
	e2e.Until(t, 2*limit, func() string {
		run("", "calendars", "fetch", "Studio")
		if guest().State != "coming" || explain(today) {
			return "the stay of next week"
		}
		<-time.After(time.Second)
		return ""
	})
	if again := guest(); again.ID != s.ID || again.CodeID != s.CodeID || again.Told.IsZero() {
		t.Errorf("%+v is another stay than %+v", again, s)
	}
	if !explain(today.AddDate(0, 0, 8)) {
		t.Error("its code does not open next week")
	}
	run("", "stays", "erase", "HMABCDE123")
	if text := run("", "people", "list", "--json"); strings.TrimSpace(text) != "[]" {
		t.Errorf("somebody is still known: %s", text)
	}
	q.Stop(t)
	for _, word := range []string{secret, m.PIN, "HMABCDE123"} {
		if strings.Contains(q.Log(), word) {
			t.Error("the log tells a secret")
		}
	}
}

// types types a code at the studio and wants the door to open, or a row that says why not.
func types(t *testing.T, q *e2e.Loquet, w *world.World, pin, want string) {
	t.Helper()
	before, rows := w.Status(t, "studio").PulsesTotal, len(q.History(t, "studio-pad"))
	w.Type(t, "studio-pad", pin+"#")
	got := ""
	e2e.Until(t, limit, func() string {
		if n := w.Status(t, "studio").PulsesTotal - before; n > 0 {
			got = "opened"
			return ""
		}
		if all := q.History(t, "studio-pad"); len(all) > rows && all[len(all)-1].Kind == "refused" {
			got = all[len(all)-1].Code
			return ""
		}
		return fmt.Sprintf("a door that opens, or a row that says why not: %+v, the keypad %+v", latest(q.History(t, "studio")), latest(q.History(t, "studio-pad")))
	})
	if got != want {
		t.Errorf("typed at the door: %s, want %s", got, want)
	}
}

// latest are the last rows of a history.
func latest(rows []e2e.Row) []e2e.Row { return rows[max(0, len(rows)-4):] }
