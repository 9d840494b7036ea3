package homekit

import (
	"sync"
	"testing"

	"github.com/loquet/loquet/homekit/haptest"
)

// The figures are those of a controller over loopback, so they hold the strict client's cost too. The house is the one
// that the peers were measured with: a bridge and 149 doors.

func BenchmarkPairVerify(b *testing.B) {
	h := open(b, 149, nil)
	who, acc := h.pair()
	for b.Loop() {
		h.session(who, acc).Close()
	}
}

func BenchmarkAccessories(b *testing.B) {
	h := open(b, 149, nil)
	c := h.admin()
	b.ReportAllocs()
	for b.Loop() {
		body, err := c.Accessories()
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(body)))
	}
}

// BenchmarkEncodeAccessories is the server's part of it: collecting, encoding, sealing.
func BenchmarkEncodeAccessories(b *testing.B) {
	h := newHouse(b, nil, definitions(149), nil)
	out, err := newFrameCipher(make([]byte, keySize))
	if err != nil {
		b.Fatal(err)
	}
	var frames []byte
	b.ReportAllocs()
	for b.Loop() {
		m := h.table.accessories(h.buffer(), nil)
		frames = out.seal(frames[:0], m.bytes())
		h.recycle(m.b)
	}
	b.SetBytes(int64(len(frames)))
}

func BenchmarkGet(b *testing.B) {
	h := open(b, 149, nil)
	c := h.admin()
	req := haptest.Request("GET", "/characteristics?id=2.11", "", nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Send(req); err != nil {
			b.Fatal(err)
		}
		if _, err := c.ReadResponse(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	h := open(b, 149, nil)
	c := h.admin()
	var reqs [2][]byte
	for i := range reqs {
		reqs[i] = haptest.Request("PUT", "/characteristics", typeJSON, []byte(`{"characteristics":[{"aid":2,"iid":11,"value":`+string(rune('0'+i))+`}]}`))
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if err := c.Send(reqs[n%2]); err != nil {
			b.Fatal(err)
		}
		if r, err := c.ReadResponse(); err != nil || r.Status != 204 {
			b.Fatal(err, r)
		}
	}
}

// BenchmarkFanOut is from a change of an accessory to the last of eight controllers.
func BenchmarkFanOut(b *testing.B) {
	h := open(b, 149, nil)
	admin := h.admin()
	clients := []*haptest.Client{admin}
	for range 7 {
		clients = append(clients, h.user(admin, h.accessory()))
	}
	heard := make(chan bool, len(clients))
	var wg sync.WaitGroup
	for _, c := range clients {
		if err := c.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}); err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			for {
				if _, err := c.NextEvent(1e10); err != nil {
					return
				}
				heard <- true
			}
		})
	}
	for n := 0; b.Loop(); n++ {
		if err := h.Publish(Value{2, iidTarget, n % 2}); err != nil {
			b.Fatal(err)
		}
		for range clients {
			<-heard
		}
	}
	for _, c := range clients {
		c.Close()
	}
	wg.Wait()
}
