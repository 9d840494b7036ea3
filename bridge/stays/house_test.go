package stays

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
)

type space struct {
	mu   sync.Mutex
	rows map[string][]byte
	fuse *fuse // nil: every write is done
}

func (s *space) Get(key string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.rows[key]
	return v, ok, nil
}

func (s *space) List(prefix string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][]byte{}
	for k, v := range s.rows {
		if strings.HasPrefix(k, prefix) {
			out[k] = bytes.Clone(v)
		}
	}
	return out, nil
}

func (s *space) Apply(changes map[string][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fuse.blown() {
		return errDead
	}
	maps.Copy(s.rows, changes)
	maps.DeleteFunc(s.rows, func(_ string, v []byte) bool { return v == nil })
	return nil
}

type clockFunc func() access.Moment

func (f clockFunc) Moment() access.Moment { return f() }

// house is a property whose calendar is a text in memory. It lives in a bubble: its clock begins in 2000.
type house struct {
	t      *testing.T
	codes  *space
	kept   *space
	ledger *ledger.Ledger
	board  *health.Board
	log    bytes.Buffer
	ready  string
	minute time.Duration
	stays  *Stays

	mu    sync.Mutex
	feed  string
	err   error
	asked int
}

func (h *house) moment() access.Moment {
	return access.Moment{Now: time.Now(), Trust: access.Trusted, Floor: time.Now()}
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, codes: &space{rows: map[string][]byte{}}, kept: &space{rows: map[string][]byte{}}, board: health.NewBoard(), minute: 15 * time.Minute}
	h.open()
	return h
}

// open is a start of the program.
func (h *house) open() {
	h.t.Helper()
	sealer, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		h.t.Fatal(err)
	}
	if h.ledger, err = ledger.Open(h.codes, sealer, clockFunc(h.moment), 1); err != nil {
		h.t.Fatal(err)
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		h.t.Fatal(err)
	}
	h.stays = New(Options{Space: h.kept, Ledger: func() (*ledger.Ledger, error) { return h.ledger, nil }, Group: "home", Clock: clockFunc(h.moment),
		Zone: func() *time.Location { return paris }, Keep: func() time.Duration { return 30 * 24 * time.Hour },
		Ready: func(_, _ string) string { h.mu.Lock(); defer h.mu.Unlock(); return h.ready }, Fetch: h.fetch, Minute: h.minute, Board: h.board, Log: zerolog.New(io.Writer(&h.log))})
}

func (h *house) fetch(_ context.Context, at string, _ feeds.Validators) (feeds.Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if at != address {
		return feeds.Answer{}, fmt.Errorf("asked for %s", at)
	}
	return feeds.Answer{Text: []byte(h.feed)}, h.err
}

// says is what the calendar says from now on: "uid from to description".
func (h *house) says(events ...string) {
	text := "BEGIN:VCALENDAR\r\nPRODID:-//Airbnb Inc//Hosting Calendar 1.0//EN\r\n"
	for _, e := range events {
		f := strings.SplitN(e+"   ", " ", 4)
		text += "BEGIN:VEVENT\r\nUID:" + f[0] + "\r\nDTSTART;VALUE=DATE:" + f[1] + "\r\nDTEND;VALUE=DATE:" + f[2] + "\r\nSUMMARY:Reserved\r\nDESCRIPTION:" + strings.TrimSpace(f[3]) + "\r\nEND:VEVENT\r\n"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.feed, h.err = text+"END:VCALENDAR\r\n", nil
}

// set changes what is around the program.
func (h *house) set(do func()) { h.mu.Lock(); defer h.mu.Unlock(); do() }

func (h *house) fetches() int { h.mu.Lock(); defer h.mu.Unlock(); return h.asked }

// run lets the program live until the function it returns is called.
func (h *house) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s := h.stays
	go func() { defer close(done); s.Run(ctx) }()
	synctest.Wait()
	return func() { cancel(); <-done }
}

func (h *house) add(change ...func(*api.CalendarRequest)) api.Calendar {
	h.t.Helper()
	r := api.CalendarRequest{Name: "Flat", URL: address, Doors: []string{"studio"}, Early: "30m", Late: "30m"}
	for _, c := range change {
		c(&r)
	}
	c, err := h.stays.AddCalendar(h.t.Context(), r)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) guest(i int) api.Stay {
	h.t.Helper()
	all, err := h.stays.Stays(h.t.Context())
	if err != nil || len(all) <= i {
		h.t.Fatalf("%d stays, %v", len(all), err)
	}
	return all[i]
}

// opens reports why the code of a stay opens the studio now, or not.
func (h *house) opens(s api.Stay) access.Reason {
	h.t.Helper()
	d, err := h.ledger.Explain(s.CodeID, "studio", h.moment(), access.Uses{})
	if err != nil {
		return access.Reason(err.Error())
	}
	return d.Reason
}

func (h *house) want(what string, got, want any) {
	h.t.Helper()
	if got != want {
		h.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func on(day string) time.Duration {
	at, err := time.Parse(time.DateTime, day)
	if err != nil {
		return 0
	}
	return time.Until(at)
}
