package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/apitest"
)

func with(l *apitest.Ledger) func(*api.Options) {
	return func(o *api.Options) { o.Ledger, o.Keypads = l, l }
}

func TestPeopleAndCodes(t *testing.T) {
	l := &apitest.Ledger{}
	s := newServer(t, villa(), with(l))
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/people", "", 200, "[]"},
		{"POST", "/people", `{"name":"Anna","kind":"owner"}`, 201, `"person-1"`},
		{"POST", "/people", `{"name":"Anna"}`, 422, "kind"},
		{"POST", "/people", `{"kind":"guest"}`, 422, "name"},
		{"POST", "/people", `{"name":"A\nB","kind":"guest"}`, 422, "name"},
		{"POST", "/people", `{"name":"Gus","kind":"burglar"}`, 422, "resident"},
		{"POST", "/people", `{"name":"Gus","kind":"guest","id":"x"}`, 422, "no member"},
		{"PATCH", "/people/person-1", `{"name":"Ann"}`, 200, `"Ann"`},
		{"PATCH", "/people/person-1", `{}`, 422, "nothing to change"},
		{"PATCH", "/people/nobody", `{"kind":"guest"}`, 404, "not-found"},
		{"GET", "/codes", "", 200, "[]"},
		{"POST", "/codes", `{"person":"person-1"}`, 201, `"pin":"` + apitest.Made + `"`},
		{"POST", "/codes", `{"person":"person-1","pin":"739154","doors":["front"],"windows":[{"from":"2026-07-01T15:00","to":"2026-07-05T11:00"}]}`, 201, `"dates"`},
		{"POST", "/codes", `{"person":"person-1","pin":"123456"}`, 422, "weak-pin"},
		{"POST", "/codes", `{"person":"person-1","pin":739154}`, 422, `\"pin\" may not be a number`},
		{"POST", "/codes", `{"person":"person-1","pin":"739154","pin":"1"}`, 422, "twice"},
		{"POST", "/codes", `{"person":"person-1","windows":[{"from":"a","from":"b"}]}`, 422, "twice"},
		{"POST", "/codes", `{"person":"person-1","windows":[{"form":"a"}]}`, 422, "no member"},
		{"POST", "/codes", `{"person":"person-1","windows":[null]}`, 400, "bad-json"},
		{"POST", "/codes", `{"person":"person-1","pin":"739154","card":"8:ff"}`, 422, "PIN or a card"},
		{"POST", "/codes", `{"person":"person-1","pin":"739154","digits":6}`, 422, "digits"},
		{"POST", "/codes", `{"person":"person-1","doors":["attic"]}`, 422, "attic"},
		{"POST", "/codes", `{"pin":"739154"}`, 422, "person"},
		{"POST", "/codes", `{"person":"nobody"}`, 404, "not-found"},
		{"POST", "/codes", `{"person":"` + strings.Repeat("x", 70_000) + `"}`, 413, "too-large"},
		{"GET", "/codes", "", 200, `"code-3"`},
		{"PATCH", "/codes/code-3", `{"revoked":true}`, 200, `"revoked":true`},
		{"PATCH", "/codes/code-3", `{"person":"person-2"}`, 422, "no member"},
		{"PATCH", "/codes/code-3", `{}`, 422, "nothing to change"},
		{"POST", "/codes/explain", `{"door":"front","code_id":"code-3"}`, 200, `"allowed":false,"reason":"revoked"`},
		{"POST", "/codes/explain", `{"door":"front","code":"` + apitest.Made + `","at":"2026-07-01T12:00:00Z"}`, 200, `"allowed":true`},
		{"POST", "/codes/explain", `{"door":"front"}`, 422, "code_id"},
		{"POST", "/codes/explain", `{"door":"front","code":"1","code_id":"x"}`, 422, "code_id"},
		{"POST", "/codes/explain", `{"door":"attic","code_id":"code-3"}`, 422, "attic"},
		{"POST", "/codes/explain", `{"door":"front","code_id":"code-3","at":"noon"}`, 400, "bad-json"},
		{"GET", "/codes/explain", "", 405, "POST"},
		{"DELETE", "/codes/code-3", "", 204, ""},
		{"DELETE", "/codes/code-3", "", 404, "not-found"},
		{"DELETE", "/people/person-1", "", 204, ""},
		{"DELETE", "/people/person-1", "", 404, "not-found"},
		{"POST", "/pair/keypad/studio-pad", "", 200, `"until"`},
		{"POST", "/pair/keypad/attic", "", 404, "not-found"},
	} {
		w := ask(s, c.method, "/api/v1"+c.path, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s %.80s: %d %s, want %d and %q", c.method, c.path, c.body, w.Code, w.Body, c.status, c.says)
		}
		if w.Code >= 400 {
			problem(t, w)
		}
		made := c.method == "POST" && c.path == "/codes" && w.Code == 201
		if text := w.Body.String(); strings.Contains(text, "739154") || strings.Contains(text, apitest.Made) && !made {
			t.Errorf("%s %s answers with a PIN: %s", c.method, c.path, text)
		}
	}
	if asked := l.Explained(); len(asked) != 2 || asked[1].At.IsZero() {
		t.Errorf("%+v", asked)
	}
}

// Whatever the ledger fails with, the answer is a problem, and nobody needs the log to read it.
func TestALedgerThatFails(t *testing.T) {
	l := &apitest.Ledger{Fail: errors.New("the disk broke")}
	s := newServer(t, villa(), with(l))
	for _, path := range []string{"/people", "/codes"} {
		w := ask(s, "GET", "/api/v1"+path, "")
		if e := problem(t, w); w.Code != 500 || e.Why != "the disk broke" {
			t.Errorf("%d %+v", w.Code, e)
		}
	}
}

// Without a ledger there is nothing to ask.
func TestWithoutALedger(t *testing.T) {
	s := newServer(t, villa(), func(o *api.Options) { o.Ledger, o.Keypads = nil, nil })
	for _, path := range []string{"people", "codes", "codes/explain", "pair/keypad/x"} {
		if w := ask(s, "POST", "/api/v1/"+path, "{}"); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// A code that is listed has no member that could hold what is typed.
func TestCodesHaveNoDigits(t *testing.T) {
	text, err := json.Marshal(api.Code{ID: "x", Windows: []api.Window{{}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"pin", "card", "secret", "sealed"} {
		if strings.Contains(string(text), fmt.Sprintf("%q", member)) {
			t.Errorf("%s", text)
		}
	}
}
