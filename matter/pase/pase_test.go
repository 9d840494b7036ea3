package pase_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/pase"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
)

const passcode = 20202021

func window(t *testing.T, lasts time.Duration) pase.Window {
	t.Helper()
	salt := bytes.Repeat([]byte{9}, 32)
	v, err := crypto.NewVerifier(passcode, salt, crypto.MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	return pase.Window{Verifier: v, Salt: salt, Iterations: crypto.MinIterations, For: lasts}
}

type house struct {
	net                  *mattertest.Network
	device, commissioner *mattertest.Node
	responder            *pase.Responder
	mu                   sync.Mutex
	changes              []bool
	failures             int
}

func build(t *testing.T, w mattertest.Weather) *house {
	t.Helper()
	h := &house{net: mattertest.NewNetwork(w, 3)}
	table := session.NewTable(8)
	h.responder = pase.New(pase.Config{Sessions: table, Params: session.OwnParams(),
		Changed: func(open bool) { h.changes = append(h.changes, open) },
		Failed:  func(_ error, n int) { h.mu.Lock(); h.failures = n; h.mu.Unlock() }})
	h.device = mattertest.NewNode(t, h.net, "device", table, securechannel.Handler{PASE: h.responder.Handle},
		map[uint32]mrp.ProtocolHandler{message.InteractionModel: func(ctx context.Context, ex *mrp.Exchange, m mrp.Message) {
			_ = ex.Send(ctx, m.Opcode, append([]byte("re: "), m.Payload...), true)
		}})
	h.commissioner = mattertest.NewNode(t, h.net, "commissioner", session.NewTable(8), securechannel.Handler{}, nil)
	return h
}

func (h *house) pase(t *testing.T, code uint32) (*session.Session, error) {
	t.Helper()
	return mattertest.PASE(t.Context(), h.commissioner.Endpoint, h.commissioner.Sessions, h.device.Addr, code)
}

func TestAPasscodeOpensASession(t *testing.T) {
	for name, weather := range map[string]mattertest.Weather{"fair": {}, "storm": {Loss: 0.25, Twice: 0.2, Delay: 80 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, weather)
				if err := h.responder.Open(window(t, 15*time.Minute)); err != nil {
					t.Fatal(err)
				}
				s, err := h.pase(t, passcode)
				if err != nil {
					t.Fatal(err)
				}
				at := h.device.Sessions.All(nil)
				if len(at) != 1 || at[0].Kind() != session.PASE || at[0].FabricIndex() != 0 || at[0].PeerNode() != 0 ||
					!bytes.Equal(at[0].AttestationChallenge(), s.AttestationChallenge()) {
					t.Fatalf("at the device: %+v", at)
				}
				ex, err := h.commissioner.Endpoint.NewExchange(s, message.InteractionModel)
				if err != nil {
					t.Fatal(err)
				}
				defer ex.Close()
				if err := ex.Send(t.Context(), 2, []byte("hello"), true); err != nil {
					t.Fatal(err)
				}
				if m, err := ex.Receive(t.Context()); err != nil || string(m.Payload) != "re: hello" {
					t.Errorf("%q, %v", m.Payload, err)
				}
			})
		})
	}
}

func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{})
		if _, err := h.pase(t, passcode); !errors.Is(err, securechannel.ErrRefused) {
			t.Error("without a window:", err)
		}
		if err := h.responder.Open(window(t, 0)); err != nil {
			t.Fatal(err)
		}
		s, err := h.pase(t, passcode)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.pase(t, passcode); !errors.Is(err, securechannel.ErrRefused) {
			t.Error("beside a session:", err)
		}
		// The commissioner ends its session; then there is room again.
		securechannel.Farewell(h.commissioner.Endpoint, s)
		synctest.Wait()
		if h.device.Sessions.HasPASE() {
			t.Fatal("the session did not end")
		}
		if _, err := h.pase(t, passcode); err != nil {
			t.Error(err)
		}
	})
}

func TestTwentyWrongPasscodesCloseTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{})
		if err := h.responder.Open(window(t, 0)); err != nil {
			t.Fatal(err)
		}
		for i := range pase.MaxFailures {
			if !h.responder.IsOpen() {
				t.Fatalf("closed after %d", i)
			}
			if _, err := h.pase(t, passcode+1); !errors.Is(err, mattertest.ErrDevice) {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if h.responder.IsOpen() || h.failures != pase.MaxFailures {
			t.Errorf("open after %d failures", h.failures)
		}
		if _, err := h.pase(t, passcode); !errors.Is(err, securechannel.ErrRefused) {
			t.Error("the right one, too late:", err)
		}
		if err := h.responder.Open(window(t, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.pase(t, passcode); err != nil {
			t.Error("a window opened again:", err)
		}
	})
}

// TestAGuessWithoutAnEndCounts: the second message of the device tells whether a guess was right, so a peer that
// falls silent then has had its try.
func TestAGuessWithoutAnEndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{})
		if err := h.responder.Open(window(t, 0)); err != nil {
			t.Fatal(err)
		}
		h.net.Drop(func(from, to string, b []byte) bool {
			_, n, err := message.ParseHeader(b)
			p, _, perr := message.ParseProtocol(b[n:])
			return from == "commissioner" && err == nil && perr == nil && (p.Opcode == securechannel.OpStatusReport || p.Opcode == securechannel.OpPake3)
		})
		if _, err := h.pase(t, passcode+1); err == nil {
			t.Fatal("a wrong passcode")
		}
		time.Sleep(2 * time.Minute)
		h.mu.Lock()
		if h.failures != 1 {
			t.Errorf("%d failures counted", h.failures)
		}
		h.mu.Unlock()
		h.net.Drop(nil)
		if _, err := h.pase(t, passcode); err != nil {
			t.Error("the place is free again:", err)
		}
	})
}

func TestTheWindowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{})
		if err := h.responder.Open(window(t, 3*time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if err := h.responder.Open(window(t, 3*time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if !h.responder.IsOpen() {
			t.Error("the first window's end closed the second")
		}
		time.Sleep(2 * time.Minute)
		if h.responder.IsOpen() {
			t.Error("still open")
		}
		h.responder.Close()
		if want := []bool{true, true, false}; len(h.changes) != len(want) {
			t.Errorf("changes %v, want %v", h.changes, want)
		}
		bad := window(t, 0)
		bad.Iterations = 10
		if err := h.responder.Open(bad); !errors.Is(err, pase.ErrParameters) {
			t.Error(err)
		}
	})
}

func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		"1530012094eab5c37d101df5ef01b2c8ecada03a7c3b0cf5e26a08feda72617f9cd391a6240247240300280418",
		"15300120913cc0622eca85f8d4c132c89663c5d7afa780667be930e5c11bec865479c6173002205682c0732b37c045ebeb416904c187a58b5341088e0172123becfb855f94a72c2503844235042501e8033002202bb41e9d75f30c2e6b2f059410c56965717cc2bf14ed6c73a169435326a896521818",
		"15300120dbf3b308b237d4a734ea0926a611706953fb83c80bf93dda569799777cd11fe124024724030028043505250188132502" + "2c011818",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := pase.ParseParamRequest(b); err == nil {
			again, err := m.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pase.ParseParamRequest(again); err != nil {
				t.Fatal(err)
			}
		}
		if m, err := pase.ParseParamResponse(b); err == nil {
			if _, err := m.Bytes(); err != nil {
				t.Fatal(err)
			}
		}
		if p, err := pase.ParseShare(b, 65, 32); err == nil && (len(p[0]) != 65 || len(p[1]) != 32) {
			t.Fatal("sizes")
		}
	})
}
