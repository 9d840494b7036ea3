package sigma

import (
	"github.com/loquet/loquet/matter/cert"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

const (
	randomSize     = 32
	resumptionSize = 16
	micSize        = crypto.TagSize
	maxSealed      = 1100 // of what is encrypted in Sigma2 and Sigma3: two certificates, a signature and an id
)

type sigma1 struct {
	random       []byte
	sessionID    uint16
	destination  []byte
	ephemeral    []byte
	params       *session.Params
	resumptionID []byte // with mic, or neither
	mic          []byte
}

func (m sigma1) bytes() ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), m.random)
	w.Uint(tlv.Context(2), uint64(m.sessionID))
	w.Octets(tlv.Context(3), m.destination)
	w.Octets(tlv.Context(4), m.ephemeral)
	if m.params != nil {
		m.params.Write(w, tlv.Context(5))
	}
	if m.resumptionID != nil {
		w.Octets(tlv.Context(6), m.resumptionID)
		w.Octets(tlv.Context(7), m.mic)
	}
	w.End()
	return w.Finish()
}

func parseSigma1(b []byte) (sigma1, error) {
	f, err := tlv.OpenMessage(b)
	if err != nil {
		return sigma1{}, err
	}
	m := sigma1{random: f.Octets(1, randomSize, randomSize), sessionID: f.Uint16(2), destination: f.Octets(3, 32, 32),
		ephemeral: f.Octets(4, crypto.PublicKeySize, crypto.PublicKeySize)}
	if m.params, err = session.OptionalParams(f, 5); err != nil {
		return sigma1{}, err
	}
	id, hasID := f.OptionalOctets(6, resumptionSize, resumptionSize)
	mic, hasMIC := f.OptionalOctets(7, micSize, micSize)
	if f.Err() == nil && hasID != hasMIC {
		return sigma1{}, errHalfResumption
	}
	m.resumptionID, m.mic = id, mic
	return m, f.Err()
}

type sigma2 struct {
	random    []byte
	sessionID uint16
	ephemeral []byte
	sealed    []byte
	params    *session.Params
}

func (m sigma2) bytes() ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), m.random)
	w.Uint(tlv.Context(2), uint64(m.sessionID))
	w.Octets(tlv.Context(3), m.ephemeral)
	w.Octets(tlv.Context(4), m.sealed)
	if m.params != nil {
		m.params.Write(w, tlv.Context(5))
	}
	w.End()
	return w.Finish()
}

func parseSigma2(b []byte) (sigma2, error) {
	f, err := tlv.OpenMessage(b)
	if err != nil {
		return sigma2{}, err
	}
	m := sigma2{random: f.Octets(1, randomSize, randomSize), sessionID: f.Uint16(2),
		ephemeral: f.Octets(3, crypto.PublicKeySize, crypto.PublicKeySize), sealed: f.Octets(4, crypto.TagSize, maxSealed)}
	m.params, err = session.OptionalParams(f, 5)
	return m, err
}

// sigma3 is one octet string.
func sigma3(sealed []byte) ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), sealed)
	w.End()
	return w.Finish()
}

func parseSigma3(b []byte) ([]byte, error) {
	f, err := tlv.OpenMessage(b)
	if err != nil {
		return nil, err
	}
	return f.Octets(1, crypto.TagSize, maxSealed), f.Err()
}

type sigma2Resume struct {
	resumptionID []byte
	mic          []byte
	sessionID    uint16
	params       *session.Params
}

func (m sigma2Resume) bytes() ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), m.resumptionID)
	w.Octets(tlv.Context(2), m.mic)
	w.Uint(tlv.Context(3), uint64(m.sessionID))
	if m.params != nil {
		m.params.Write(w, tlv.Context(4))
	}
	w.End()
	return w.Finish()
}

func parseSigma2Resume(b []byte) (sigma2Resume, error) {
	f, err := tlv.OpenMessage(b)
	if err != nil {
		return sigma2Resume{}, err
	}
	m := sigma2Resume{resumptionID: f.Octets(1, resumptionSize, resumptionSize), mic: f.Octets(2, micSize, micSize), sessionID: f.Uint16(3)}
	m.params, err = session.OptionalParams(f, 4)
	return m, err
}

// identity is what a side encrypts: its certificates and its signature, and in Sigma2 the id for the next time.
type identity struct {
	noc          []byte
	icac         []byte // nil: none; empty ones are kept as they came, because they are signed
	signature    []byte
	resumptionID []byte
}

func (m identity) bytes() ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), m.noc)
	if m.icac != nil {
		w.Octets(tlv.Context(2), m.icac)
	}
	w.Octets(tlv.Context(3), m.signature)
	if m.resumptionID != nil {
		w.Octets(tlv.Context(4), m.resumptionID)
	}
	w.End()
	return w.Finish()
}

func parseIdentity(b []byte, withID bool) (identity, error) {
	f, err := tlv.OpenMessage(b)
	if err != nil {
		return identity{}, err
	}
	m := identity{noc: f.Octets(1, 1, cert.MaxSize), signature: f.Octets(3, crypto.SignatureSize, crypto.SignatureSize)}
	if icac, ok := f.OptionalOctets(2, 0, cert.MaxSize); ok {
		m.icac = append([]byte{}, icac...)
	}
	if withID {
		m.resumptionID = f.Octets(4, resumptionSize, resumptionSize)
	}
	return m, f.Err()
}

// signed is what an identity's signature covers: its certificates, and the ephemeral keys of its side and the other.
func (m identity) signed(own, peer []byte) ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), m.noc)
	if m.icac != nil {
		w.Octets(tlv.Context(2), m.icac)
	}
	w.Octets(tlv.Context(3), own)
	w.Octets(tlv.Context(4), peer)
	w.End()
	return w.Finish()
}
