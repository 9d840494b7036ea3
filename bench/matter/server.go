package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/loquet/loquet/bench/figures"
	"github.com/loquet/loquet/matter/model"
)

const (
	port    = 5540
	hapPort = 51826
	peersAt = "bench/matter/peers"
)

// kind is a server that can be started on a folder of state.
type kind struct {
	name  string
	locks int
	begin func(o *options, dir string) ([]string, error)
	// turn changes what a sensor sees, and watch is the attribute that tells of it, wherever it is.
	turn  func(s *server, on bool) error
	watch model.Change
}

// server is a running one.
type server struct {
	*figures.Process
	kind kind
	dir  string
	http *http.Client // loquet's socket
}

// loquet is a house whose locks are in Matter, and one door of which the photo-eye can be covered; beside them more doors and locks
// that are in HomeKit alone.
func loquet(locks, doors, more int) kind {
	return kind{name: "loquet", locks: locks, begin: func(o *options, dir string) ([]string, error) {
		file := filepath.Join(dir, "loquet.yaml")
		args := []string{o.binary, "run", "--config", file, "--state", filepath.Join(dir, "state"), "--ready-file", filepath.Join(dir, "ready.json"),
			"--matter", fmt.Sprintf("127.0.0.1:%d", port), "--homekit", fmt.Sprintf("127.0.0.1:%d", hapPort), "--console", "127.0.0.1:0", "--interface", "lo"}
		return args, os.WriteFile(file, house(locks, doors, more), 0o600)
	}, watch: model.Change{Cluster: covering, Attribute: safetyStatus}, turn: func(s *server, on bool) error {
		event := "clear"
		if on {
			event = "obstruct"
		}
		response, err := s.http.Post("http://loquet/api/v1/sim/door-1/"+event, "application/json", strings.NewReader("{}"))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			text, _ := io.ReadAll(response.Body)
			return fmt.Errorf("%s: %s", response.Status, text)
		}
		return nil
	}}
}

func matterJS(locks int) kind {
	return kind{name: "matter.js", locks: locks, begin: func(_ *options, dir string) ([]string, error) {
		return []string{"node", peersAt + "/matter-js.mjs", filepath.Join(dir, "state"), fmt.Sprint(port), fmt.Sprint(locks)}, nil
	}, watch: model.Change{Cluster: doorLock, Attribute: doorState}, turn: func(s *server, _ bool) error {
		_, err := io.WriteString(s.Stdin, "turn\n")
		return err
	}}
}

// house is a configuration of motor locks with door contacts on simulated lines.
func house(locks, doors, more int) []byte {
	b := fmt.Appendf(nil, "home: {name: Bench}\nhomekit: {timed_writes: accepted}\nboards: {h: {driver: sim, doors: %d, locks: %d}}\nlocks:\n", max(1, doors), locks+more)
	for i := range locks + more {
		matter := ""
		if i >= locks {
			matter = ", matter: false"
		}
		b = fmt.Appendf(b, " lock-%[1]d: {name: Lock %[1]d, bolt: {driver: motor, secure_relay: h:lock-%[1]d/secure, unsecure_relay: h:lock-%[1]d/unsecure}, "+
			"secured: h:lock-%[1]d/secured, unsecured: h:lock-%[1]d/unsecured, door: h:lock-%[1]d/door%[2]s}\n", i+1, matter)
	}
	b = append(b, "doors:\n"...)
	for i := range max(1, doors) {
		face := "none"
		if i == 0 {
			face = "covering"
		}
		b = fmt.Appendf(b, " door-%[1]d: {name: Door %[1]d, matter: %[2]s, opener: {driver: lines, relay: h:door-%[1]d/relay}, "+
			"closed: h:door-%[1]d/closed, open: h:door-%[1]d/open, obstruction: h:door-%[1]d/obstructed}\n", i+1, face)
	}
	return b
}

func (k kind) start(o *options, dir string) (*server, error) {
	args, err := k.begin(o, dir)
	if err != nil {
		return nil, err
	}
	p, err := figures.Start(dir, args...)
	if err != nil {
		return nil, err
	}
	return &server{Process: p, kind: k, dir: dir, http: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "state", "loquet.sock"))
	}}}}, nil
}

// stop ends a server as a service manager would.
func (s *server) stop() error {
	s.http.CloseIdleConnections()
	if err := s.Stop(s.PID()); err != nil {
		return fmt.Errorf("%s: %w", s.kind.name, err)
	}
	return nil
}

// passcode waits for the one of the server.
func (s *server) passcode(ctx context.Context) (uint32, error) {
	if s.kind.name != "loquet" {
		return 20202021, s.listens(ctx)
	}
	ready, err := s.readReady(ctx, func(r figures.Ready) error {
		if r.Matter == nil {
			return errors.New("it cannot be added")
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return ready.Matter.Passcode, nil
}

// setupCode waits for the HomeKit code of loquet.
func (s *server) setupCode(ctx context.Context) (string, error) {
	ready, err := s.readReady(ctx, func(r figures.Ready) error {
		if len(r.HomeKit) == 0 || r.HomeKit[0].Code == "" {
			return errors.New("it cannot be paired")
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return ready.HomeKit[0].Code, nil
}

// readReady waits for the file that loquet writes when it is ready, and until there is in it what is asked for.
func (s *server) readReady(ctx context.Context, has func(figures.Ready) error) (ready figures.Ready, err error) {
	err = s.Until(ctx, 2*time.Minute, func() (err error) {
		if ready, err = figures.ReadReady(filepath.Join(s.dir, "ready.json")); err != nil {
			return err
		}
		return has(ready)
	})
	return ready, err
}

// listens waits until the server has the port of Matter.
func (s *server) listens(ctx context.Context) error {
	return s.has(ctx, fmt.Sprintf(":%04X 0", port), "/proc/net/udp", "/proc/net/udp6")
}

// hears waits until it has that of HomeKit. Nobody dials it meanwhile: it is one of those that the system gives to whoever dials, so
// that a client could meet itself there.
func (s *server) hears(ctx context.Context) error {
	return s.has(ctx, fmt.Sprintf(":%04X 00000000:0000 0A", hapPort), "/proc/net/tcp")
}

// has waits for a line in one of the tables of sockets.
func (s *server) has(ctx context.Context, line string, tables ...string) error {
	return s.Until(ctx, 2*time.Minute, func() error {
		for _, table := range tables {
			if text, err := os.ReadFile(table); err == nil && bytes.Contains(text, []byte(line)) {
				return nil
			}
		}
		return errors.New("nobody has the port")
	})
}
