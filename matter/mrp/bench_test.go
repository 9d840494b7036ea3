package mrp_test

import (
	"context"
	"net"
	"testing"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/session"
)

// BenchmarkQuestionAndAnswer is one request with its answer over UDP on the loopback, both ends in this process.
func BenchmarkQuestionAndAnswer(b *testing.B) {
	keys := crypto.DeriveSessionKeys([]byte("k"), nil, crypto.InfoSession)
	listen := func() net.PacketConn {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	cc, sc := listen(), listen()
	serve := func(c net.PacketConn, cfg session.Config, h mrp.ProtocolHandler) (*mrp.Endpoint, *session.Session) {
		table := session.NewTable(4)
		cfg.Kind, cfg.Keys, cfg.Params = session.CASE, keys, session.DefaultParams()
		s, err := session.New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := table.Add(s); err != nil {
			b.Fatal(err)
		}
		ep, err := mrp.New(mrp.Config{Conns: []net.PacketConn{c}, Sessions: table, Handlers: map[uint32]mrp.ProtocolHandler{message.InteractionModel: h}})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := spawn(func() { _ = ep.Run(ctx) })
		b.Cleanup(func() { cancel(); <-done })
		return ep, s
	}
	serve(sc, session.Config{ID: 22, PeerID: 11, Route: session.Route{Conn: sc, Addr: cc.LocalAddr()}},
		func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
			_ = ex.Send(ctx, 9, first.Payload, true)
		})
	ep, s := serve(cc, session.Config{ID: 11, PeerID: 22, Initiator: true, Route: session.Route{Conn: cc, Addr: sc.LocalAddr()}}, nil)
	payload := make([]byte, 60)
	for b.Loop() {
		ex, err := ep.NewExchange(s, message.InteractionModel)
		if err != nil {
			b.Fatal(err)
		}
		if err := ex.Send(b.Context(), 8, payload, true); err != nil {
			b.Fatal(err)
		}
		if _, err := ex.Receive(b.Context()); err != nil {
			b.Fatal(err)
		}
		ex.Close()
	}
}
