package mdns_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/loquet/loquet/mdns"
	"github.com/loquet/loquet/mdns/mdnstest"
)

// claiming is a response with an SRV record under the test's instance name.
func claiming(ttl uint32) *dns.Msg {
	srv := &dns.SRV{Hdr: dns.RR_Header{Name: villa, Rrtype: dns.TypeSRV, Class: dns.ClassINET | 1<<15, Ttl: ttl}, Port: 9, Target: "z.local."}
	return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: []dns.RR{srv}}
}

func TestConflicts(t *testing.T) {
	const other = "10.0.0.9:5353"
	for _, c := range []struct {
		name   string
		attack func(t *testing.T, n *mdnstest.Network)
		want   string
		probes int // sent again
	}{
		{"another host announces once", func(t *testing.T, n *mdnstest.Network) {
			inject(t, n, other, claiming(120))
		}, "Villa Rose", 3},
		{"another host answers our new probes", func(t *testing.T, n *mdnstest.Network) {
			inject(t, n, other, claiming(120))
			time.Sleep(300 * time.Millisecond)
			inject(t, n, other, claiming(120))
		}, "Villa Rose (2)", 4},
		{"another host says goodbye", func(t *testing.T, n *mdnstest.Network) {
			inject(t, n, other, claiming(0))
		}, "Villa Rose", 0},
		{"from another port", func(t *testing.T, n *mdnstest.Network) {
			inject(t, n, "10.0.0.9:5354", claiming(120))
		}, "Villa Rose", 0},
		{"another host probes", func(t *testing.T, n *mdnstest.Network) {
			ask(t, n, other, func(m *dns.Msg) { m.Ns = claiming(120).Answer }, question(villa, dns.TypeANY))
		}, "Villa Rose", 0},
		{"over and over", func(t *testing.T, n *mdnstest.Network) {
			for range 40 {
				inject(t, n, other, claiming(120))
				time.Sleep(100 * time.Millisecond)
			}
		}, "Villa Rose (2)", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, w, _, g := answering(t)
				c.attack(t, n)
				settled()
				if g.Name() != c.want {
					t.Errorf("name %q, want %q", g.Name(), c.want)
				}
				probes := 0
				for _, h := range w.from("a") {
					if !h.msg.Response {
						probes++
					}
				}
				if c.probes >= 0 && (probes < c.probes || (c.probes == 0 && probes > 0)) {
					t.Errorf("%d probes, want %d", probes, c.probes)
				}
				w.reset()
				ask(t, n, resolver, nil, question(escaped(g.Name())+hap, dns.TypeSRV))
				time.Sleep(2 * time.Second)
				if got := w.answers("a", dns.TypeSRV); len(got) != 1 {
					t.Errorf("answers under its name: %q", got)
				}
			})
		})
	}
}

func escaped(label string) string {
	return strings.NewReplacer(" ", `\ `, "(", `\(`, ")", `\)`).Replace(label) + "."
}

func TestContestedNameIsProbedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, _, g := answering(t)
		for range 30 {
			inject(t, n, "10.0.0.9:5353", claiming(120))
			time.Sleep(2 * time.Second)
		}
		probes := 0
		for _, h := range w.from("a") {
			if !h.msg.Response {
				probes++
			}
		}
		if probes < 3 || probes > 33 || g.Name() != "Villa Rose" {
			t.Errorf("%d probes in a minute, and the name is %q", probes, g.Name())
		}
	})
}

func TestEndlessConflictsSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		w := tap(n)
		// Whatever is probed is taken.
		n.Tap(func(s mdnstest.Sent) {
			m := new(dns.Msg)
			if s.Host != "a" || m.Unpack(s.Data) != nil || m.Response {
				return
			}
			for _, q := range m.Question {
				if strings.HasSuffix(q.Name, hap) {
					reply := claiming(120)
					reply.Answer[0].Header().Name = q.Name
					inject(t, n, "10.0.0.9:5353", reply)
				}
			}
		})
		a := boot(t, n, "a", "10.0.0.1/24")
		g := a.publish(mdns.Service{Instance: "Villa Rose"})
		time.Sleep(time.Minute)
		if got := len(w.from("a")); got > 60 {
			t.Errorf("%d packets in a minute of conflicts", got)
		}
		select {
		case <-g.Established():
			t.Error("established a name that was taken")
		default:
		}
	})
}

func TestFixedNameWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		a, b := boot(t, n, "a", "10.0.0.1/24"), boot(t, n, "b", "10.0.0.2/24")
		held := a.publish(mdns.Service{Instance: "0000-0001", Type: "_matter._tcp"})
		<-held.Established()
		waits := b.publish(mdns.Service{Instance: "0000-0001", Type: "_matter._tcp", Port: 1, Fixed: true})
		settled()
		select {
		case <-waits.Established():
			t.Fatal("established although another host has the name")
		default:
		}
		if err := held.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		select {
		case <-waits.Established():
		default:
			t.Error("not established although the name is free")
		}
		if waits.Name() != "0000-0001" {
			t.Errorf("renamed to %q", waits.Name())
		}
	})
}

func TestOwnRenaming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		a, b := boot(t, n, "a", "10.0.0.1/24"), boot(t, n, "b", "10.0.0.2/24")
		<-a.publish(mdns.Service{Instance: "Loquet"}).Established()
		g := b.publish(mdns.Service{Instance: "Loquet", Rename: func(base string, n int) string { return base + strings.Repeat("!", n) }})
		<-g.Established()
		stuck := b.publish(mdns.Service{Instance: "Loquet", Rename: func(base string, n int) string { return base }})
		<-stuck.Established()
		if g.Name() != "Loquet!!" || stuck.Name() == "Loquet" {
			t.Errorf("names %q and %q", g.Name(), stuck.Name())
		}
	})
}

// Whoever loses a tie waits for a second and starts again (RFC 6762 8.2).
func TestLostTie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		w := tap(n)
		a := boot(t, n, "a", "10.0.0.1/24")
		a.publish(mdns.Service{Instance: "Villa Rose"})
		time.Sleep(600 * time.Millisecond) // two or three probes
		before := len(w.from("a"))
		later := claiming(120).Answer
		later[0].(*dns.SRV).Priority = 65535
		later[0].Header().Class = dns.ClassINET
		ask(t, n, "10.0.0.9:5353", func(m *dns.Msg) { m.Ns = later }, question(villa, dns.TypeANY))
		synctest.Wait()
		w.reset()
		settled()
		var probes []time.Duration
		for _, h := range w.from("a") {
			if !h.msg.Response && h.msg.Question[0].Name == villa {
				probes = append(probes, h.at.Truncate(time.Millisecond))
			}
		}
		if want := []time.Duration{time.Second, 1250 * time.Millisecond, 1500 * time.Millisecond}; !slices.Equal(probes, want) {
			t.Errorf("after %d probes and a lost tie probed at %v, want %v", before, probes, want)
		}
	})
}

// A probe that only ever comes again, as a hostile host might send it, must not keep us waiting.
func TestEndlessProbesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		a := boot(t, n, "a", "10.0.0.1/24")
		g := a.publish(mdns.Service{Instance: "Villa Rose"})
		later := claiming(120).Answer
		later[0].(*dns.SRV).Priority = 65535
		later[0].Header().Class = dns.ClassINET
		for range 100 {
			ask(t, n, "10.0.0.9:5353", func(m *dns.Msg) { m.Ns = later }, question(villa, dns.TypeANY))
			time.Sleep(100 * time.Millisecond)
		}
		select {
		case <-g.Established():
		default:
			t.Error("not established after 10 s of somebody else's probes")
		}
	})
}

// Two interfaces on one network, wired and wireless, hear each other's announcements.
func TestTwoInterfacesOnOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		w := tap(n)
		h := n.Host("a")
		h.Plug("eth0", "lan", "10.0.0.1/24")
		h.Plug("wlan0", "lan", "10.0.0.2/24")
		a := run(t, h, mdns.Config{Hostname: "a"}, "a")
		g := a.publish(mdns.Service{Instance: "Villa Rose"})
		<-g.Established()
		settled()
		time.Sleep(10 * time.Second)
		if g.Name() != "Villa Rose" || a.Hostname() != "a.local" {
			t.Errorf("in conflict with itself: %q on %s", g.Name(), a.Hostname())
		}
		if got := len(w.from("a")); got != 10 {
			t.Errorf("%d packets, want 3 probes and 2 announcements on each interface", got)
		}
	})
}

// A repeater brings back what we said a moment ago, when it is no longer true.
func TestEchoOfAnEarlierRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, _, g := answering(t)
		if err := g.Update([]string{"sf=0"}); err != nil {
			t.Fatal(err)
		}
		settled()
		w.reset()
		old := &dns.TXT{Hdr: dns.RR_Header{Name: villa, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 4500}, Txt: []string{"sf=1"}}
		inject(t, n, "10.0.0.254:5353", &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: []dns.RR{old}})
		settled()
		for _, h := range w.from("a") {
			if !h.msg.Response {
				t.Errorf("probed again because of its own words: %v", h.msg)
			}
		}
	})
}

func TestLossyNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		var count atomic.Int32
		n.Lose(func(mdnstest.Sent) bool { return count.Add(1)%3 == 0 })
		a, b := boot(t, n, "a", "10.0.0.1/24"), boot(t, n, "b", "10.0.0.2/24")
		ga := a.publish(mdns.Service{Instance: "Loquet"})
		<-ga.Established()
		gb := b.publish(mdns.Service{Instance: "Loquet"})
		<-gb.Established()
		time.Sleep(time.Minute)
		if ga.Name() == gb.Name() {
			t.Errorf("both are called %q", ga.Name())
		}
	})
}
