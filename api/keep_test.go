package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/apitest"
)

func kept(k *apitest.Keeper) func(*api.Options) {
	return func(o *api.Options) { o.Keeper = k }
}

func TestBackup(t *testing.T) {
	k := &apitest.Keeper{}
	s := newServer(t, villa(), kept(k))
	w := ask(s, "POST", "/api/v1/backup", `{"passphrase":"correct horse battery"}`)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/octet-stream" || w.Body.String() != "a backup under correct horse battery" {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	for body, want := range map[string]int{`{"passphrase":1}`: 422, `{"password":"x"}`: 422, `[]`: 400} {
		if w := ask(s, "POST", "/api/v1/backup", body); w.Code != want {
			t.Errorf("%s: %d", body, w.Code)
		} else {
			problem(t, w)
		}
	}
	if n := len(k.Passphrases()); n != 1 {
		t.Errorf("%d backups were made", n)
	}
}

// What fails before the first byte is a problem document, later it is only not complete.
func TestBackupFails(t *testing.T) {
	k := &apitest.Keeper{Break: &api.Error{Status: http.StatusInsufficientStorage, Code: "no-room", Why: "full", Remedy: "make room"}}
	s := newServer(t, villa(), kept(k))
	const body = `{"passphrase":"correct horse battery"}`
	w := ask(s, "POST", "/api/v1/backup", body)
	if e := problem(t, w); w.Code != 507 || e.Code != "no-room" {
		t.Errorf("%d %+v", w.Code, e)
	}
	k.Break, k.After = errors.New("the disk went away"), 8
	if w := ask(s, "POST", "/api/v1/backup", body); w.Body.String() != "a backup" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestConfiguration(t *testing.T) {
	k := &apitest.Keeper{}
	s := newServer(t, villa(), kept(k))
	if w := ask(s, "GET", "/api/v1/configuration", ""); w.Code != 404 {
		t.Errorf("without a file: %d", w.Code)
	}
	k.Text = []byte("home: {name: Villa Rose}\n")
	w := ask(s, "GET", "/api/v1/configuration", "")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/yaml" || w.Body.String() != string(k.Text) {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
}

func TestFacts(t *testing.T) {
	seen := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	facts := api.Facts{At: seen, Clock: api.ClockFacts{Trust: "trusted"}, State: api.StateFacts{Folder: "/var/lib/loquet", FreeBytes: 1},
		Controllers: []api.ControllerFacts{{ID: "8F0E", Answers: api.AnswerFacts{Count: 3, P50: 1.5}}}}
	s := newServer(t, villa(), kept(&apitest.Keeper{Seen: facts}))
	facts.Controllers[0].Answers.Max = 2
	w := ask(s, "GET", "/api/v1/doctor", "")
	if strings.Contains(w.Body.String(), "null") {
		t.Errorf("an empty list is null: %s", w.Body)
	}
	var got api.Facts
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %v", w.Code, err)
	}
	if diff := cmp.Diff(facts, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// Without a keeper there are no such paths.
func TestNoKeeper(t *testing.T) {
	s := newServer(t, villa(), func(o *api.Options) { o.Keeper = nil })
	for path, method := range map[string]string{"/api/v1/backup": "POST", "/api/v1/doctor": "GET", "/api/v1/configuration": "GET"} {
		if w := ask(s, method, path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestHistoryInOrder(t *testing.T) {
	h := villa()
	note(h, 3)
	s := newServer(t, h)
	for query, want := range map[string][]int64{"order=oldest&limit=2": {1, 2}, "order=oldest&after=2": {3}, "order=newest&limit=1": {3}} {
		w := ask(s, "GET", "/api/v1/history?"+query, "")
		var rows []api.Row
		if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range rows {
			got = append(got, r.Seq)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	if w := ask(s, "GET", "/api/v1/history?order=upside-down", ""); w.Code != 400 {
		t.Errorf("an order that is none: %d", w.Code)
	}
}
