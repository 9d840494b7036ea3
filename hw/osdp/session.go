package osdp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"fmt"
)

// key is a secure channel base key.
type key [16]byte

// Format keeps keys out of every log and error.
func (key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("key")) }

// defaultKey is SCBK-D, which everybody knows.
func defaultKey() key {
	var k key
	for i := range k {
		k[i] = 0x30 + byte(i)
	}
	return k
}

// errSecure is wrapped where a reader does not hold the secure channel. The session is over then.
var errSecure = errors.New("the secure channel does not hold")

// session is a secure channel, seen from either end (IEC 60839-11-5, annex D).
type session struct {
	enc, mac1, mac2 cipher.Block
	cmac, rmac      [16]byte // of the last command and the last reply
}

// newSession derives the keys of one session from the panel's random number.
func newSession(k key, rndA []byte) *session {
	base := block(k[:])
	derive := func(kind byte) cipher.Block {
		in := [16]byte{1, kind}
		copy(in[2:8], rndA)
		base.Encrypt(in[:], in[:])
		return block(in[:])
	}
	return &session{enc: derive(0x82), mac1: derive(0x01), mac2: derive(0x02)}
}

func block(k []byte) cipher.Block {
	b, _ := aes.NewCipher(k) // an error is of a length that no key here has
	return b
}

// cryptogram proves the key: the reader's is over A and B, the panel's over B and A.
func (s *session) cryptogram(first, second []byte) []byte {
	out := append(bytes.Clone(first), second...)
	cipher.NewCBCEncrypter(s.enc, make([]byte, 16)).CryptBlocks(out, out)
	return out
}

// begin takes the MAC that both start from, from the panel's cryptogram, and returns it.
func (s *session) begin(serverCryptogram []byte) []byte {
	s.mac1.Encrypt(s.rmac[:], serverCryptogram)
	s.mac2.Encrypt(s.rmac[:], s.rmac[:])
	return s.rmac[:]
}

// seal encrypts the data of a frame and signs it. The frame is sent as often as it takes, but sealed once.
func (s *session) seal(f frame) frame {
	f.scb = scbCmd
	if f.reply {
		f.scb = scbReply
	}
	if len(f.data) > 0 {
		f.scb += 2
		f.data = pad(f.data, true)
		cipher.NewCBCEncrypter(s.enc, s.iv(f.reply)).CryptBlocks(f.data, f.data)
	}
	full := s.sign(f.body(), f.reply)
	f.mac = full[:macLen]
	s.keep(full, f.reply)
	return f
}

// open checks the MAC of a parsed frame and decrypts its data.
func (s *session) open(f frame) (frame, error) {
	if !f.secured() || f.reply != (f.scb == scbReply || f.scb == scbRepEnc) {
		return frame{}, fmt.Errorf("%w: a message in clear text", errSecure)
	}
	full := s.sign(f.signed, f.reply)
	if subtle.ConstantTimeCompare(full[:macLen], f.mac) != 1 {
		return frame{}, fmt.Errorf("%w: a message with a wrong signature", errSecure)
	}
	if encrypted := f.scb == scbCmdEnc || f.scb == scbRepEnc; encrypted {
		if len(f.data) == 0 || len(f.data)%16 != 0 {
			return frame{}, fmt.Errorf("%w: a message of an impossible length", errSecure)
		}
		plain := make([]byte, len(f.data))
		cipher.NewCBCDecrypter(s.enc, s.iv(f.reply)).CryptBlocks(plain, f.data)
		end := bytes.LastIndexByte(plain, 0x80)
		if end < 0 || len(bytes.Trim(plain[end+1:], "\x00")) > 0 {
			return frame{}, fmt.Errorf("%w: a message without its end", errSecure)
		}
		f.data = plain[:end]
	} else if len(f.data) > 0 {
		return frame{}, fmt.Errorf("%w: data in clear text", errSecure)
	}
	s.keep(full, f.reply)
	return f, nil
}

// iv is the complement of the last MAC from the other side.
func (s *session) iv(reply bool) []byte {
	from := s.rmac
	if reply {
		from = s.cmac
	}
	for i := range from {
		from[i] = ^from[i]
	}
	return from[:]
}

func (s *session) keep(full [16]byte, reply bool) {
	if reply {
		s.rmac = full
		return
	}
	s.cmac = full
}

// sign is a CBC MAC with a key of its own for the last block. It goes on from the last MAC of the other side.
func (s *session) sign(message []byte, reply bool) [16]byte {
	sum := s.rmac
	if reply {
		sum = s.cmac
	}
	message = pad(message, false)
	for at := 0; at < len(message); at += 16 {
		subtle.XORBytes(sum[:], sum[:], message[at:at+16])
		if at+16 < len(message) {
			s.mac1.Encrypt(sum[:], sum[:])
		} else {
			s.mac2.Encrypt(sum[:], sum[:])
		}
	}
	return sum
}

// pad fills a copy up to whole blocks with 80 00 ..., always or only where it has to.
func pad(b []byte, always bool) []byte {
	out := bytes.Clone(b)
	if !always && len(out)%16 == 0 {
		return out
	}
	out = append(out, 0x80)
	return append(out, make([]byte, (16-len(out)%16)%16)...)
}
