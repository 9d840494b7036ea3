package mrp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/session"
)

// two is a pair of nodes with a session between them.
type two struct {
	net            *mattertest.Network
	client, server *mrp.Endpoint
	cs, ss         *session.Session // the session at the client, and at the server
	ct, st         *session.Table
}

func start(t *testing.T, w mattertest.Weather, handler mrp.ProtocolHandler, limits mrp.Config) *two {
	t.Helper()
	p := &two{net: mattertest.NewNetwork(w, 7), ct: session.NewTable(8), st: session.NewTable(8)}
	cc, sc := p.net.Listen("client"), p.net.Listen("server")
	keys := crypto.DeriveSessionKeys([]byte("k"), nil, crypto.InfoSession)
	join := func(table *session.Table, c session.Config) *session.Session {
		c.Kind, c.Keys, c.Params = session.CASE, keys, session.DefaultParams()
		s, err := session.New(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Add(s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	p.cs = join(p.ct, session.Config{ID: 11, PeerID: 22, Initiator: true, LocalNode: 1, PeerNode: 2, Route: session.Route{Conn: cc, Addr: sc.LocalAddr()}})
	p.ss = join(p.st, session.Config{ID: 22, PeerID: 11, LocalNode: 2, PeerNode: 1, Route: session.Route{Conn: sc, Addr: cc.LocalAddr()}})
	run := func(c *mattertest.Conn, table *session.Table, cfg mrp.Config) *mrp.Endpoint {
		cfg.Conns, cfg.Sessions = []net.PacketConn{c}, table
		ep, err := mrp.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := spawn(func() { _ = ep.Run(ctx) })
		t.Cleanup(func() { cancel(); <-done })
		return ep
	}
	p.client = run(cc, p.ct, mrp.Config{})
	limits.Handlers = map[uint32]mrp.ProtocolHandler{message.InteractionModel: handler, message.SecureChannel: handler}
	p.server = run(sc, p.st, limits)
	return p
}

func spawn(f func()) chan struct{} {
	done := make(chan struct{})
	go func() { f(); close(done) }()
	return done
}

func echo(t *testing.T) mrp.ProtocolHandler {
	return func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
		_ = ex.Send(ctx, first.Opcode+1, first.Payload, true)
	}
}

func (p *two) ask(ctx context.Context, payload []byte) (mrp.Message, error) {
	ex, err := p.client.NewExchange(p.cs, message.InteractionModel)
	if err != nil {
		return mrp.Message{}, err
	}
	defer ex.Close()
	if err := ex.Send(ctx, 8, payload, true); err != nil {
		return mrp.Message{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return ex.Receive(ctx)
}

func TestQuestionAndAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, mattertest.Weather{}, echo(t), mrp.Config{})
		m, err := p.ask(t.Context(), []byte("door"))
		if err != nil || m.Opcode != 9 || m.Protocol != message.InteractionModel || string(m.Payload) != "door" {
			t.Fatalf("%+v, %v", m, err)
		}
		synctest.Wait()
		// The question, the answer with the acknowledgement on it, the acknowledgement of the answer when the exchange closed.
		if n := p.net.Sent(); n != 3 {
			t.Errorf("%d datagrams, 3 are enough", n)
		}
	})
}

// TestStormyWeather: whatever is lost, doubled or late, a question reaches the handler at most once, and an answer is
// the answer to its question.
func TestStormyWeather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		handled := map[uint32]int{}
		p := start(t, mattertest.Weather{Loss: 0.3, Twice: 0.2, Delay: 400 * time.Millisecond}, func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
			mu.Lock()
			handled[binary.LittleEndian.Uint32(first.Payload)]++
			mu.Unlock()
			_ = ex.Send(ctx, 9, first.Payload, true)
		}, mrp.Config{})
		const questions = 300
		answered, lost := 0, 0
		for i := range uint32(questions) {
			q := binary.LittleEndian.AppendUint32(nil, i)
			m, err := p.ask(t.Context(), q)
			switch {
			case err == nil && bytes.Equal(m.Payload, q):
				answered++
			case errors.Is(err, mrp.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
				lost++
			default:
				t.Fatalf("question %d: %x, %v", i, m.Payload, err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for q, n := range handled {
			if n != 1 {
				t.Errorf("question %d was handled %d times", q, n)
			}
		}
		// Five tries fail together, there and back, about once in 29 times; and so again for the answer.
		if answered < questions*8/10 {
			t.Errorf("%d answered, %d lost", answered, lost)
		}
		t.Logf("%d answered, %d lost, %d datagrams", answered, lost, p.net.Sent())
	})
}

func TestASilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, mattertest.Weather{Loss: 1}, echo(t), mrp.Config{})
		begin := time.Now()
		_, err := p.ask(t.Context(), nil)
		took := time.Since(begin)
		if !errors.Is(err, mrp.ErrNoAnswer) || p.net.Sent() != mrp.MaxTransmissions {
			t.Fatalf("%v after %d datagrams", err, p.net.Sent())
		}
		// 330, 330, 528, 845, 1352 ms while the peer counts as awake (4 s), each up to a quarter longer.
		if took < 3300*time.Millisecond || took > 6500*time.Millisecond {
			t.Errorf("gave up after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.ask(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestASlowHandlerAcknowledgesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, mattertest.Weather{}, func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
			time.Sleep(2 * time.Second)
			_ = ex.Send(ctx, 9, nil, true)
		}, mrp.Config{})
		ex, err := p.client.NewExchange(p.cs, message.InteractionModel)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := ex.Send(t.Context(), 8, nil, true); err != nil || time.Since(begin) != 200*time.Millisecond {
			t.Errorf("acknowledged after %v, %v", time.Since(begin), err)
		}
		if _, err := ex.Receive(t.Context()); err != nil || time.Since(begin) != 2*time.Second {
			t.Errorf("answered after %v, %v", time.Since(begin), err)
		}
		ex.Close()
		ex.Close()
		if err := ex.Send(t.Context(), 8, nil, true); !errors.Is(err, mrp.ErrClosed) {
			t.Error(err)
		}
		if _, err := ex.Receive(t.Context()); !errors.Is(err, mrp.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestLostAcknowledgement: the question is repeated because its answer is lost; it is answered again, not handled again.
func TestLostAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled atomic.Int32
		p := start(t, mattertest.Weather{}, func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) { handled.Add(1) }, mrp.Config{})
		lost := 0 // under the lock of the network
		p.net.Drop(func(from, to string, _ []byte) bool {
			if from == "server" && lost < 2 {
				lost++
				return true
			}
			return false
		})
		ex, err := p.client.NewExchange(p.cs, message.InteractionModel)
		if err != nil {
			t.Fatal(err)
		}
		defer ex.Close()
		if err := ex.Send(t.Context(), 8, nil, true); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		p.net.Drop(nil)
		if handled.Load() != 1 || lost != 2 {
			t.Errorf("handled %d times, %d acknowledgements lost", handled.Load(), lost)
		}
	})
}

func TestAnEndedSessionWakesItsExchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, mattertest.Weather{}, func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) { _, _ = ex.Receive(ctx) }, mrp.Config{})
		ex, err := p.client.NewExchange(p.cs, message.InteractionModel)
		if err != nil {
			t.Fatal(err)
		}
		defer ex.Close()
		if err := ex.Send(t.Context(), 8, nil, true); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { p.ct.Remove(p.cs) })
		if _, err := ex.Receive(t.Context()); !errors.Is(err, mrp.ErrClosed) {
			t.Error(err)
		}
		if _, err := p.client.NewExchange(p.cs, message.InteractionModel); !errors.Is(err, session.ErrClosed) {
			t.Error(err)
		}
		if err := p.client.Notify(p.cs, message.SecureChannel, 0x40, []byte("bye")); err != nil {
			t.Error("an ended session may still say so:", err)
		}
	})
}

// TestTooManyExchanges: what has no room is not acknowledged, so that it comes again, and is then served.
func TestTooManyExchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, mattertest.Weather{}, func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
			time.Sleep(600 * time.Millisecond)
			_ = ex.Send(ctx, 9, first.Payload, true)
		}, mrp.Config{MaxPerSession: 2})
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				if m, err := p.ask(t.Context(), []byte{byte(i)}); err != nil || !bytes.Equal(m.Payload, []byte{byte(i)}) {
					t.Errorf("question %d: %+v, %v", i, m, err)
				}
			})
		}
		all.Wait()
	})
}

// TestPlainExchange carries a handshake's messages, before there is a session.
func TestPlainExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, mattertest.Weather{Loss: 0.2, Twice: 0.3, Delay: 50 * time.Millisecond}, func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
			if ex.Session() != nil || ex.Peer().String() != "client" {
				t.Error("a plain exchange has no session")
			}
			ex.SetParams(session.DefaultParams())
			if ex.Send(ctx, 0x21, first.Payload, true) != nil {
				return
			}
			if m, err := ex.Receive(ctx); err == nil {
				_ = ex.Send(ctx, 0x23, m.Payload, true)
			}
		}, mrp.Config{})
		for range 20 {
			ex, err := p.client.NewPlainExchange(mattertest.Addr("server"), message.SecureChannel)
			if err != nil {
				t.Fatal(err)
			}
			for _, op := range []uint8{0x20, 0x22} {
				if err := ex.Send(t.Context(), op, []byte{op}, true); err != nil {
					t.Fatal(err)
				}
				if m, err := ex.Receive(t.Context()); err != nil || m.Opcode != op+1 || !bytes.Equal(m.Payload, []byte{op}) {
					t.Fatalf("%+v, %v", m, err)
				}
			}
			ex.Close()
		}
	})
}

// TestASessionNumberIsUsedAgain: what is left of an exchange of the old session hears nothing of the new one.
func TestASessionNumberIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		heard := map[string]int{}
		p := start(t, mattertest.Weather{}, func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
			mu.Lock()
			heard[string(first.Payload)]++
			mu.Unlock()
			time.Sleep(10 * time.Second)
			if m, err := ex.Receive(ctx); err == nil {
				t.Errorf("an exchange of the old session heard %q", m.Payload)
			}
		}, mrp.Config{})
		say := func(s *session.Session, text string) {
			b, _, err := s.Seal(message.Protocol{Initiator: true, Opcode: 8, Exchange: 77, ID: message.InteractionModel}, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Route().Conn.WriteTo(b, s.Route().Addr); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		say(p.cs, "old")
		p.st.Remove(p.ss)
		keys := crypto.DeriveSessionKeys([]byte("other"), nil, crypto.InfoSession)
		again, err := session.New(session.Config{ID: 22, PeerID: 11, Kind: session.CASE, LocalNode: 2, PeerNode: 1, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.st.Add(again); err != nil {
			t.Fatal(err)
		}
		now, err := session.New(session.Config{ID: 12, PeerID: 22, Kind: session.CASE, Initiator: true, LocalNode: 1, PeerNode: 2, Keys: keys, Route: p.cs.Route()})
		if err != nil {
			t.Fatal(err)
		}
		say(now, "new")
		p.st.Remove(again)
		mu.Lock()
		defer mu.Unlock()
		if heard["old"] != 1 || heard["new"] != 1 {
			t.Errorf("heard %v", heard)
		}
	})
}

func TestStrangersAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, mattertest.Weather{}, func(ctx context.Context, ex *mrp.Exchange, first mrp.Message) { t.Error("handled") }, mrp.Config{})
		bad := p.net.Listen("stranger")
		im := message.Protocol{Initiator: true, Reliable: true, Opcode: 8, ID: message.InteractionModel}
		ack := message.Protocol{Initiator: true, Opcode: 0x10, HasAck: true}
		answer := message.Protocol{Reliable: true, Opcode: 0x21}
		src := message.Header{HasSource: true, Source: 5, Counter: 9}
		for _, b := range [][]byte{
			nil, {1}, make([]byte, 2000), bytes.Repeat([]byte{0xff}, 60),
			im.Append(src.Append(nil)),  // the interaction model without a session
			ack.Append(src.Append(nil)), // an acknowledgement of nothing
			answer.Append(message.Header{Dest: message.ToNode, DestNode: 5}.Append(nil)), // an answer to nothing
			im.Append(message.Header{}.Append(nil)),                                      // from nobody to nobody
			append(message.Header{SessionID: 22, Counter: 1}.Append(nil), make([]byte, 40)...),
			append(message.Header{SessionID: 23, Counter: 1}.Append(nil), make([]byte, 40)...),
			append(message.Header{SessionID: 22, Counter: 1, Kind: message.Group, HasSource: true, Dest: message.ToGroup}.Append(nil), make([]byte, 40)...),
			append(message.Header{SessionID: 22, Counter: 1, Privacy: true}.Append(nil), make([]byte, 40)...),
		} {
			if _, err := bad.WriteTo(b, mattertest.Addr("server")); err != nil {
				t.Fatal(err)
			}
		}
		sent := p.net.Sent()
		time.Sleep(time.Minute)
		if p.net.Sent() != sent {
			t.Errorf("%d answers to strangers", p.net.Sent()-sent)
		}
	})
}
