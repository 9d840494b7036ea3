package cert

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"math"
	"time"

	"github.com/loquet/loquet/matter/crypto"
)

type derCert struct {
	TBS struct {
		Version    int `asn1:"explicit,tag:0"`
		Serial     asn1.RawValue
		Algorithm  asn1.RawValue
		Issuer     []asn1.RawValue
		Validity   []asn1.RawValue
		Subject    []asn1.RawValue
		Key        derKey
		Extensions []derExtension `asn1:"explicit,tag:3"`
	}
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

type derKey struct {
	Algorithm struct{ Key, Curve asn1.RawValue }
	Point     asn1.BitString
}

type derExtension struct {
	ID       asn1.RawValue
	Critical bool `asn1:"optional"`
	Value    []byte
}

// ParseDER decodes an operational certificate in X.509 form. What cannot be said in TLV, so that the signature would
// not fit any more, is refused.
func ParseDER(b []byte) (*Cert, error) {
	if len(b) > MaxDER {
		return nil, fmt.Errorf("%w: %d octets, at most %d", ErrFormat, len(b), MaxDER)
	}
	var d derCert
	if rest, err := asn1.Unmarshal(b, &d); err != nil || len(rest) > 0 || d.TBS.Version != 2 || len(d.TBS.Validity) != 2 {
		return nil, fmt.Errorf("%w: not an X.509 certificate of version 3", ErrFormat)
	}
	c := &Cert{Serial: d.TBS.Serial.Bytes, PublicKey: d.TBS.Key.Point.Bytes, Extensions: Extensions{PathLen: -1}}
	if len(c.Serial) < 1 || len(c.Serial) > maxSerial || len(c.PublicKey) != crypto.PublicKeySize {
		return nil, fmt.Errorf("%w: serial number or key", ErrFormat)
	}
	var err error
	if c.Signature, err = ParseSignatureDER(d.Signature.Bytes); err != nil {
		return nil, err
	}
	if c.Issuer, err = parseName(d.TBS.Issuer); err != nil {
		return nil, err
	}
	if c.Subject, err = parseName(d.TBS.Subject); err != nil {
		return nil, err
	}
	if c.NotBefore, err = parseTime(d.TBS.Validity[0], false); err != nil {
		return nil, err
	}
	if c.NotAfter, err = parseTime(d.TBS.Validity[1], true); err != nil {
		return nil, err
	}
	for _, x := range d.TBS.Extensions {
		if err := c.Extensions.parse(x); err != nil {
			return nil, err
		}
	}
	if !bytes.Equal(c.DER(), b) {
		return nil, fmt.Errorf("%w: its X.509 form has parts that Matter does not know", ErrFormat)
	}
	return c, nil
}

// ParseSignatureDER turns a signature of X.509 into r and s.
func ParseSignatureDER(b []byte) ([]byte, error) {
	var rs struct{ R, S asn1.RawValue }
	bad := fmt.Errorf("%w: signature", ErrFormat)
	if rest, err := asn1.Unmarshal(b, &rs); err != nil || len(rest) > 0 {
		return nil, bad
	}
	sig := make([]byte, crypto.SignatureSize)
	for i, v := range []asn1.RawValue{rs.R, rs.S} {
		n := bytes.TrimLeft(v.Bytes, "\x00")
		if v.Tag != asn1.TagInteger || len(n) > 32 || len(v.Bytes) == 0 || v.Bytes[0]&0x80 != 0 {
			return nil, bad
		}
		copy(sig[32*(i+1)-len(n):], n)
	}
	return sig, nil
}

func parseName(sets []asn1.RawValue) (Name, error) {
	if len(sets) == 0 || len(sets) > maxRDNs {
		return nil, fmt.Errorf("%w: name", ErrFormat)
	}
	var n Name
	for _, set := range sets {
		var pair struct{ ID, Value asn1.RawValue }
		if set.Tag != asn1.TagSet {
			return nil, fmt.Errorf("%w: name", ErrFormat)
		}
		if rest, err := asn1.Unmarshal(set.Bytes, &pair); err != nil || len(rest) > 0 {
			return nil, fmt.Errorf("%w: name", ErrFormat)
		}
		a, err := parseAttribute(pair.ID.Bytes, byte(pair.Value.Tag), pair.Value.Bytes)
		if err != nil {
			return nil, err
		}
		n = append(n, a)
	}
	return n, nil
}

func parseTime(v asn1.RawValue, end bool) (uint32, error) {
	s := string(v.Bytes)
	if end && s == never {
		return 0, nil
	}
	layout := "20060102150405Z"
	if v.Tag == tagUTCTime {
		layout = "060102150405Z"
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		return 0, fmt.Errorf("%w: time", ErrFormat)
	}
	d := t.Sub(epoch()) / time.Second
	if d < 0 || d > math.MaxUint32 {
		return 0, fmt.Errorf("%w: time out of range", ErrFormat)
	}
	return uint32(d), nil
}

func (x *Extensions) parse(d derExtension) error {
	bad := fmt.Errorf("%w: extension", ErrFormat)
	id := d.ID.Bytes
	if len(id) != 3 || id[0] != 0x55 || id[1] != 0x1D {
		return x.keep(d)
	}
	var tag uint8
	var err error
	switch id[2] {
	case oidBasic:
		tag = extBasic
		v := struct {
			CA      bool `asn1:"optional"`
			PathLen int  `asn1:"optional,default:-1"`
		}{PathLen: -1}
		_, err = asn1.Unmarshal(d.Value, &v)
		x.IsCA, x.PathLen = v.CA, v.PathLen
		if x.PathLen > math.MaxUint8 || x.PathLen < -1 {
			return bad
		}
	case oidUsage:
		tag = extUsage
		var v asn1.BitString
		_, err = asn1.Unmarshal(d.Value, &v)
		for i := range 9 {
			x.Usage |= uint16(v.At(i)) << i
		}
	case oidPurposes:
		tag = extPurposes
		err = x.parsePurposes(d.Value)
	case oidSubjectKey:
		tag = extSubject
		_, err = asn1.Unmarshal(d.Value, &x.SubjectKey)
		if len(x.SubjectKey) != 20 {
			return bad
		}
	case oidIssuerKey:
		tag = extIssuer
		var v struct {
			ID []byte `asn1:"optional,tag:0"`
		}
		_, err = asn1.Unmarshal(d.Value, &v)
		if x.IssuerKey = v.ID; len(v.ID) != 20 {
			return bad
		}
	default:
		return x.keep(d)
	}
	if err != nil || x.has(tag) {
		return bad
	}
	x.Order = append(x.Order, tag)
	return nil
}

func (x *Extensions) parsePurposes(b []byte) error {
	var ids []asn1.RawValue
	if _, err := asn1.Unmarshal(b, &ids); err != nil {
		return err
	}
	for _, id := range ids {
		known := false
		for p := uint8(1); p <= 6 && !known; p++ {
			if known = bytes.Equal(id.Bytes, append(oidPurposeBase(), purposeOID(p))); known {
				x.Purposes = append(x.Purposes, p)
			}
		}
		if !known {
			return ErrFormat
		}
	}
	return nil
}

// keep stores an extension that is not understood.
func (x *Extensions) keep(d derExtension) error {
	parts := [][]byte{d.ID.FullBytes}
	if d.Critical {
		parts = append(parts, wrap(tagBoolean, []byte{0xFF}))
	}
	x.Future = append(x.Future, wrap(tagSequence, append(parts, wrap(tagOctets, d.Value))...))
	x.Order = append(x.Order, extFuture)
	return nil
}
