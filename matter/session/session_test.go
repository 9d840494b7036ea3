package session

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/tlv"
)

func pair(t *testing.T) (a, b *Session) {
	t.Helper()
	keys := crypto.DeriveSessionKeys([]byte("secret"), nil, crypto.InfoSession)
	a, err := New(Config{ID: 1, PeerID: 2, Kind: CASE, Initiator: true, FabricIndex: 1, LocalNode: 10, PeerNode: 20, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	b, err = New(Config{ID: 2, PeerID: 1, Kind: CASE, FabricIndex: 1, LocalNode: 20, PeerNode: 10, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestSealAndOpen(t *testing.T) {
	a, b := pair(t)
	for _, d := range []struct{ from, to *Session }{{a, b}, {b, a}} {
		p := message.Protocol{Initiator: true, Reliable: true, Opcode: 8, Exchange: 7, ID: message.InteractionModel}
		raw, counter, err := d.from.Seal(p, []byte("door"))
		if err != nil {
			t.Fatal(err)
		}
		h, n, err := message.ParseHeader(raw)
		if err != nil || h.SessionID != d.to.ID() || h.Counter != counter || h.HasSource {
			t.Fatalf("%+v, %v", h, err)
		}
		got, payload, err := d.to.Open(h, raw, n)
		if err != nil || got != p || string(payload) != "door" {
			t.Fatalf("%+v, %q, %v", got, payload, err)
		}
		if !d.to.Fresh(h.Counter, Route{}) || d.to.Fresh(h.Counter, Route{}) {
			t.Error("fresh once, and once only")
		}
		for i := range raw {
			bad := bytes.Clone(raw)
			bad[i] ^= 1
			if h, n, err := message.ParseHeader(bad); err == nil {
				if _, _, err := d.to.Open(h, bad, n); err == nil {
					t.Fatalf("octet %d was changed and nobody saw", i)
				}
			}
		}
		if _, _, err := d.from.Open(h, raw, n); !errors.Is(err, crypto.ErrAuthentication) {
			t.Error("a message came back to its sender and was taken:", err)
		}
	}
}

func TestTableLeavesEachFabricASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := NewTable(4)
		var ended []uint16
		table.OnClose(func(s *Session) { ended = append(ended, s.ID()) })
		add := func(kind Kind, fabric uint8) (*Session, *Session) {
			id, err := table.Reserve()
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(Config{ID: id, Kind: kind, FabricIndex: fabric})
			if err != nil {
				t.Fatal(err)
			}
			out, err := table.Add(s)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			return s, out
		}
		pase, _ := add(PASE, 0)
		one, _ := add(CASE, 1)
		two, _ := add(CASE, 2)
		three, _ := add(CASE, 2)
		four, out := add(CASE, 3)
		if out != two {
			t.Errorf("evicted %v: fabric 1 has one session, fabric 2 has two, its older goes", out)
		}
		if _, out := add(CASE, 4); out != one {
			t.Error("every fabric has one: the oldest goes")
		}
		select {
		case <-two.Done():
		default:
			t.Error("an evicted session is not done")
		}
		if table.Get(pase.ID()) != pase || table.Get(two.ID()) != nil || !table.HasPASE() {
			t.Error("what the table holds")
		}
		table.RemoveFabric(3, nil)
		table.Remove(three)
		table.Remove(three)
		if table.Get(four.ID()) != nil || len(table.All(nil)) != 2 {
			t.Error("removed sessions are still there")
		}
		table.RemoveAll()
		if len(ended) != 6 {
			t.Errorf("told of %d ends: %v", len(ended), ended)
		}
	})
}

// TestARecordedMessageTellsNothing: it neither keeps a session young nor moves it to another address.
func TestARecordedMessageTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := pair(t)
		home, elsewhere := &net.UDPAddr{Port: 1}, &net.UDPAddr{Port: 2}
		if !b.Fresh(7, Route{Addr: home}) {
			t.Fatal("not fresh")
		}
		heard := b.ActiveAt()
		time.Sleep(time.Hour)
		if b.Fresh(7, Route{Addr: elsewhere}) || !b.ActiveAt().Equal(heard) || b.Route().Addr != home {
			t.Errorf("heard at %v, was %v; route %v", b.ActiveAt(), heard, b.Route().Addr)
		}
		if !b.Fresh(8, Route{Addr: elsewhere}) || b.ActiveAt().Equal(heard) || b.Route().Addr != elsewhere {
			t.Error("a new message moves the session")
		}
	})
}

func TestReserve(t *testing.T) {
	table := NewTable(2)
	a, err := table.Reserve()
	if err != nil || a == 0 {
		t.Fatal(a, err)
	}
	b, err := table.Reserve()
	if err != nil || b == a {
		t.Fatal(b, err)
	}
	if _, err := table.Reserve(); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	table.Release(a)
	if _, err := table.Reserve(); err != nil {
		t.Error(err)
	}
	full := NewTable(1)
	s, err := New(Config{ID: 1, Kind: PASE})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := full.Add(s); err != nil {
		t.Fatal(err)
	}
	other, err := New(Config{ID: 2, Kind: CASE})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := full.Add(other); !errors.Is(err, ErrFull) {
		t.Error("a PASE session was evicted:", err)
	}
}

func TestFabricOfASession(t *testing.T) {
	p, err := New(Config{ID: 1, Kind: PASE})
	if err != nil {
		t.Fatal(err)
	}
	p.SetFabricIndex(3)
	c, _ := pair(t)
	c.SetFabricIndex(3)
	if p.FabricIndex() != 3 || c.FabricIndex() != 1 {
		t.Errorf("%d, %d: only a PASE session moves to a fabric", p.FabricIndex(), c.FabricIndex())
	}
}

func TestParams(t *testing.T) {
	w := tlv.NewWriter(nil)
	OwnParams().Write(w, tlv.Anonymous())
	raw, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	e, err := tlv.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := ReadParams(e); err != nil || p != OwnParams() {
		t.Errorf("%+v, %v", p, err)
	}
	// A few of them, and one that would have us wait for days.
	w = tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Uint(tlv.Context(1), 4_000_000_000)
	w.Uint(tlv.Context(2), 800)
	w.End()
	if raw, err = w.Finish(); err != nil {
		t.Fatal(err)
	}
	if e, err = tlv.Decode(raw); err != nil {
		t.Fatal(err)
	}
	want := DefaultParams()
	want.Idle, want.Active = time.Hour, 800*time.Millisecond
	if p, err := ReadParams(e); err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
}
