package store

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// The chain: each row holds the hash of the row before it (prev) and its own (hash),
//
//	hash = SHA-256( "loquet journal row 1" 00 | prev | canonical(row) )
//
// with prev 32 bytes, and canonical(row) the fields in this order and nothing else: seq, at
// (nanoseconds since 1970, UTC), trust, boot, mono (nanoseconds), kind, device, action, cause, actor,
// place, intent, outcome, code, confirmed, detail, state. A number is 8 bytes, big-endian, two's
// complement; confirmed is one byte, 0 or 1; a text is its length in bytes as 4 bytes, big-endian, and
// then its UTF-8.
//
// prev of the first row of all is SHA-256( "loquet journal genesis 1" 00 | install id ). When days are
// dropped, a stub takes their place: prev of the first row that is left is the stub's hash.
//
// Stub and anchor are signed with an Ed25519 key that is kept in loquet.db and the identity:
//
//	stub:   "loquet journal stub 1" 00 | text(install id) | upto | rows | hash | at
//	anchor: "loquet journal anchor 1" 00 | text(install id) | seq | hash
//
// An anchor says, outside of journal.db, how far the journal reached. Who can read the key can sign;
// only a copy of the last hash that is kept elsewhere proves more.
const (
	tagRow     = "loquet journal row 1\x00"
	tagGenesis = "loquet journal genesis 1\x00"
	tagStub    = "loquet journal stub 1\x00"
	tagAnchor  = "loquet journal anchor 1\x00"
)

type digest [sha256.Size]byte

func (d digest) hex() string { return hex.EncodeToString(d[:]) }

func genesis(install string) digest { return sha256.Sum256([]byte(tagGenesis + install)) }

func canonical(out []byte, r *Row) []byte {
	number := func(n int64) { out = binary.BigEndian.AppendUint64(out, uint64(n)) }
	text := func(texts ...string) {
		for _, s := range texts {
			out = binary.BigEndian.AppendUint32(out, uint32(len(s)))
			out = append(out, s...)
		}
	}
	number(r.Seq)
	number(r.At.UnixNano())
	text(r.Trust, r.Boot)
	number(int64(r.Mono))
	text(r.Kind, r.Device, r.Action, r.Cause.Kind, r.Cause.Actor, r.Cause.Place)
	number(r.Intent)
	text(r.Outcome, r.Code)
	if r.Confirmed {
		out = append(out, 1)
	} else {
		out = append(out, 0)
	}
	text(r.Detail, r.State)
	return out
}

// message appends what the hash of a row that follows prev is of.
func message(out []byte, prev digest, r *Row) []byte {
	out = append(out, tagRow...)
	out = append(out, prev[:]...)
	return canonical(out, r)
}

// link returns the hash of a row that follows prev.
func link(prev digest, r *Row) digest { return sha256.Sum256(message(make([]byte, 0, 512), prev, r)) }

// readMessage is the reverse of message.
func readMessage(data []byte) (prev digest, r Row, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(tagRow))
	if !ok || len(rest) < len(prev) {
		return prev, r, false
	}
	copy(prev[:], rest)
	rest = rest[len(prev):]
	take := func(n int) []byte {
		if n < 0 || n > len(rest) {
			ok, n = false, 0
		}
		taken := rest[:n]
		rest = rest[n:]
		return taken
	}
	number := func() int64 {
		if b := take(8); len(b) == 8 {
			return int64(binary.BigEndian.Uint64(b))
		}
		return 0
	}
	text := func(into ...*string) {
		for _, s := range into {
			if b := take(4); len(b) == 4 {
				*s = string(take(int(binary.BigEndian.Uint32(b))))
			}
		}
	}
	r.Seq, r.At = number(), time.Unix(0, number()).UTC()
	text(&r.Trust, &r.Boot)
	r.Mono = time.Duration(number())
	text(&r.Kind, &r.Device, &r.Action, &r.Cause.Kind, &r.Cause.Actor, &r.Cause.Place)
	r.Intent = number()
	text(&r.Outcome, &r.Code)
	if b := take(1); len(b) == 1 {
		r.Confirmed = b[0] == 1
	}
	text(&r.Detail, &r.State)
	return prev, r, ok && len(rest) == 0
}

// stub stands for the days that were dropped.
type stub struct {
	Upto int64 // the last row that was dropped
	Rows int64 // how many were dropped in all
	Hash digest
	At   time.Time
	Sig  []byte
}

func (s *stub) message(install string) []byte {
	out := append([]byte(tagStub), frame([]byte(install))...)
	out = binary.BigEndian.AppendUint64(out, uint64(s.Upto))
	out = binary.BigEndian.AppendUint64(out, uint64(s.Rows))
	out = append(out, s.Hash[:]...)
	return binary.BigEndian.AppendUint64(out, uint64(s.At.UnixNano()))
}

// anchor says how far the journal reached when it was written.
type anchor struct {
	Seq      int64  `json:"seq"`
	Hash     []byte `json:"hash"`
	Sig      []byte `json:"sig"`
	OpenFrom int64  `json:"open_from"` // every intent before this row had its outcome
}

func (a *anchor) message(install string) []byte {
	out := append([]byte(tagAnchor), frame([]byte(install))...)
	out = binary.BigEndian.AppendUint64(out, uint64(a.Seq))
	return append(out, a.Hash...)
}

// seal is the key that signs stubs and anchors.
type seal struct {
	install string
	key     ed25519.PrivateKey // nil when there is none: nothing is signed then
}

func newSeal(install string, seed []byte) seal {
	if len(seed) != ed25519.SeedSize {
		return seal{install: install}
	}
	return seal{install: install, key: ed25519.NewKeyFromSeed(seed)}
}

func (s seal) sign(message []byte) []byte {
	if s.key == nil {
		return nil
	}
	return ed25519.Sign(s.key, message)
}

func (s seal) verify(message, sig []byte) bool {
	if s.key == nil || len(sig) != ed25519.SignatureSize {
		return false
	}
	public, ok := s.key.Public().(ed25519.PublicKey)
	return ok && ed25519.Verify(public, message, sig)
}
