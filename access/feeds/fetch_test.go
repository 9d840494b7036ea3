package feeds_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/access/feeds"
)

const secret = "s=0123456789abcdef"

func TestFetch(t *testing.T) {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	defer s.Close()
	answer := func(path string, do http.HandlerFunc) { mux.HandleFunc(path, do) }
	answer("/ok", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"1"`)
		_, _ = w.Write([]byte("BEGIN:VCALENDAR"))
	})
	status := func(path string, code int) {
		answer(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(code)
		})
	}
	status("/gone", 404)
	status("/denied", 403)
	status("/busy", 429)
	status("/broken", 500)
	answer("/big", func(w http.ResponseWriter, _ *http.Request) {
		for range 11 {
			_, _ = w.Write(make([]byte, 1<<20))
		}
	})
	answer("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("BEGIN"))
	})
	answer("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop?"+secret, http.StatusFound) })
	answer("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://192.0.2.1/?"+secret, http.StatusFound)
	})
	answer("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/here", http.StatusFound) })
	answer("/here", func(w http.ResponseWriter, r *http.Request) {
		if r.Referer() != "" {
			t.Errorf("the address was told: %s", r.Referer())
		}
		_, _ = w.Write([]byte("BEGIN"))
	})
	f := feeds.NewFetcher(nil)
	fetch := func(path string, v feeds.Validators) (feeds.Answer, error) {
		a, err := f.Fetch(t.Context(), s.URL+path+"?"+secret, v)
		if err != nil && (strings.Contains(err.Error(), "s=") || strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "127.0.0.1")) {
			t.Errorf("%s: the error tells the address: %v", path, err)
		}
		return a, err
	}
	first, err := fetch("/ok", feeds.Validators{})
	if err != nil || string(first.Text) != "BEGIN:VCALENDAR" {
		t.Fatalf("%v, %s", err, first.Text)
	}
	if again, err := fetch("/ok", first.Validators); err != nil || !again.Unchanged || again.Text != nil {
		t.Errorf("%v, %+v", err, again)
	}
	if a, err := fetch("/moved", feeds.Validators{}); err != nil || string(a.Text) != "BEGIN" {
		t.Errorf("%v, %+v", err, a)
	}
	for path, want := range map[string]error{"/gone": feeds.ErrGone, "/denied": feeds.ErrDenied, "/busy": feeds.ErrBusy, "/broken": feeds.ErrUnreachable,
		"/big": feeds.ErrTooLarge, "/cut": feeds.ErrUnreachable, "/loop": feeds.ErrUnreachable, "/away": feeds.ErrUnreachable} {
		a, err := fetch(path, feeds.Validators{})
		if !errors.Is(err, want) || len(a.Text) > 0 {
			t.Errorf("%s: %v", path, err)
		}
		if path == "/busy" && a.After != time.Hour {
			t.Errorf("asked to wait %s", a.After)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	answer("/slow", func(_ http.ResponseWriter, r *http.Request) {
		cancel() // who asks gives up
		<-r.Context().Done()
	})
	if _, err := f.Fetch(ctx, s.URL+"/slow?"+secret, feeds.Validators{}); !errors.Is(err, feeds.ErrUnreachable) || strings.Contains(err.Error(), "s=") {
		t.Errorf("%v", err)
	}
	s.Close()
	if _, err := fetch("/ok", feeds.Validators{}); !errors.Is(err, feeds.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestAddresses(t *testing.T) {
	for address, fits := range map[string]bool{
		"https://www.airbnb.com/calendar/ical/1.ics?s=1": true, "http://127.0.0.1:8000/x": true, "http://[::1]/x": true, "http://localhost/x": true,
		"http://www.airbnb.com/x": false, "ftp://x/y": false, "file:///etc/passwd": false, "https://user:pass@x/y": false, "": false, "airbnb": false,
		"webcal://x/y": false, "https:///x": false, "https://x/" + strings.Repeat("a", 3000): false,
	} {
		if err := feeds.CheckURL(address); (err == nil) != fits || err != nil && (!errors.Is(err, feeds.ErrCalendar) || address != "" && strings.Contains(err.Error(), address)) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if r := feeds.Redact("https://www.airbnb.com/calendar/ical/1.ics?" + secret); r != "https://www.airbnb.com/..." {
		t.Error(r)
	}
}

func TestBackOff(t *testing.T) {
	last := time.Duration(0)
	for failures := range 20 {
		wait := feeds.Wait(failures, 0)
		if wait < 12*time.Minute || wait > 8*time.Hour {
			t.Errorf("%d failures: %s", failures, wait)
		}
		if failures > 1 && failures < 5 && wait <= last {
			t.Errorf("%d failures: %s after %s", failures, wait, last)
		}
		last = wait
	}
	if wait := feeds.Wait(1, 20*time.Hour); wait != 20*time.Hour {
		t.Errorf("asked for 20 h: %s", wait)
	}
}
