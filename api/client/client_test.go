package client_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/apitest"
	"github.com/loquet/loquet/api/client"
	"github.com/loquet/loquet/device"
)

const token = "loquet_token-of-the-tests"

// start serves the house on <folder>/loquet.sock until stop is called or the test ends.
func start(t *testing.T, h *apitest.House, folder string) (stop func()) {
	t.Helper()
	s, err := api.New(h, api.Options{Log: zerolog.Nop(), StartToken: token, Stream: h.Stream, Pairings: h, Sim: h, Tokens: &apitest.Space{}, Version: api.Version{Version: "1.2.3"}})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, s, folder)
}

func serve(t *testing.T, s *api.Server, folder string) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(folder, client.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(ctx, l); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func garage(p device.Position) api.Device {
	return api.DoorDevice("garage", "Garage", device.DoorState{Position: p, Available: true}, nil)
}

func TestCalls(t *testing.T) {
	h, folder, ctx := apitest.New(), t.TempDir(), t.Context()
	h.Put(garage(device.PositionClosed))
	h.SetPairings([]api.HomeKitBridge{{Name: "Loquet", SetupCode: "1"}}, api.Pairing{ID: "a/b c", Role: "view"})
	start(t, h, folder)
	c := client.Socket(filepath.Join(folder, client.SocketName))

	if list, err := c.Devices(ctx); err != nil || len(list) != 1 || list[0].State.Position != "closed" {
		t.Errorf("devices %+v %v", list, err)
	}
	if a, err := c.Command(ctx, "garage", "open", true); err != nil || a.Intent != 1 {
		t.Errorf("command %+v %v", a, err)
	}
	if got := h.Asked(); len(got) != 1 || got[0].Command.Action != device.ActionOpen || !got[0].Command.Confirm {
		t.Errorf("asked %+v", got)
	}
	_, err := c.Command(ctx, "attic", "open", false)
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Code != "no-such-device" || refused.Remedy == "" || refused.Status != 404 {
		t.Errorf("error %#v", err)
	}
	if rows, err := c.History(ctx, api.HistoryQuery{Device: "garage", Since: time.Now().Add(-time.Hour), Limit: 5}); err != nil || len(rows) != 1 || rows[0].Action != "open" {
		t.Errorf("history %+v %v", rows, err)
	}
	if v, err := c.VerifyHistory(ctx); err != nil || !v.OK {
		t.Errorf("verify %+v %v", v, err)
	}
	name := "Anna"
	if p, err := c.ChangePairing(ctx, "a/b c", api.PairingChange{Name: &name}); err != nil || p.Name != "Anna" {
		t.Errorf("change %+v %v", p, err)
	}
	if err := c.RemovePairing(ctx, "a/b c"); err != nil {
		t.Error(err)
	}
	if b, err := c.HomeKit(ctx, true); err != nil || len(b) != 1 || b[0].ArmedUntil.IsZero() {
		t.Errorf("arm %+v %v", b, err)
	}
	made, err := c.CreateToken(ctx, "script")
	if err != nil || made.Secret == "" {
		t.Errorf("token %+v %v", made, err)
	}
	if err := c.RevokeToken(ctx, made.ID); err != nil {
		t.Error(err)
	}
	if err := c.SimEvent(ctx, "garage", api.EventKeypad, "12#"); err != nil || h.Events()[len(h.Events())-1] != "garage keypad 12#" {
		t.Errorf("sim %v %v", h.Events(), err)
	}
	if s, err := c.Sim(ctx, "garage"); err != nil || s.PulsesTotal != 3 {
		t.Errorf("sim %+v %v", s, err)
	}
	if err := c.Reload(ctx); err != nil {
		t.Error(err)
	}
}

// TestSentOnce: a peer that takes the command and then drops the connection, or redirects it, gets
// it once.
func TestSentOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil && r.Method == http.MethodPost {
				got.Add(1)
			}
			conn.Close()
		}
	}()
	c, err := client.URL("http://"+l.Addr().String(), token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		_, err := c.Command(t.Context(), "garage", "open", false)
		var e *client.Error
		if !errors.As(err, &e) || e.Remedy != "it may have been done: look before you try again" {
			t.Errorf("error %v", err)
		}
		if n := got.Load(); n != int32(i)+1 {
			t.Fatalf("sent %d times after %d commands", n, i+1)
		}
	}
	redirected := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		redirected++
		http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	c, err = client.URL(s.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Command(t.Context(), "garage", "open", false); err == nil || redirected != 1 {
		t.Errorf("%v after %d requests", err, redirected)
	}
}

func TestAnswersThatAreNotLoquet(t *testing.T) {
	for _, body := range []string{"<html>", `{"detail":`, "", `[]`} {
		for _, status := range []int{200, 404, 500} {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}))
			c, err := client.URL(s.URL, token)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Device(t.Context(), "garage")
			var e *client.Error
			if !errors.As(err, &e) || e.Why == "" || e.Remedy == "" {
				t.Errorf("%d %q: %v", status, body, err)
			}
			s.Close()
		}
	}
}

func TestURL(t *testing.T) {
	for _, bad := range []string{"", "192.168.1.20:8480", "ftp://x", "http://", "http://user@x", "http://x?y=1", "%"} {
		if _, err := client.URL(bad, token); err == nil {
			t.Errorf("%q is a URL", bad)
		}
	}
	if _, err := client.URL("http://127.0.0.1:8480", ""); err == nil {
		t.Error("no token is needed")
	}
}

// TestFollow: over a restart of the bridge every row comes once, and the state comes again.
func TestFollow(t *testing.T) {
	h, folder := apitest.New(), t.TempDir()
	h.Put(garage(device.PositionClosed))
	for range 3 {
		h.Write(api.Row{Device: "garage", Kind: "note", At: time.Now()})
	}
	stop := start(t, h, folder)
	c := client.Socket(filepath.Join(folder, client.SocketName))
	rows, states := make(chan int64, 100), make(chan string, 100)
	enough := errors.New("enough")
	done := make(chan error, 1)
	go func() {
		done <- c.Follow(t.Context(), 1, func(e client.Event) error {
			switch {
			case e.Row != nil:
				rows <- e.Row.Seq
				if e.Row.Seq == 6 {
					return enough
				}
			case e.Device != nil:
				states <- e.Device.State.Position
			}
			return nil
		})
	}()
	for want := int64(2); want <= 3; want++ {
		if got := <-rows; got != want {
			t.Fatalf("row %d, want %d", got, want)
		}
	}
	stop()
	h.Write(api.Row{Device: "garage", Kind: "note", At: time.Now()})
	h.Put(garage(device.PositionOpen))
	start(t, h, folder)
	if got := <-rows; got != 4 {
		t.Fatalf("row %d after the restart, want 4", got)
	}
	h.Write(api.Row{Device: "garage", Kind: "note", At: time.Now()})
	h.Write(api.Row{Device: "garage", Kind: "note", At: time.Now()})
	for want := int64(5); want <= 6; want++ {
		if got := <-rows; got != want {
			t.Fatalf("row %d, want %d", got, want)
		}
	}
	if err := <-done; !errors.Is(err, enough) {
		t.Errorf("ended with %v", err)
	}
	if first, second := <-states, <-states; first != "closed" || second != "open" {
		t.Errorf("states %s, %s", first, second)
	}
}

func TestFollowNothing(t *testing.T) {
	c := client.Socket(filepath.Join(t.TempDir(), client.SocketName))
	var e *client.Error
	if err := c.Follow(t.Context(), client.FromNow, func(client.Event) error { return nil }); !errors.As(err, &e) {
		t.Errorf("%v", err)
	}
}

func TestDemoPointer(t *testing.T) {
	run, tmp := t.TempDir(), t.TempDir()
	env := map[string]string{"XDG_RUNTIME_DIR": run, "TMPDIR": tmp}
	getenv := func(k string) string { return env[k] }
	if _, err := client.FindDemo(getenv); !errors.Is(err, client.ErrNoDemo) {
		t.Errorf("without a demo: %v", err)
	}
	d := client.Demo{PID: 42, Socket: filepath.Join(tmp, "loquet.sock"), State: tmp}
	check := func(where string) {
		t.Helper()
		if err := client.WriteDemo(getenv, d); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(where)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v %v", info, err)
		}
		if got, err := client.FindDemo(getenv); err != nil || got != d {
			t.Errorf("%+v %v", got, err)
		}
	}
	path := filepath.Join(run, "loquet-demo.json")
	check(path)
	if err := client.RemoveDemo(getenv, 43); err != nil {
		t.Error(err)
	}
	if _, err := client.FindDemo(getenv); err != nil {
		t.Errorf("another demo's end removed it: %v", err)
	}
	if err := client.RemoveDemo(getenv, 42); err != nil {
		t.Error(err)
	}
	env["XDG_RUNTIME_DIR"] = filepath.Join(run, "gone")
	path = filepath.Join(tmp, "loquet-demo-"+strconv.Itoa(os.Getuid())+".json")
	check(path)

	content, _ := json.Marshal(d)
	for name, plant := range map[string]func() error{
		"readable by others": func() error { return os.Chmod(path, 0o644) },
		"a link": func() error {
			other := filepath.Join(tmp, "other")
			return errors.Join(os.Remove(path), os.WriteFile(other, content, 0o600), os.Symlink(other, path))
		},
		"a folder":        func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"torn":            func() error { return errors.Join(os.Remove(path), os.WriteFile(path, content[:5], 0o600)) },
		"a relative path": func() error { return os.WriteFile(path, []byte(`{"pid":42,"socket":"loquet.sock"}`), 0o600) },
	} {
		_ = os.RemoveAll(path)
		if err := client.WriteDemo(getenv, d); err != nil {
			t.Fatal(err)
		}
		if err := plant(); err != nil {
			t.Fatal(err)
		}
		if got, err := client.FindDemo(getenv); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if os.Getuid() == 0 {
		_ = os.RemoveAll(path)
		if err := client.WriteDemo(getenv, d); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, 12345, -1); err != nil {
			t.Fatal(err)
		}
		if got, err := client.FindDemo(getenv); err == nil {
			t.Errorf("another user's: %+v", got)
		}
	}
}

func TestFind(t *testing.T) {
	demo := func(t *testing.T, dir, socket string) {
		t.Helper()
		getenv := func(k string) string { return map[string]string{"XDG_RUNTIME_DIR": dir}[k] }
		if err := client.WriteDemo(getenv, client.Demo{PID: 1, Socket: socket}); err != nil {
			t.Fatal(err)
		}
	}
	dirs := map[string]string{}
	for _, name := range []string{"flag", "env", "run", "home", "demo", "empty"} {
		dirs[name] = t.TempDir()
	}
	state := filepath.Join(dirs["home"], ".local", "state", "loquet")
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dirs["flag"], dirs["env"], dirs["run"], state, dirs["demo"]} {
		start(t, apitest.New(), dir)
	}
	demo(t, dirs["demo"], filepath.Join(dirs["demo"], client.SocketName))
	// A socket without a bridge behind it: what a killed one leaves.
	stale := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(stale, client.SocketName)})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()

	tests := []struct {
		name  string
		where client.Where
		env   map[string]string
		want  string // the folder of the socket, or the URL; empty: an error
	}{
		{"flag url", client.Where{URL: "http://127.0.0.1:1", Token: token, State: "x"}, map[string]string{"LOQUET_STATE": dirs["env"]}, "http://127.0.0.1:1"},
		{"flag state", client.Where{State: dirs["flag"]}, map[string]string{"LOQUET_URL": "http://127.0.0.1:1", "LOQUET_TOKEN": token, "LOQUET_STATE": dirs["env"]}, dirs["flag"]},
		{"flag url, token from the environment", client.Where{URL: "http://127.0.0.1:1"}, map[string]string{"LOQUET_TOKEN": token}, "http://127.0.0.1:1"},
		{"url without a token", client.Where{URL: "http://127.0.0.1:1"}, nil, ""},
		{"env url", client.Where{}, map[string]string{"LOQUET_URL": "http://127.0.0.1:1", "LOQUET_TOKEN": token, "LOQUET_STATE": dirs["env"]}, "http://127.0.0.1:1"},
		{"env state", client.Where{Run: []string{dirs["run"]}}, map[string]string{"LOQUET_STATE": dirs["env"]}, dirs["env"]},
		{"service", client.Where{Run: []string{dirs["run"]}}, map[string]string{"HOME": dirs["home"], "XDG_RUNTIME_DIR": dirs["demo"]}, dirs["run"]},
		{"own state", client.Where{Run: []string{dirs["empty"]}}, map[string]string{"HOME": dirs["home"], "XDG_RUNTIME_DIR": dirs["demo"]}, state},
		{"a killed service", client.Where{Run: []string{stale}}, map[string]string{"HOME": dirs["home"]}, state},
		{"XDG state", client.Where{Run: []string{dirs["empty"]}}, map[string]string{"XDG_STATE_HOME": filepath.Dir(state), "HOME": "/nonexistent"}, state},
		{"demo", client.Where{Run: []string{dirs["empty"]}}, map[string]string{"HOME": dirs["empty"], "XDG_RUNTIME_DIR": dirs["demo"]}, dirs["demo"]},
		{"nothing", client.Where{Run: []string{dirs["empty"]}}, map[string]string{"HOME": dirs["empty"], "XDG_RUNTIME_DIR": dirs["empty"], "TMPDIR": dirs["empty"]}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.where.Getenv = func(k string) string { return tt.env[k] }
			c, err := client.Find(t.Context(), tt.where)
			if tt.want == "" {
				var e *client.Error
				if !errors.As(err, &e) || e.Remedy == "" {
					t.Errorf("found %v, error %v", c, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Name(); got != tt.want && got != filepath.Join(tt.want, client.SocketName) {
				t.Errorf("found %s, want %s", got, tt.want)
			}
		})
	}
}
