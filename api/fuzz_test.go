package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/loquet/loquet/api"
)

// FuzzCommand: whatever the body, at most one command comes of it, and only one that the body spells
// out; everything else is a whole problem document.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{
		`{"action":"open"}`, `{"action":"close","confirm":true}`, `{"action":"open","action":"close"}`, `{"Action":"open"}`,
		`{"action":"\u006fpen"}`, `{"action":"open"} x`, `[]`, ``, `{`, `null`, `{"action":["open"]}`, "\xff", `{"action":"stop","confirm":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		h := villa()
		s := newServer(t, h)
		w := ask(s, "POST", "/api/v1/devices/garage/command", body, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
		asked := h.Asked()
		if w.Code >= 300 {
			problem(t, w)
			if len(asked) > 0 || w.Code >= 500 {
				t.Fatalf("%d, and %d commands", w.Code, len(asked))
			}
			return
		}
		var loose map[string]any
		if err := json.Unmarshal([]byte(body), &loose); err != nil || len(asked) != 1 {
			t.Fatalf("%d commands from %q (%v)", len(asked), body, err)
		}
		c := asked[0].Command
		if loose["action"] != api.ActionWord(c.Action) || (loose["confirm"] == true) != c.Confirm {
			t.Fatalf("%+v from %q", c, body)
		}
	})
}

// FuzzQuery: a query is answered or refused, never an error of ours.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "limit=1", "limit=1&limit=2", "since=2026-11-21T19:00:00Z", "until=2026-11-21T19:00:00%2B01:00", "after=-1",
		"after=9223372036854775807", "device=garage;limit=1", "%zz", "since=0000-01-01T00:00:00Z&limit=1000", "limit=+1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		h := villa()
		note(h, 3)
		s := newServer(t, h)
		w := ask(s, "GET", "/api/v1/history", "", func(r *http.Request) { r.URL.RawQuery = query })
		switch w.Code {
		case 200:
			var rows []api.Row
			if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil || len(rows) > 3 {
				t.Fatalf("%v: %s", err, w.Body)
			}
		case 400:
			problem(t, w)
		default:
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
	})
}

// FuzzCleanName: what goes out is short, printable and UTF-8, and cleaning it again changes nothing.
func FuzzCleanName(f *testing.F) {
	for _, seed := range []string{"Garage", "", " a ", "a\x00b", "\xff\xfe", strings.Repeat("é", 40), "a\u2028b", strings.Repeat("x", 63) + " y", "\U0001F6AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := api.CleanName(s)
		if len(c) > 64 || !utf8.ValidString(c) || strings.ContainsFunc(c, unicode.IsControl) {
			t.Fatalf("%q", c)
		}
		if again := api.CleanName(c); again != c {
			t.Fatalf("%q, then %q", c, again)
		}
	})
}
