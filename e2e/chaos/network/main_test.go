package network

import (
	"context"
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/phone"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// patience is far above what anything takes here, for a machine that is busy.
const patience = 30 * time.Second

// home is a bridge on a host of its own, the street outside with the phones, and the doors themselves.
type home struct {
	inside, outside *e2e.Host
	*e2e.Loquet
	socket string
	sim    sim.Simulation
	first  *phone.Phone // the owner's
}

// build starts a house whose doors move 20 times as fast as real ones, and pairs the owner.
func build(t *testing.T, args ...string) *home {
	t.Helper()
	h := &home{}
	h.inside, h.outside = lab.Pair(t)
	h.start(t, args...)
	return h
}

func (h *home) start(t *testing.T, args ...string) {
	t.Helper()
	h.socket = lab.StartWorld(t, append(args, "--speed", "20")...)
	var err error
	if h.sim, err = sim.Dial(t.Context(), h.socket); err != nil {
		t.Fatal(err)
	}
	h.Loquet = lab.Start(t, e2e.Options{Host: h.inside, Args: append(args, "--world", h.socket)})
	conn := h.dial(t, nil)
	if h.first, err = phone.Pair(conn, h.Bridge(t).SetupCode, patience); err != nil {
		t.Fatal(err)
	}
}

// addr is where the bridge listens, as phones see it.
func (h *home) addr(t testing.TB) string {
	t.Helper()
	_, port, err := net.SplitHostPort(h.Bridge(t).Addr)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(h.inside.Addr.String(), port)
}

// dial connects from outside; from may be nil.
func (h *home) dial(t testing.TB, from net.IP) net.Conn {
	t.Helper()
	addr := h.addr(t)
	var conn net.Conn
	h.outside.Do(t, func() (err error) {
		conn, err = dialer(from).Dial("tcp", addr)
		return err
	})
	return conn
}

func dialer(from net.IP) *net.Dialer {
	d := &net.Dialer{Timeout: patience, KeepAlive: -1}
	if from != nil {
		d.LocalAddr = &net.TCPAddr{IP: from}
	}
	return d
}

// session opens a session of a phone.
func (h *home) session(t testing.TB, p *phone.Phone) *haptest.Client {
	t.Helper()
	client, err := p.Verify(h.dial(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// truth is what the world says of a device.
func (h *home) truth(t testing.TB, id string) sim.Status {
	t.Helper()
	s, err := h.sim.Status(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pulses is how often the relays of all devices were energised.
func (h *home) pulses(t testing.TB) (n int) {
	t.Helper()
	ids, err := h.sim.Devices(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		n += h.truth(t, id).PulsesTotal
	}
	return n
}

// ask reads a page of the API over the unix socket.
func (h *home) ask(path string) (*http.Response, error) {
	socket := filepath.Join(h.Options.State, "loquet.sock")
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	return client.Get("http://loquet" + path)
}

// eventful lists the characteristics that a phone hears of, in parts of what fits one request.
func eventful(c *haptest.Client) ([][]haptest.ID, error) {
	body, err := c.Accessories()
	if err != nil {
		return nil, err
	}
	var served struct {
		Accessories []struct {
			AID      uint64
			Services []struct {
				Characteristics []struct {
					IID   uint64
					Perms []string
				}
			}
		}
	}
	if err := json.Unmarshal(body, &served); err != nil {
		return nil, err
	}
	const most = 60
	var parts [][]haptest.ID
	for _, a := range served.Accessories {
		for _, s := range a.Services {
			for _, ch := range s.Characteristics {
				if !strings.Contains(strings.Join(ch.Perms, " "), "ev") {
					continue
				}
				if n := len(parts); n == 0 || len(parts[n-1]) == most {
					parts = append(parts, nil)
				}
				parts[len(parts)-1] = append(parts[len(parts)-1], haptest.ID{AID: a.AID, IID: ch.IID})
			}
		}
	}
	return parts, nil
}
