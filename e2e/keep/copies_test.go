package keep

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// from dials as a host of the network does.
func from(t *testing.T, h *e2e.Host, to netip.Addr) func(ctx context.Context) (net.Conn, error) {
	return func(ctx context.Context) (conn net.Conn, err error) {
		h.Do(t, func() error {
			conn, err = new(net.Dialer).DialContext(ctx, "tcp", netip.AddrPortFrom(to, 51826).String())
			return nil
		})
		return conn, err
	}
}

// pairOver pairs over the network of two hosts.
func pairOver(t *testing.T, q *e2e.Loquet, at, phoneHost *e2e.Host) phone {
	t.Helper()
	var p phone
	b := q.Bridge(t)
	_, port, err := net.SplitHostPort(b.Addr)
	if err != nil || port != "51826" {
		t.Fatalf("%s, %v", b.Addr, err)
	}
	b.Addr = netip.AddrPortFrom(at.Addr, 51826).String()
	phoneHost.Do(t, func() error {
		p = pair(t, b)
		return nil
	})
	return p
}

// A backup that is put back on a second machine does not start while the first announces the house. When
// that one is off it starts, and the phone goes on with it.
func TestTheOldOneMustBeOff(t *testing.T) {
	oldHost, newHost := lab.Pair(t)
	old := lab.Start(t, e2e.Options{Host: oldHost})
	p := pairOver(t, old, oldHost, newHost)
	file := backupOf(t, old.Options.State)
	state := filepath.Join(e2e.TempDir(t), "new")
	mustLoquet(t, "restore", file, "--state", state, "--passphrase-file", phraseFile(t, phrase))

	second := e2e.Start(t, e2e.Command{Host: newHost, Name: lab.Binary(t),
		Args: []string{"demo", "--interface", newHost.Device, "--state", state}})
	if status := second.WaitExit(t, limit); status != 1 {
		t.Fatalf("the second one ended with %d:\n%s", status, second.Log())
	}
	for _, part := range []string{"is announced by another bridge already", oldHost.Addr.String(), "switch the other one off"} {
		if !strings.Contains(second.Log(), part) {
			t.Errorf("it does not say %q:\n%s", part, second.Log())
		}
	}
	if _, err := p.accessories(t, from(t, newHost, oldHost.Addr)); err != nil {
		t.Errorf("the first one was disturbed: %v", err)
	}

	old.Stop(t)
	began := time.Now()
	fresh := lab.Start(t, e2e.Options{Host: newHost, State: state})
	first := time.Since(began)
	if _, err := p.accessories(t, from(t, oldHost, newHost.Addr)); err != nil {
		t.Errorf("the phone on the new machine: %v", err)
	}
	// It is at home there from now on: the next start asks nobody.
	fresh.Stop(t)
	if strings.Contains(fresh.Log(), "asking the network") != true {
		t.Errorf("the first start after a restore asked nobody:\n%s", fresh.Log())
	}
	again := fresh.Again(t, nil)
	if strings.Contains(again.Log(), "asking the network") {
		t.Errorf("every start asks:\n%s", again.Log())
	}
	t.Logf("the first start took %v", first)
}

// checkUp is what `loquet doctor --json` prints.
type checkUp struct {
	Problems []struct {
		Code, Subject, Detail string
	}
	Facts struct {
		State   struct{ Folder string }
		Network struct {
			Interfaces []struct {
				Name       string
				IPv4, IPv6 bool
			}
			Services []struct {
				Instance string
				Live     []string
			}
		}
		Controllers []struct {
			ID       string
			Sessions int
			Answers  struct {
				Count int
				P50   float64 `json:"p50_ms"`
				P99   float64 `json:"p99_ms"`
			}
		}
		Copies []struct {
			Host  string
			Addrs []string
		}
	}
}

func doctor(t *testing.T, state string) (c checkUp) {
	t.Helper()
	out, _ := loquet(t, "doctor", "--json", "--state", state) // the status is 1 when something is wrong
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return c
}

func (c checkUp) has(code, subject string) bool {
	for _, p := range c.Problems {
		if p.Code == code && p.Subject == subject {
			return true
		}
	}
	return false
}

// Two machines that were apart when the second started find each other when they meet.
func TestCopiesThatMeet(t *testing.T) {
	oldHost, newHost := lab.Pair(t)
	old := lab.Start(t, e2e.Options{Host: oldHost})
	file := backupOf(t, old.Options.State)
	state := filepath.Join(e2e.TempDir(t), "new")
	mustLoquet(t, "restore", file, "--state", state, "--passphrase-file", phraseFile(t, phrase))
	newHost.Down(t)
	fresh := lab.Start(t, e2e.Options{Host: newHost, State: state})
	if c := doctor(t, state); !c.has("no-multicast", "") {
		e2e.Until(t, limit, func() string {
			if !doctor(t, state).has("no-multicast", "") {
				return "the house without a network says so"
			}
			return ""
		})
	}
	newHost.Up(t)
	for name, state := range map[string]string{"old": old.Options.State, "new": state} {
		e2e.Until(t, 90*time.Second, func() string {
			c := doctor(t, state)
			if !c.has("clone-seen", "") || len(c.Facts.Copies) == 0 {
				return "the " + name + " one sees the other"
			}
			return ""
		})
	}
	old.Stop(t)
	e2e.Until(t, 90*time.Second, func() string {
		if doctor(t, state).has("clone-seen", "") {
			return "the new one is alone"
		}
		return ""
	})
	fresh.Stop(t)
}

// What doctor shows is what is there.
func TestDoctorOnANetwork(t *testing.T) {
	home, visitor := lab.Pair(t)
	q := lab.Start(t, e2e.Options{Host: home, Args: []string{"--interface", "eth77"}})
	p := pairOver(t, q, home, visitor)
	for range 30 {
		if _, err := p.accessories(t, from(t, visitor, home.Addr)); err != nil {
			t.Fatal(err)
		}
	}
	var c checkUp
	e2e.Until(t, limit, func() string {
		c = doctor(t, q.Options.State)
		if n := c.Facts.Network; len(n.Services) == 0 || len(n.Services[0].Live) == 0 {
			return "the bridge is announced"
		}
		if !c.has("interface-missing", "eth77") {
			return "the interface that is not there is told of"
		}
		return ""
	})
	n := c.Facts.Network
	if len(n.Interfaces) != 1 || n.Interfaces[0].Name != home.Device || !n.Interfaces[0].IPv4 || !n.Interfaces[0].IPv6 {
		t.Errorf("interfaces %+v", n.Interfaces)
	}
	if c.Facts.State.Folder != q.Options.State {
		t.Errorf("folder %s", c.Facts.State.Folder)
	}
	if len(c.Facts.Controllers) != 1 || c.Facts.Controllers[0].Answers.Count < 30 {
		t.Fatalf("controllers %+v", c.Facts.Controllers)
	}
	a := c.Facts.Controllers[0].Answers
	if a.P50 <= 0 || a.P99 < a.P50 || a.P99 > 5000 {
		t.Errorf("answers %+v", a)
	}
	if c.has("single-stack", home.Device) || c.has("clone-seen", "") {
		t.Errorf("problems %+v", c.Problems)
	}
	t.Logf("%d answers, half within %.2f ms, 99 of 100 within %.2f ms", a.Count, a.P50, a.P99)
}
