package mdns_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/loquet/loquet/mdns"
	"github.com/loquet/loquet/mdns/mdnstest"
)

// machine is a responder on a host of the test's network.
type machine struct {
	*mdns.Responder
	host *mdnstest.Host
	name string
	t    *testing.T
}

// boot starts a responder with one interface "eth0" on segment "lan".
func boot(t *testing.T, n *mdnstest.Network, name, addr string) *machine {
	t.Helper()
	h := n.Host(name)
	h.Plug("eth0", "lan", addr)
	return run(t, h, mdns.Config{Hostname: name}, name)
}

func run(t *testing.T, h *mdnstest.Host, cfg mdns.Config, name string) *machine {
	t.Helper()
	cfg.Transport = h
	r, err := mdns.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := r.Run(t.Context()); err != nil {
			t.Errorf("%s: run: %v", name, err)
		}
	}()
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	return &machine{r, h, name, t}
}

func (m *machine) publish(s mdns.Service) *mdns.Registration {
	m.t.Helper()
	if s.Type == "" {
		s.Type = "_hap._tcp"
	}
	if s.Port == 0 {
		s.Port = 51826
	}
	g, err := m.Publish(s)
	if err != nil {
		m.t.Fatal(err)
	}
	return g
}

// wire records what crosses the network, with times since the record began.
type wire struct {
	mu    sync.Mutex
	start time.Time
	all   []heard
}

type heard struct {
	mdnstest.Sent
	at  time.Duration
	msg *dns.Msg
}

func tap(n *mdnstest.Network) *wire {
	w := &wire{start: time.Now()}
	n.Tap(func(s mdnstest.Sent) {
		msg := new(dns.Msg)
		if msg.Unpack(s.Data) != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, heard{s, time.Since(w.start), msg})
	})
	return w
}

func (w *wire) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all, w.start = nil, time.Now()
}

// from lists what a host sent.
func (w *wire) from(host string) []heard {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []heard
	for _, h := range w.all {
		if h.Host == host {
			out = append(out, h)
		}
	}
	return out
}

// answers lists the records of the answer sections of a host's responses with a type, as text.
func (w *wire) answers(host string, rtype uint16) []string {
	var out []string
	for _, h := range w.from(host) {
		if !h.msg.Response {
			continue
		}
		for _, rr := range h.msg.Answer {
			if rr.Header().Rrtype == rtype {
				out = append(out, fmt.Sprintf("%s %d %s", h.at.Truncate(time.Millisecond), rr.Header().Ttl, data(rr)))
			}
		}
	}
	return out
}

// first is when a host first gave a record of a type as an answer.
func (w *wire) first(host string, rtype uint16) time.Duration {
	for _, h := range w.from(host) {
		if slices.ContainsFunc(h.msg.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == rtype }) {
			return h.at
		}
	}
	return -1
}

func data(rr dns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// ask sends a question from a made-up host of the segment.
func ask(t *testing.T, n *mdnstest.Network, from string, change func(*dns.Msg), questions ...dns.Question) {
	t.Helper()
	m := &dns.Msg{Question: questions}
	if change != nil {
		change(m)
	}
	inject(t, n, from, m)
}

func inject(t *testing.T, n *mdnstest.Network, from string, m *dns.Msg) {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	n.Inject(mdnstest.Sent{Segment: "lan", Host: "test", From: netip.MustParseAddrPort(from), Data: b})
}

func question(name string, rtype uint16) dns.Question {
	return dns.Question{Name: name, Qtype: rtype, Qclass: dns.ClassINET}
}

const (
	hap      = "_hap._tcp.local."
	villa    = `Villa\ Rose._hap._tcp.local.`
	resolver = "10.0.0.200:5353"
)

// settled waits until all names are probed and announced.
func settled() {
	time.Sleep(5 * time.Second)
	synctest.Wait()
}

func TestProbesThenAnnouncesTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		w := tap(n)
		a := boot(t, n, "a", "10.0.0.1/24")
		g := a.publish(mdns.Service{Instance: "Villa Rose", Subtypes: []string{"_door"}, TXT: []string{"sf=1"}})
		<-g.Established()
		if since := time.Since(w.start); since < 750*time.Millisecond || since > time.Second {
			t.Errorf("established after %v, want 750 ms to 1 s", since)
		}
		settled()

		var probes, announcements []heard
		for _, h := range w.from("a") {
			if h.msg.Response {
				announcements = append(announcements, h)
			} else {
				probes = append(probes, h)
			}
		}
		if len(probes) != 3 {
			t.Fatalf("%d probes, want 3", len(probes))
		}
		if probes[0].at > 250*time.Millisecond {
			t.Errorf("first probe after %v, want within 250 ms", probes[0].at)
		}
		for i, p := range probes {
			if i > 0 && p.at-probes[i-1].at != 250*time.Millisecond {
				t.Errorf("probe %d came %v after the one before, want 250 ms", i, p.at-probes[i-1].at)
			}
			if len(p.msg.Question) != 2 || p.msg.Question[1].Name != villa || p.msg.Question[1].Qtype != dns.TypeANY {
				t.Errorf("probe asks %v, want the host and the instance with type ANY", p.msg.Question)
			}
			if unicast := p.msg.Question[0].Qclass&(1<<15) != 0; unicast != (i == 0) {
				t.Errorf("probe %d wants a unicast answer: %v", i, unicast)
			}
			if len(p.msg.Ns) != 3 { // A, SRV, TXT
				t.Errorf("probe proposes %v, want A, SRV and TXT", p.msg.Ns)
			}
		}
		if len(announcements) != 2 || announcements[1].at-announcements[0].at != time.Second {
			t.Fatalf("announcements %v, want 2 a second apart", announcements)
		}
		for _, rr := range announcements[0].msg.Answer {
			h := rr.Header()
			if shared := h.Rrtype == dns.TypePTR; shared == (h.Class&(1<<15) != 0) {
				t.Errorf("%v: cache-flush bit on a shared record or none on a unique one", rr)
			}
			want := uint32(4500)
			if h.Rrtype == dns.TypeA || h.Rrtype == dns.TypeSRV {
				want = 120
			}
			if h.Ttl != want {
				t.Errorf("%v: lives %d s, want %d", rr, h.Ttl, want)
			}
		}
		if got := len(announcements[0].msg.Answer); got != 6 { // A, SRV, TXT, type, service list, subtype
			t.Errorf("%d records announced, want 6: %v", got, announcements[0].msg.Answer)
		}
	})
}

func TestTwoStartTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		a, b := boot(t, n, "a", "10.0.0.1/24"), boot(t, n, "b", "10.0.0.2/24")
		ga := a.publish(mdns.Service{Instance: "Villa Rose"})
		gb := b.publish(mdns.Service{Instance: "Villa Rose"})
		<-ga.Established()
		<-gb.Established()
		settled()
		names := []string{ga.Name(), gb.Name()}
		// The lexicographically later data wins: the SRV records differ in the host name only.
		if names[0] != "Villa Rose (2)" || names[1] != "Villa Rose" {
			t.Errorf("names %q, want the first renamed and the second kept", names)
		}
		select {
		case name := <-ga.Renamed():
			if name != "Villa Rose (2)" {
				t.Errorf("told of %q", name)
			}
		default:
			t.Error("the owner was not told of the new name")
		}
	})
}

func TestThreeResponderNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		var names []string
		for i := range 3 {
			m := boot(t, n, fmt.Sprintf("h%d", i), fmt.Sprintf("10.0.0.%d/24", i+1))
			g := m.publish(mdns.Service{Instance: "Loquet"})
			<-g.Established()
			names = append(names, g.Name())
		}
		if want := []string{"Loquet", "Loquet (2)", "Loquet (3)"}; !slices.Equal(names, want) {
			t.Errorf("names %q, want %q", names, want)
		}
	})
}

func TestSameNameTwiceInOneProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		a := boot(t, n, "a", "10.0.0.1/24")
		first := a.publish(mdns.Service{Instance: "Loquet (2)"})
		second := a.publish(mdns.Service{Instance: "loquet (2)", Port: 1})
		<-first.Established()
		<-second.Established()
		if first.Name() != "Loquet (2)" || second.Name() != "loquet (3)" {
			t.Errorf("names %q and %q", first.Name(), second.Name())
		}
	})
}

func TestHostNameConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		ha, hb := n.Host("a"), n.Host("b")
		ha.Plug("eth0", "lan", "10.0.0.1/24")
		hb.Plug("eth0", "lan", "10.0.0.2/24")
		a := run(t, ha, mdns.Config{Hostname: "pi"}, "a")
		<-a.publish(mdns.Service{Instance: "A"}).Established()
		b := run(t, hb, mdns.Config{Hostname: "pi"}, "b")
		w := tap(n)
		<-b.publish(mdns.Service{Instance: "B"}).Established()
		settled()
		if a.Hostname() != "pi.local" || b.Hostname() != "pi-2.local" {
			t.Errorf("host names %s and %s", a.Hostname(), b.Hostname())
		}
		if host, service := w.first("b", dns.TypeA), w.first("b", dns.TypeSRV); service < host {
			t.Errorf("service announced after %v, its host after %v", service, host)
		}
		for _, srv := range w.answers("b", dns.TypeSRV) {
			if !strings.HasSuffix(srv, "pi-2.local.") {
				t.Errorf("announced %s before the host name was settled", srv)
			}
		}
	})
}

func TestGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		a := boot(t, n, "a", "10.0.0.1/24")
		g := a.publish(mdns.Service{Instance: "Villa Rose"})
		other := a.publish(mdns.Service{Instance: "Other", Type: "_matter._tcp"})
		<-g.Established()
		<-other.Established()
		settled()
		w := tap(n)
		if err := g.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := w.answers("a", dns.TypePTR)
		if len(got) != 1 || !strings.HasPrefix(got[0], "0s 0 ") {
			t.Errorf("withdrawal said %q, want one goodbye for the pointer", got)
		}
		if got := w.answers("a", dns.TypeA); len(got) != 0 {
			t.Errorf("the host said goodbye while a service is left: %q", got)
		}
		w.reset()
		if err := other.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.answers("a", dns.TypeA); !slices.Equal(got, []string{"0s 0 10.0.0.1"}) {
			t.Errorf("the last withdrawal said %q, want a goodbye for the host", got)
		}
		a.publish(mdns.Service{Instance: "Villa Rose"})
		settled()
		w.reset()
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(w.start); took > 500*time.Millisecond {
			t.Errorf("closing took %v", took)
		}
		if got := w.answers("a", dns.TypeA); len(got) != 2 {
			t.Errorf("closing said %q, want two goodbyes for the address", got)
		}
		for _, h := range w.from("a") {
			for _, rr := range h.msg.Answer {
				if rr.Header().Ttl != 0 {
					t.Errorf("closing said %v", rr)
				}
			}
		}
		if _, err := a.Publish(mdns.Service{Instance: "x", Type: "_x._tcp", Port: 1}); err == nil {
			t.Error("published on a closed responder")
		}
	})
}
