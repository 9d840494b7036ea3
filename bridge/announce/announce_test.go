package announce

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/mdns"
	"github.com/loquet/loquet/mdns/mdnstest"
)

// phone hears what is announced on a network in memory.
type phone struct {
	mu    sync.Mutex
	there map[string]string // TXT by instance
}

func newPhone(t *testing.T, n *mdnstest.Network) *phone {
	t.Helper()
	host := n.Host("phone")
	host.Plug("eth0", "home", "10.0.0.9/24")
	r, err := mdns.New(mdns.Config{Hostname: "phone", Transport: host})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	p := &phone{there: map[string]string{}}
	all.Go(func() { _ = r.Run(ctx) })
	all.Go(func() {
		_ = r.Browse(ctx, hapType, func(e mdns.Entry) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if e.Gone {
				delete(p.there, e.Instance)
			} else {
				p.there[e.Instance] = fmt.Sprintf("%d %s", e.Port, strings.Join(e.TXT, " "))
			}
		})
	})
	t.Cleanup(func() { cancel(); all.Wait() })
	return p
}

func (p *phone) sees() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for name, txt := range p.there {
		out = append(out, name+": "+txt)
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

func pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

func ad(name string, port int, txt ...string) homekit.Advertisement {
	return homekit.Advertisement{Instance: name, Port: port, TXT: txt}
}

func codes(b *health.Board) string {
	var out []string
	for _, p := range b.Active() {
		out = append(out, strings.TrimSpace(string(p.Code)+" "+p.Subject))
	}
	return strings.Join(out, ", ")
}

func TestAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mdnstest.NewNetwork()
		host := network.Host("house")
		host.Plug("eth0", "home", "10.0.0.1/24")
		p := newPhone(t, network)
		board := health.NewBoard()
		a := New()
		a.Set("main", ad("Villa", 51826, "c#=1", "sf=1")) // before there is a network
		a.Start(Options{Hostname: "loquet-1", Board: board, Log: zerolog.Nop(), Transport: host})
		for _, step := range []struct {
			what string
			do   func()
			sees string
		}{
			{"start", func() {}, "Villa: 51826 c#=1 sf=1"},
			{"a change", func() { a.Set("main", ad("Villa", 51826, "c#=2", "sf=0")) }, "Villa: 51826 c#=2 sf=0"},
			{"a tile", func() { a.Set("own/front", ad("Front", 4000, "c#=1")) }, "Front: 4000 c#=1; Villa: 51826 c#=2 sf=0"},
			{"another port", func() { a.Set("own/front", ad("Front", 4001, "c#=1")) }, "Front: 4001 c#=1; Villa: 51826 c#=2 sf=0"},
			{"no tile", func() { a.Set("own/front", ad("", 0)) }, "Villa: 51826 c#=2 sf=0"},
			{"no tile, again", func() { a.Set("own/front", ad("", 0)) }, "Villa: 51826 c#=2 sf=0"},
		} {
			step.do()
			pass(10 * time.Second)
			if got := p.sees(); got != step.sees {
				t.Errorf("%s: a phone sees %q, want %q", step.what, got, step.sees)
			}
		}
		if got := codes(board); got != "" {
			t.Errorf("problems %s", got)
		}
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
		pass(2 * time.Second)
		if got := p.sees(); got != "" {
			t.Errorf("after the goodbye a phone sees %q", got)
		}
		a.Set("main", ad("Villa", 51826)) // a late call
		a.Set("main", ad("", 0))
	})
}

// A network that nobody can be reached over is told, and is over once there is one.
func TestNoNetworkIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mdnstest.NewNetwork()
		host := network.Host("house")
		host.Plug("eth0", "home", "10.0.0.1/24")
		host.SetUp("eth0", false)
		board := health.NewBoard()
		a := New()
		a.Start(Options{Hostname: "loquet-1", Board: board, Log: zerolog.Nop(), Transport: host})
		a.Set("main", ad("Villa", 51826))
		pass(time.Minute)
		if got := codes(board); got != "no-multicast" {
			t.Errorf("problems %q", got)
		}
		if detail := board.Active()[0].Detail; !strings.Contains(detail, "eth0") {
			t.Errorf("detail %q", detail)
		}
		host.SetUp("eth0", true)
		pass(2 * time.Minute)
		if got := codes(board); got != "" {
			t.Errorf("problems %q with a network", got)
		}
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// flaky is a transport whose sockets fail once.
type flaky struct {
	mdns.Transport
	fail chan struct{}
}

func (f *flaky) Serve(deliver func(mdns.Packet)) error {
	done := make(chan error, 1)
	go func() { done <- f.Transport.Serve(deliver) }()
	select {
	case err := <-done:
		return err
	case <-f.fail:
		f.Close()
		<-done
		return errors.New("the sockets failed")
	}
}

func TestSocketsThatFailAreOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := mdnstest.NewNetwork().Host("house")
		host.Plug("eth0", "home", "10.0.0.1/24")
		f := &flaky{Transport: host, fail: make(chan struct{})}
		board := health.NewBoard()
		a := New()
		a.Start(Options{Hostname: "loquet-1", Board: board, Log: zerolog.Nop(), Transport: f})
		a.Set("main", ad("Villa", 51826))
		pass(time.Minute)
		close(f.fail)
		pass(100 * time.Millisecond)
		if got := codes(board); got != "no-multicast" {
			t.Errorf("problems %q", got)
		}
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestTheLoopbackAloneIsNoProblem(t *testing.T) {
	board := health.NewBoard()
	a := New()
	a.opts = Options{Interfaces: []string{"lo"}, Board: board}
	a.judge(mdns.Facts{Skipped: []mdns.Skipped{{Name: "lo", Why: "it carries no multicast"}}})
	if got := codes(board); got != "" {
		t.Errorf("problems %q", got)
	}
	a.opts.Interfaces = []string{"eth77"}
	a.judge(mdns.Facts{Neighbour: time.Now()})
	if got := codes(board); got != "no-multicast, second-responder" {
		t.Errorf("problems %q", got)
	}
	a.opts.Interfaces = nil
	a.judge(mdns.Facts{Interfaces: []mdns.InterfaceFacts{{Name: "eth0", Addrs: []netip.Prefix{}}}, Neighbour: time.Now().Add(-2 * time.Hour)})
	if got := codes(board); got != "" {
		t.Errorf("problems %q", got)
	}
}
