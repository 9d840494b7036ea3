package mdns_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/loquet/loquet/mdns"
	"github.com/loquet/loquet/mdns/mdnstest"
)

func TestWhichInterfacesAreServed(t *testing.T) {
	hosts := func(n *mdnstest.Network) *mdnstest.Host {
		h := n.Host("a")
		h.Plug("lo", "lo", "127.0.0.1/8")
		h.Change("lo", func(i *mdns.Interface) { i.Loopback, i.Multicast = true, false })
		for _, name := range []string{"eth0", "wlan0", "docker0", "br-8f3a", "virbr0", "veth1", "br0", "down0", "bare0"} {
			h.Plug(name, name, "10.0.0.1/24")
		}
		h.Change("veth1", func(i *mdns.Interface) { i.Master = "docker0" })
		h.Change("down0", func(i *mdns.Interface) { i.Up = false })
		h.Change("bare0", func(i *mdns.Interface) { i.Addrs = nil })
		return h
	}
	for _, c := range []struct {
		name    string
		wanted  []string
		served  string
		skipped string
	}{
		{"all", nil, "eth0 wlan0 br0", "lo docker0 br-8f3a virbr0 veth1 down0 bare0"},
		{"one", []string{"wlan0"}, "wlan0", ""},
		{"a container bridge by name", []string{"docker0", "veth1"}, "docker0 veth1", ""},
		{"without multicast", []string{"lo"}, "", "lo"},
		{"not there", []string{"usb0", "eth0"}, "eth0", "usb0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := mdnstest.NewNetwork()
				w := tap(n)
				a := run(t, hosts(n), mdns.Config{Interfaces: c.wanted, Hostname: "a"}, "a")
				a.publish(mdns.Service{Instance: "Villa Rose"})
				settled()
				f, err := a.Facts(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var served, skipped, announced []string
				for _, i := range f.Interfaces {
					if !i.IPv4 || i.IPv6 || i.Announced.IsZero() {
						t.Errorf("%+v: not joined and announced", i)
					}
					served = append(served, i.Name)
				}
				for _, s := range f.Skipped {
					skipped = append(skipped, s.Name)
				}
				for _, h := range w.from("a") {
					if !slices.Contains(announced, h.Segment) {
						announced = append(announced, h.Segment)
					}
				}
				slices.Sort(announced)
				if got := strings.Join(served, " "); got != c.served {
					t.Errorf("served %q, want %q", got, c.served)
				}
				if got := strings.Join(skipped, " "); got != c.skipped {
					t.Errorf("skipped %q, want %q", got, c.skipped)
				}
				if slices.Sort(served); !slices.Equal(announced, served) {
					t.Errorf("announced on %q, served %q", announced, served)
				}
			})
		})
	}
}

func TestEachInterfaceHasItsOwnAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		h := n.Host("a")
		h.Plug("eth0", "lan", "10.0.0.1/24", "fe80::1/64")
		h.Plug("eth1", "yard", "10.1.0.1/24")
		a := run(t, h, mdns.Config{Hostname: "a"}, "a")
		<-a.publish(mdns.Service{Instance: "Villa Rose"}).Established()
		settled()
		w := tap(n)
		ask(t, n, resolver, nil, question("a.local.", dns.TypeANY))
		time.Sleep(time.Second)
		got := w.from("a")
		if len(got) != 1 || got[0].Segment != "lan" || got[0].Family != mdns.IPv4 {
			t.Fatalf("answers %+v, want one where the question came from", got)
		}
		if text := texts(got[0].msg.Answer); text != "A 10.0.0.1, AAAA fe80::1" {
			t.Errorf("answer %q", text)
		}
	})
}

func TestInterfaceGoesAndComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, a, _ := answering(t)
		a.host.SetUp("eth0", false)
		time.Sleep(time.Minute)
		if f, _ := a.Facts(t.Context()); len(f.Interfaces) != 0 {
			t.Errorf("serves %+v", f.Interfaces)
		}
		w.reset()
		a.host.SetUp("eth0", true)
		time.Sleep(5 * time.Second)
		got := w.answers("a", dns.TypePTR)
		if len(got) != 4 { // type and service list, twice; the subtype makes six
			if len(got) != 6 {
				t.Errorf("announced %q", got)
			}
		}
		if first := w.from("a")[0]; first.msg.Response {
			t.Error("announced without probing on a network that may be another one")
		}
		w.reset()
		ask(t, n, resolver, nil, question(villa, dns.TypeSRV))
		synctest.Wait()
		if got := w.answers("a", dns.TypeSRV); len(got) != 1 {
			t.Errorf("answers %q", got)
		}
	})
}

func TestAddressesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, a, _ := answering(t)
		a.host.SetAddrs("eth0", "10.0.0.1/24", "fe80::1/64") // duplicate address detection has passed
		time.Sleep(100 * time.Millisecond)
		var v6 string
		for _, h := range w.from("a") {
			if h.Family == mdns.IPv6 {
				v6 += texts(h.msg.Answer)
			}
		}
		if !strings.Contains(v6, "AAAA fe80::1") || !strings.Contains(v6, "PTR "+villa) {
			t.Errorf("announced over IPv6: %q, want the new address and the service", v6)
		}
		settled()
		w.reset()
		a.host.SetAddrs("eth0", "10.0.0.7/24")
		settled()
		got := w.answers("a", dns.TypeA)
		want := []string{"50ms 0 10.0.0.1", "50ms 120 10.0.0.7", "1.05s 120 10.0.0.7"}
		if !slices.Equal(got, want) {
			t.Errorf("announced %q, want %q", got, want)
		}
		if got := w.answers("a", dns.TypeAAAA); !slices.Equal(got, []string{"50ms 0 fe80::1"}) {
			t.Errorf("the lost address: %q", got)
		}
		for _, h := range w.from("a") {
			if !h.msg.Response {
				t.Errorf("probed again: %v", h.msg)
			}
		}
	})
}

func TestNoNetworkYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		h := n.Host("a")
		a := run(t, h, mdns.Config{}, "a")
		g := a.publish(mdns.Service{Instance: "Villa Rose"})
		time.Sleep(time.Hour)
		h.Plug("eth0", "lan", "10.0.0.1/24")
		select {
		case <-g.Established():
		case <-time.After(2 * time.Second):
			t.Error("not established after the network came")
		}
	})
}

func TestNeighbourOnThisMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, a, _ := answering(t)
		if f, _ := a.Facts(t.Context()); !f.Neighbour.IsZero() {
			t.Error("took itself for a neighbour")
		}
		rr := &dns.A{Hdr: dns.RR_Header{Name: "avahi.local.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 120}, A: netip.MustParseAddr("10.0.0.1").AsSlice()}
		inject(t, n, "10.0.0.1:5353", &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: []dns.RR{rr}})
		synctest.Wait()
		f, err := a.Facts(t.Context())
		if err != nil || f.Neighbour.IsZero() {
			t.Errorf("did not notice the responder next to it: %+v, %v", f, err)
		}
	})
}
