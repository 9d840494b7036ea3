package mrp_test

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/session"
)

// script is a socket that gives datagrams, each behind an octet with its length, and then nothing more.
type script struct {
	rest   []byte
	read   chan struct{} // closed when all were taken
	closed chan struct{}
}

func (s *script) ReadFrom(p []byte) (int, net.Addr, error) {
	if len(s.rest) == 0 {
		close(s.read)
		<-s.closed
		return 0, nil, net.ErrClosed
	}
	n := min(int(s.rest[0]), len(s.rest)-1)
	copied := copy(p, s.rest[1:1+n])
	s.rest = s.rest[1+n:]
	return copied, mattertest.Addr("stranger"), nil
}

func (s *script) WriteTo(p []byte, _ net.Addr) (int, error) { return len(p), nil }
func (s *script) Close() error                              { close(s.closed); return nil }
func (s *script) LocalAddr() net.Addr                       { return mattertest.Addr("house") }
func (s *script) SetDeadline(time.Time) error               { return os.ErrNoDeadline }
func (s *script) SetReadDeadline(time.Time) error           { return os.ErrNoDeadline }
func (s *script) SetWriteDeadline(time.Time) error          { return os.ErrNoDeadline }

// FuzzDatagrams gives an endpoint whatever a network can bring, before there is a session and under one whose key the
// sender has. Nothing but a reliable first message that nobody answers may be waiting when all is read.
func FuzzDatagrams(f *testing.F) {
	keys := crypto.DeriveSessionKeys([]byte("k"), nil, crypto.InfoSession)
	peer := func() *session.Session {
		s, err := session.New(session.Config{ID: 11, PeerID: 22, Kind: session.CASE, Initiator: true, LocalNode: 1, PeerNode: 2, Keys: keys})
		if err != nil {
			f.Fatal(err)
		}
		return s
	}
	framed := func(list ...[]byte) []byte {
		var out []byte
		for _, b := range list {
			out = append(append(out, byte(len(b))), b...)
		}
		return out
	}
	plain := func(p message.Protocol, source uint64) []byte {
		return append(p.Append(message.Header{Counter: 7, HasSource: true, Source: source}.Append(nil)), 1, 2, 3)
	}
	first := message.Protocol{Initiator: true, Reliable: true, Opcode: 0x30, Exchange: 5}
	f.Add(framed(plain(first, 1), plain(first, 1), plain(first, 2)), []byte{}, uint8(0))
	f.Add([]byte{}, []byte{1, 2}, uint8(2))
	f.Add(framed(plain(message.Protocol{Opcode: 0x40, HasAck: true, Acked: 7, Exchange: 5}, 1)), first.Append(nil), uint8(7))
	f.Fuzz(func(t *testing.T, datagrams, sealed []byte, opcode uint8) {
		for i := range 4 {
			b, _, err := peer().Seal(message.Protocol{Initiator: i%2 == 0, Reliable: i < 2, Opcode: opcode, Exchange: uint16(i), ID: uint32(opcode) % 3}, sealed[:min(len(sealed), 120)])
			if err == nil && len(b) < 256 {
				datagrams = append(datagrams, framed(b)...)
			}
		}
		if len(datagrams) > 1<<14 {
			t.Skip()
		}
		conn := &script{rest: datagrams, read: make(chan struct{}), closed: make(chan struct{})}
		table := session.NewTable(4)
		s, err := session.New(session.Config{ID: 22, PeerID: 11, Kind: session.CASE, LocalNode: 2, PeerNode: 1, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Add(s); err != nil {
			t.Fatal(err)
		}
		answer := func(ctx context.Context, ex *mrp.Exchange, m mrp.Message) {
			_ = ex.Send(ctx, m.Opcode+1, m.Payload, false)
		}
		ep, err := mrp.New(mrp.Config{Conns: []net.PacketConn{conn}, Sessions: table,
			Handlers: map[uint32]mrp.ProtocolHandler{message.SecureChannel: answer, message.InteractionModel: answer}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := spawn(func() { _ = ep.Run(ctx) })
		<-conn.read
		cancel()
		<-ended // all handlers have returned
	})
}
