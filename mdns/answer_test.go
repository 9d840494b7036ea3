package mdns_test

import (
	"fmt"
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

// answering starts a network with one settled service, "Villa Rose" on host "a" at 10.0.0.1, and
// nothing multicast for longer than any limit.
func answering(t *testing.T) (*mdnstest.Network, *wire, *machine, *mdns.Registration) {
	n := mdnstest.NewNetwork()
	a := boot(t, n, "a", "10.0.0.1/24")
	g := a.publish(mdns.Service{Instance: "Villa Rose", Subtypes: []string{"_L840"}, TXT: []string{"sf=1"}})
	<-g.Established()
	settled()
	return n, tap(n), a, g
}

func TestAnswers(t *testing.T) {
	quick := func(d time.Duration) bool { return d == 0 }
	delayed := func(d time.Duration) bool { return d >= 20*time.Millisecond && d <= 120*time.Millisecond }
	for _, c := range []struct {
		name     string
		question dns.Question
		answer   string // type of the answer and its data
		extras   string
		when     func(time.Duration) bool
	}{
		{"pointer", question(hap, dns.TypePTR), "PTR " + villa, "SRV TXT A NSEC", delayed},
		{"case does not matter", question("_HAP._tcp.LOCAL.", dns.TypePTR), "PTR " + villa, "SRV TXT A NSEC", delayed},
		{"subtype", question("_L840._sub."+hap, dns.TypePTR), "PTR " + villa, "SRV TXT A NSEC", delayed},
		{"service types", question("_services._dns-sd._udp.local.", dns.TypePTR), "PTR " + hap, "", delayed},
		{"service", question(villa, dns.TypeSRV), "SRV 0 0 51826 a.local.", "A NSEC", quick},
		{"text", question(villa, dns.TypeTXT), `TXT "sf=1"`, "", quick},
		{"address", question("a.local.", dns.TypeA), "A 10.0.0.1", "NSEC", quick},
		{"no such address", question("a.local.", dns.TypeAAAA), "NSEC a.local. A", "", quick},
		{"no such type", question(villa, dns.TypeHINFO), "NSEC " + villa + " TXT SRV", "", quick},
		{"any class", dns.Question{Name: "a.local.", Qtype: dns.TypeA, Qclass: dns.ClassANY}, "A 10.0.0.1", "NSEC", quick},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, w, _, _ := answering(t)
				ask(t, n, resolver, nil, c.question)
				time.Sleep(time.Second)
				sent := w.from("a")
				if len(sent) != 1 {
					t.Fatalf("%d packets, want one answer", len(sent))
				}
				got := sent[0]
				if !c.when(got.at) {
					t.Errorf("answered after %v", got.at)
				}
				if len(got.msg.Question) != 0 || got.msg.Id != 0 || !got.msg.Authoritative || got.To.IsValid() {
					t.Errorf("not a multicast answer: %v", got.msg)
				}
				if text := texts(got.msg.Answer); text != c.answer {
					t.Errorf("answer %q, want %q", text, c.answer)
				}
				if extras := types(got.msg.Extra); extras != c.extras {
					t.Errorf("additional records %q, want %q", extras, c.extras)
				}
			})
		})
	}
}

func texts(rrs []dns.RR) string {
	var out []string
	for _, rr := range rrs {
		out = append(out, dns.TypeToString[rr.Header().Rrtype]+" "+data(rr))
	}
	return strings.Join(out, ", ")
}

func types(rrs []dns.RR) string {
	var out []string
	for _, rr := range rrs {
		out = append(out, dns.TypeToString[rr.Header().Rrtype])
	}
	return strings.Join(out, " ")
}

func TestNotAnswered(t *testing.T) {
	known := func(ttl uint32) func(*dns.Msg) {
		return func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.PTR{Hdr: dns.RR_Header{Name: hap, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: ttl}, Ptr: villa}}
		}
	}
	for _, c := range []struct {
		name     string
		change   func(*dns.Msg)
		question dns.Question
		from     string
		want     int
	}{
		{"a known answer", known(4500), question(hap, dns.TypePTR), resolver, 0},
		{"a known answer with half its life", known(2250), question(hap, dns.TypePTR), resolver, 0},
		{"a known answer that is old", known(2249), question(hap, dns.TypePTR), resolver, 1},
		{"somebody else's name", nil, question("b.local.", dns.TypeA), resolver, 0},
		{"another type of service", nil, question("_matter._tcp.local.", dns.TypePTR), resolver, 0},
		{"another class", nil, dns.Question{Name: "a.local.", Qtype: dns.TypeA, Qclass: dns.ClassCHAOS}, resolver, 0},
		{"another opcode", func(m *dns.Msg) { m.Opcode = dns.OpcodeStatus }, question("a.local.", dns.TypeA), resolver, 0},
		{"a response code", func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }, question("a.local.", dns.TypeA), resolver, 0},
		{"an ordinary resolver of another network", nil, question("a.local.", dns.TypeA), "192.0.2.1:4000", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, w, _, _ := answering(t)
				ask(t, n, c.from, c.change, c.question)
				time.Sleep(2 * time.Second)
				if got := w.from("a"); len(got) != c.want {
					t.Errorf("%d answers, want %d", len(got), c.want)
				}
			})
		})
	}
}

func TestUnicastAnswers(t *testing.T) {
	unicast := func(q dns.Question) dns.Question { q.Qclass |= 1 << 15; return q }
	t.Run("to one who asks for it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n, w, _, _ := answering(t)
			ask(t, n, resolver, nil, unicast(question(hap, dns.TypePTR)))
			time.Sleep(time.Second)
			got := w.from("a")
			if len(got) != 1 || got[0].To.String() != resolver || got[0].at != 0 {
				t.Fatalf("got %+v, want one unicast answer at once", got)
			}
			if srv := got[0].msg.Extra[0]; srv.Header().Class&(1<<15) == 0 {
				t.Error("a unique record without the cache-flush bit")
			}
		})
	})
	t.Run("and to all when they have not heard for a quarter of its life", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n, w, _, _ := answering(t)
			time.Sleep(31 * time.Second)
			w.reset()
			ask(t, n, resolver, nil, unicast(question("a.local.", dns.TypeA)))
			time.Sleep(time.Second)
			got := w.from("a")
			if len(got) != 2 || !got[0].To.IsValid() || got[1].To.IsValid() {
				t.Errorf("got %+v, want a unicast answer and a multicast one", got)
			}
		})
	})
	t.Run("not to another network", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n, w, _, _ := answering(t)
			ask(t, n, "192.0.2.1:5353", nil, unicast(question("a.local.", dns.TypeA)))
			time.Sleep(time.Second)
			got := w.from("a")
			if len(got) != 1 || got[0].To.IsValid() {
				t.Errorf("got %+v, want a multicast answer", got)
			}
		})
	})
	t.Run("to an ordinary resolver", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n, w, _, _ := answering(t)
			q := question(hap, dns.TypePTR)
			ask(t, n, "10.0.0.200:4000", func(m *dns.Msg) { m.Id = 4711 }, q)
			time.Sleep(time.Second)
			got := w.from("a")
			if len(got) != 1 || got[0].To.String() != "10.0.0.200:4000" {
				t.Fatalf("got %+v, want one answer to the resolver's port", got)
			}
			m := got[0].msg
			if m.Id != 4711 || len(m.Question) != 1 || m.Question[0] != q {
				t.Errorf("id %d and question %v are not the asker's", m.Id, m.Question)
			}
			for _, rr := range append(m.Answer, m.Extra...) {
				if h := rr.Header(); h.Ttl > 10 || h.Class != dns.ClassINET {
					t.Errorf("%v lives long or has the cache-flush bit", rr)
				}
			}
		})
	})
}

func TestRecordsAreMulticastOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, _, _ := answering(t)
		for i := range 50 {
			ask(t, n, fmt.Sprintf("10.0.0.%d:5353", 100+i), nil, question("a.local.", dns.TypeA))
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		got := w.answers("a", dns.TypeA)
		want := []string{"0s 120 10.0.0.1", "1s 120 10.0.0.1", "2s 120 10.0.0.1", "3s 120 10.0.0.1"}
		if !slices.Equal(got, want) {
			t.Errorf("answers %q, want %q", got, want)
		}
	})
}

func TestProbesAreAnsweredSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, _, _ := answering(t)
		ask(t, n, resolver, nil, question(villa, dns.TypeSRV))
		time.Sleep(10 * time.Millisecond)
		probe := func(m *dns.Msg) {
			m.Ns = []dns.RR{&dns.SRV{Hdr: dns.RR_Header{Name: villa, Rrtype: dns.TypeSRV, Class: dns.ClassINET}, Port: 9, Target: "z.local."}}
		}
		ask(t, n, resolver, probe, question(villa, dns.TypeANY))
		time.Sleep(time.Second)
		got := w.answers("a", dns.TypeSRV)
		if want := []string{"0s 120 0 0 51826 a.local.", "250ms 120 0 0 51826 a.local."}; !slices.Equal(got, want) {
			t.Errorf("answers %q, want %q", got, want)
		}
	})
}

// A probe that asks for a unicast answer gets one, and a multicast one too: the first may be lost in the
// socket of another responder on that machine.
func TestProbesAreAnsweredTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, _, _ := answering(t)
		q := question(villa, dns.TypeANY)
		q.Qclass |= 1 << 15
		ask(t, n, resolver, func(m *dns.Msg) { m.Ns = claiming(120).Answer }, q)
		synctest.Wait()
		got := w.from("a")
		if len(got) != 2 || got[0].To.String() != resolver || got[1].To.IsValid() {
			t.Errorf("got %+v, want a unicast answer and a multicast one", got)
		}
	})
}

func TestUnicastQueryFromAnotherNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, _, _ := answering(t)
		b, err := (&dns.Msg{Question: []dns.Question{question("a.local.", dns.TypeA)}}).Pack()
		if err != nil {
			t.Fatal(err)
		}
		for from, want := range map[string]int{"192.0.2.1:5353": 0, resolver: 1} {
			w.reset()
			n.Inject(mdnstest.Sent{Segment: "lan", From: netip.MustParseAddrPort(from), To: netip.MustParseAddrPort("10.0.0.1:5353"), Data: b})
			time.Sleep(2 * time.Second)
			if got := w.from("a"); len(got) != want {
				t.Errorf("%d answers to %s, want %d (RFC 6762 11)", len(got), from, want)
			}
		}
	})
}

func TestKnownAnswersInSeveralPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, a, _ := answering(t)
		<-a.publish(mdns.Service{Instance: "Other", Port: 2}).Established()
		settled()
		w.reset()
		known := func(name string) []dns.RR {
			return []dns.RR{&dns.PTR{Hdr: dns.RR_Header{Name: hap, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 4500}, Ptr: name}}
		}
		ask(t, n, resolver, func(m *dns.Msg) { m.Truncated, m.Answer = true, known("Nobody."+hap) }, question(hap, dns.TypePTR))
		time.Sleep(300 * time.Millisecond)
		ask(t, n, resolver, func(m *dns.Msg) { m.Truncated, m.Answer = true, known(villa) })
		time.Sleep(300 * time.Millisecond)
		if got := w.from("a"); len(got) != 0 {
			t.Errorf("answered after 600 ms although another packet was announced: %v", got)
		}
		time.Sleep(time.Second)
		got := w.answers("a", dns.TypePTR)
		if len(got) != 1 || !strings.HasSuffix(got[0], "Other._hap._tcp.local.") {
			t.Errorf("answers %q, want only the one that was not known", got)
		}
	})
}

func TestAnswersOfOthersAreNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, _, _ := answering(t)
		ask(t, n, resolver, nil, question("_services._dns-sd._udp.local.", dns.TypePTR))
		same := &dns.PTR{Hdr: dns.RR_Header{Name: "_services._dns-sd._udp.local.", Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 4500}, Ptr: hap}
		inject(t, n, "10.0.0.9:5353", &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: []dns.RR{same}})
		time.Sleep(time.Second)
		if got := w.from("a"); len(got) != 0 {
			t.Errorf("repeated %v", got)
		}
	})
}

func TestGoodbyeOfAnotherIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, _, _ := answering(t)
		gone := &dns.PTR{Hdr: dns.RR_Header{Name: hap, Rrtype: dns.TypePTR, Class: dns.ClassINET}, Ptr: villa}
		inject(t, n, "10.0.0.9:5353", &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: []dns.RR{gone}})
		time.Sleep(3 * time.Second)
		got := w.answers("a", dns.TypePTR)
		if len(got) != 1 || !strings.Contains(got[0], " 4500 ") {
			t.Errorf("announced %q, want the pointer once", got)
		}
	})
}

func TestUpdatesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, _, g := answering(t)
		for i := range 20 {
			if err := g.Update([]string{fmt.Sprintf("c#=%d", i)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		settled()
		got := w.answers("a", dns.TypeTXT)
		want := []string{`0s 4500 "c#=0"`, `1s 4500 "c#=9"`, `2s 4500 "c#=19"`, `3s 4500 "c#=19"`}
		if len(got) > 1 && strings.Contains(got[1], `"c#=10"`) {
			want[1] = `1s 4500 "c#=10"` // the same instant
		}
		if !slices.Equal(got, want) {
			t.Errorf("announced %q, want %q", got, want)
		}
		if srv := w.answers("a", dns.TypeSRV); len(srv) != 0 {
			t.Errorf("announced unchanged records too: %q", srv)
		}
		if err := g.Update([]string{strings.Repeat("x", 256)}); err == nil {
			t.Error("an overlong string was taken")
		}
	})
}

// Data that is new was never sent, so that no limit holds it back.
func TestAnswerAfterAnUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, _, g := answering(t)
		for _, txt := range []string{"c#=1", "c#=2"} {
			if err := g.Update([]string{txt}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		ask(t, n, resolver, nil, question(villa, dns.TypeTXT))
		synctest.Wait()
		if got, want := w.answers("a", dns.TypeTXT), []string{`0s 4500 "c#=1"`, `200ms 4500 "c#=2"`}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

func TestManyServicesFitTheirPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, a, _ := answering(t)
		for i := range 40 {
			a.publish(mdns.Service{Instance: fmt.Sprintf("Service number %d", i), Port: i + 1, TXT: []string{strings.Repeat("x", 200)}})
		}
		settled()
		ask(t, n, resolver, nil, question(hap, dns.TypePTR))
		time.Sleep(time.Second)
		seen := map[string]bool{}
		for _, h := range w.from("a") {
			if len(h.Data) > 1472 {
				t.Errorf("packet of %d bytes", len(h.Data))
			}
			for _, rr := range h.msg.Answer {
				if p, ok := rr.(*dns.PTR); ok && h.at > 5*time.Second {
					seen[p.Ptr] = true
				}
			}
		}
		if len(seen) != 41 {
			t.Errorf("%d services in the answer, want 41", len(seen))
		}
	})
}

func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, a, _ := answering(t)
		ask(t, n, resolver, nil, question(hap, dns.TypePTR)) // so that it is no stranger
		time.Sleep(5 * time.Second)
		w.reset()
		attack, err := (&dns.Msg{
			Question: []dns.Question{question("a.local.", dns.TypeANY), question(hap, dns.TypePTR)},
			Ns:       []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "a.local.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{255, 0, 0, 1}}},
		}).Pack()
		if err != nil {
			t.Fatal(err)
		}
		for second := range 5 {
			for i := range 10_000 {
				from := netip.AddrFrom4([4]byte{10, 0, 1, byte(i)})
				n.Inject(mdnstest.Sent{Segment: "lan", Host: "attacker", From: netip.AddrPortFrom(from, 5353), Data: attack})
				if i%100 == 0 {
					synctest.Wait()
				}
			}
			if second == 3 {
				asked := time.Since(w.start)
				ask(t, n, resolver, nil, question(villa, dns.TypeTXT))
				time.Sleep(time.Second) // the longest that a record waits after the last time
				synctest.Wait()
				if !slices.ContainsFunc(w.from("a"), func(h heard) bool {
					return h.at >= asked && strings.Contains(types(append(h.msg.Answer, h.msg.Extra...)), "TXT")
				}) {
					t.Error("legitimate query during the flood was not answered within a second")
				}
				continue
			}
			time.Sleep(time.Second)
		}
		f, err := a.Facts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Flooded < 20_000 {
			t.Errorf("%d packets dropped as a flood, want a good part of 50000", f.Flooded)
		}
		if got := len(w.from("a")); got > 200 {
			t.Errorf("%d packets sent in answer to the flood", got)
		}
	})
}
