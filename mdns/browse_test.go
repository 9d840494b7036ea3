package mdns_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/loquet/loquet/mdns"
	"github.com/loquet/loquet/mdns/mdnstest"
)

// browse collects what is found until the test ends.
func browse(t *testing.T, m *machine, kind string) func() []string {
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var got []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := m.Browse(ctx, kind, func(e mdns.Entry) {
			mark := ""
			if e.Gone {
				mark = "gone "
			}
			if e.Own {
				mark += "own "
			}
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprintf("%s%s %s:%d %q %v on %s", mark, e.Instance, e.Host, e.Port, e.TXT, e.Addrs, e.Interface))
		})
		if err != nil && t.Context().Err() == nil { // at the end of a test the responder may be the first to hear of it
			t.Errorf("browse: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func() []string {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		seen := got
		got = nil
		return seen
	}
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found\n%q, want\n%q", got, want)
	}
}

func TestBrowse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, a, g := answering(t)
		b := boot(t, n, "b", "10.0.0.2/24")
		own := b.publish(mdns.Service{Instance: "Café. Nº 2", Port: 2, TXT: []string{"a=\x00\"\\"}})
		<-own.Established()
		settled()
		found := browse(t, b, "_hap._tcp")
		time.Sleep(time.Second)
		expect(t, found(),
			`Villa Rose a.local:51826 ["sf=1"] [10.0.0.1] on eth0`,
			`own Café. Nº 2 b.local:2 ["a=\x00\"\\"] [10.0.0.2] on eth0`)

		if err := g.Update([]string{"sf=0"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		expect(t, found(), `Villa Rose a.local:51826 ["sf=0"] [10.0.0.1] on eth0`)

		a.host.SetAddrs("eth0", "10.0.0.1/24", "fe80::1/64")
		time.Sleep(3 * time.Second)
		expect(t, found(), `Villa Rose a.local:51826 ["sf=0"] [10.0.0.1 fe80::1] on eth0`)

		// The cache-flush bit replaces what was heard before, without a goodbye.
		moved := &dns.A{Hdr: dns.RR_Header{Name: "a.local.", Rrtype: dns.TypeA, Class: dns.ClassINET | 1<<15, Ttl: 120}, A: []byte{10, 0, 0, 7}}
		inject(t, n, "10.0.0.9:5353", &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: []dns.RR{moved}})
		time.Sleep(100 * time.Millisecond)
		expect(t, found(), `Villa Rose a.local:51826 ["sf=0"] [10.0.0.7 fe80::1] on eth0`)
		time.Sleep(5 * time.Second) // the host itself objects; both count for a second
		objected := found()
		expect(t, objected[len(objected)-1:], `Villa Rose a.local:51826 ["sf=0"] [10.0.0.1 fe80::1] on eth0`)

		time.Sleep(24 * time.Hour)
		expect(t, found()) // asked again before the records expire

		if err := g.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		expect(t, found(), `gone Villa Rose a.local:51826 ["sf=0"] [10.0.0.1 fe80::1] on eth0`)
	})
}

func TestBrowseSubtype(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, a, _ := answering(t)
		a.publish(mdns.Service{Instance: "Other"})
		settled()
		b := boot(t, n, "b", "10.0.0.2/24")
		found := browse(t, b, "_L840._sub._hap._tcp")
		time.Sleep(time.Second)
		expect(t, found(), `Villa Rose a.local:51826 ["sf=1"] [10.0.0.1] on eth0`)
	})
}

// A host that vanishes is lost when its record expires; one that answers in parts is asked for them.
func TestBrowsePartsAndExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		w := tap(n)
		b := boot(t, n, "b", "10.0.0.2/24")
		found := browse(t, b, "_hap._tcp")
		time.Sleep(time.Second)
		ptr := &dns.PTR{Hdr: dns.RR_Header{Name: hap, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 60}, Ptr: villa}
		inject(t, n, "10.0.0.9:5353", &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: []dns.RR{ptr}})
		time.Sleep(3 * time.Second)
		expect(t, found(), `Villa Rose :0 [] [] on eth0`)
		asked := 0
		for _, h := range w.from("b") {
			for _, q := range h.msg.Question {
				if q.Name == "Villa\\ Rose._hap._tcp.local." && q.Qtype == dns.TypeSRV {
					asked++
				}
			}
		}
		if asked != 3 {
			t.Errorf("asked %d times for the service, want 3", asked)
		}
		inject(t, n, "10.0.0.9:5353", claiming(120))
		time.Sleep(time.Second)
		expect(t, found(), `Villa Rose z.local:9 [] [] on eth0`)
		time.Sleep(time.Minute)
		expect(t, found(), `gone Villa Rose z.local:9 [] [] on eth0`)
	})
}

// Records with a short life are asked for before they expire, and what is known is not asked for again.
func TestBrowseRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		b := boot(t, n, "b", "10.0.0.2/24")
		short := claiming(120)
		short.Answer = append(short.Answer,
			&dns.PTR{Hdr: dns.RR_Header{Name: hap, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 60}, Ptr: villa},
			&dns.TXT{Hdr: dns.RR_Header{Name: villa, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{"a=1"}},
			&dns.A{Hdr: dns.RR_Header{Name: "z.local.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: []byte{10, 0, 0, 9}})
		n.Tap(func(s mdnstest.Sent) {
			m := new(dns.Msg)
			if s.Host == "b" && m.Unpack(s.Data) == nil && !m.Response && m.Question[0].Name == hap {
				inject(t, n, "10.0.0.9:5353", short)
			}
		})
		found := browse(t, b, "_hap._tcp")
		time.Sleep(6 * time.Hour)
		expect(t, found(), `Villa Rose z.local:9 ["a=1"] [10.0.0.9] on eth0`)
	})
}

func TestBrowseNamesWhatItKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, _, _ := answering(t)
		b := boot(t, n, "b", "10.0.0.2/24")
		found := browse(t, b, "_hap._tcp")
		time.Sleep(5 * time.Second)
		expect(t, found(), `Villa Rose a.local:51826 ["sf=1"] [10.0.0.1] on eth0`)
		w := tap(n)
		time.Sleep(30 * time.Minute)
		for _, h := range w.from("b") {
			if texts(h.msg.Answer) != "PTR villa\\ rose._hap._tcp.local." && texts(h.msg.Answer) != "PTR "+villa {
				t.Errorf("asked %v without the known answer: %v", h.msg.Question, texts(h.msg.Answer))
			}
		}
		if got := w.from("a"); len(w.from("b")) < 5 || len(got) != 0 {
			t.Errorf("%d queries, %d answers, want several queries and no answer", len(w.from("b")), len(got))
		}
	})
}

func TestBrowseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mdnstest.NewNetwork()
		b := boot(t, n, "b", "10.0.0.2/24")
		if err := b.Browse(t.Context(), "hap", nil); err == nil {
			t.Error("took a type that is none")
		}
		ended := make(chan error, 1)
		go func() { ended <- b.Browse(context.Background(), "_hap._tcp", func(mdns.Entry) {}) }()
		synctest.Wait()
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, mdns.ErrClosed) {
			t.Errorf("ended with %v, want %v", err, mdns.ErrClosed)
		}
		if _, err := b.Facts(t.Context()); !errors.Is(err, mdns.ErrClosed) {
			t.Errorf("facts of a closed responder: %v", err)
		}
	})
}
