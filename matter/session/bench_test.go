package session

import (
	"testing"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/message"
)

func BenchmarkSealAndOpen(b *testing.B) {
	keys := crypto.DeriveSessionKeys([]byte("secret"), nil, crypto.InfoSession)
	from, err := New(Config{ID: 1, PeerID: 2, Kind: CASE, Initiator: true, LocalNode: 10, PeerNode: 20, Keys: keys})
	if err != nil {
		b.Fatal(err)
	}
	to, err := New(Config{ID: 2, PeerID: 1, Kind: CASE, LocalNode: 20, PeerNode: 10, Keys: keys})
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 100)
	for b.Loop() {
		raw, _, err := from.Seal(message.Protocol{Initiator: true, Reliable: true, ID: message.InteractionModel}, payload)
		if err != nil {
			b.Fatal(err)
		}
		h, n, err := message.ParseHeader(raw)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := to.Open(h, raw, n); err != nil {
			b.Fatal(err)
		}
	}
}
