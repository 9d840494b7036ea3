package pase_test

import (
	"fmt"
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

// stranger is somebody who asks, and says nothing more.
func (h *house) stranger(t *testing.T, name string) *mattertest.Node {
	t.Helper()
	return mattertest.NewNode(t, h.net, name, session.NewTable(8), securechannel.Handler{}, nil)
}

// asks sends the first message of a handshake and lets its answer be.
func asks(t *testing.T, h *house, who *mattertest.Node) *mrp.Exchange {
	t.Helper()
	request, err := pase.ParamRequest{Random: crypto.Random(32), SessionID: 1}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ex, err := who.Endpoint.NewPlainExchange(h.device.Addr, message.SecureChannel)
	if err != nil {
		t.Fatal(err)
	}
	if err := ex.Send(t.Context(), securechannel.OpPBKDFParamRequest, request, true); err != nil {
		t.Fatal(err)
	}
	return ex
}

// comesIn tries to get in, as often as a commissioner that is told to come again, and returns how long that took.
func (h *house) comesIn(t *testing.T, limit time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		_, err := h.pase(t, passcode)
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			t.Fatalf("kept out for %v: %v", time.Since(began), err)
		}
		time.Sleep(5 * time.Second)
	}
}

// TestASilentPeerKeepsNobodyOut: whoever asks and falls silent holds nothing that the owner needs, however often it asks, and
// neither do many who do so from one machine.
func TestASilentPeerKeepsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{})
		if err := h.responder.Open(window(t, 0)); err != nil {
			t.Fatal(err)
		}
		who := h.stranger(t, "stranger")
		for range 6 {
			defer asks(t, h, who).Close()
			synctest.Wait()
		}
		if took := h.comesIn(t, 0); took > time.Second {
			t.Errorf("the owner came in after %v", took)
		}
	})
}

// TestManySilentPeers: a network full of them costs the owner some seconds.
func TestManySilentPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{})
		if err := h.responder.Open(window(t, 0)); err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			defer asks(t, h, h.stranger(t, fmt.Sprint("stranger ", i))).Close()
			synctest.Wait()
		}
		if took := h.comesIn(t, 10*time.Second); took < time.Second {
			t.Errorf("the owner came in after %v: the places were not taken, this shows nothing", took)
		}
	})
}

// TestHalfAProof: whoever begins a proof and falls silent has had its try, and holds the place for 15 s at most.
func TestHalfAProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{})
		if err := h.responder.Open(window(t, 0)); err != nil {
			t.Fatal(err)
		}
		who := h.stranger(t, "stranger")
		ex := asks(t, h, who)
		defer ex.Close()
		response, err := securechannel.Expect(t.Context(), ex, securechannel.OpPBKDFParamResponse)
		if err != nil {
			t.Fatal(err)
		}
		asked, err := pase.ParseParamResponse(response)
		if err != nil {
			t.Fatal(err)
		}
		prover, err := crypto.NewProver(passcode+1, asked.Salt, asked.Iterations)
		if err != nil {
			t.Fatal(err)
		}
		half, err := pase.EncodeShare(prover.Share())
		if err != nil {
			t.Fatal(err)
		}
		if err := ex.Send(t.Context(), securechannel.OpPake1, half, true); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := h.pase(t, passcode); err == nil {
			t.Error("two proofs at once")
		}
		if took := h.comesIn(t, 20*time.Second); took > 20*time.Second {
			t.Errorf("the owner came in after %v", took)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.failures != 1 {
			t.Errorf("%d failures counted", h.failures)
		}
	})
}
