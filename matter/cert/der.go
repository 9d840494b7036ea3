package cert

import (
	"time"
)

// The tags of DER that certificates need.
const (
	tagBoolean     = 0x01
	tagInteger     = 0x02
	tagBitString   = 0x03
	tagOctets      = 0x04
	tagOID         = 0x06
	tagUTF8        = 0x0C
	tagPrintable   = 0x13
	tagIA5         = 0x16
	tagUTCTime     = 0x17
	tagGeneralTime = 0x18
	tagSequence    = 0x30
	tagSet         = 0x31
	tagVersion     = 0xA0
	tagExtensions  = 0xA3
	tagKeyID       = 0x80
)

// wrap encodes a value that consists of the parts.
func wrap(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b := []byte{tag}
	switch {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x100:
		b = append(b, 0x81, byte(n))
	default:
		b = append(b, 0x82, byte(n>>8), byte(n))
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func oidECDSA() []byte       { return []byte{0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02} }
func oidPublicKey() []byte   { return []byte{0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01} }
func oidP256() []byte        { return []byte{0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07} }
func oidExt(n byte) []byte   { return []byte{0x55, 0x1D, n} }
func oidPurposeBase() []byte { return []byte{0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03} }

// Extension numbers below 2.5.29.
const (
	oidSubjectKey = 14
	oidUsage      = 15
	oidBasic      = 19
	oidIssuerKey  = 35
	oidPurposes   = 37
)

// purposeOID maps the purposes 1 to 6 to the last number of their object identifiers.
func purposeOID(p uint8) byte { return [...]byte{0, 1, 2, 3, 4, 8, 9}[p] }

// epoch is the beginning of Matter's time (Matter 1.4 7.19.1.5).
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// Time turns seconds since the year 2000 into a time.
func Time(s uint32) time.Time { return epoch().Add(time.Duration(s) * time.Second) }

const never = "99991231235959Z"

func derTime(s uint32, end bool) []byte {
	if end && s == 0 {
		return wrap(tagGeneralTime, []byte(never))
	}
	t := Time(s)
	if t.Year() >= 2050 {
		return wrap(tagGeneralTime, []byte(t.Format("20060102150405Z")))
	}
	return wrap(tagUTCTime, []byte(t.Format("060102150405Z")))
}

// TBS is the part of the X.509 form that is signed, rebuilt octet by octet (Matter 1.4 6.5.2).
func (c *Cert) TBS() []byte {
	algorithm := wrap(tagSequence, wrap(tagOID, oidECDSA()))
	key := wrap(tagSequence, wrap(tagSequence, wrap(tagOID, oidPublicKey()), wrap(tagOID, oidP256())), wrap(tagBitString, []byte{0}, c.PublicKey))
	return wrap(tagSequence,
		wrap(tagVersion, wrap(tagInteger, []byte{2})),
		wrap(tagInteger, c.Serial),
		algorithm,
		c.Issuer.der(),
		wrap(tagSequence, derTime(c.NotBefore, false), derTime(c.NotAfter, true)),
		c.Subject.der(),
		key,
		wrap(tagExtensions, wrap(tagSequence, c.Extensions.der())))
}

// DER is the whole certificate in X.509 form.
func (c *Cert) DER() []byte {
	return wrap(tagSequence, c.TBS(), wrap(tagSequence, wrap(tagOID, oidECDSA())), wrap(tagBitString, []byte{0}, SignatureDER(c.Signature)))
}

// SignatureDER turns r and s into the form that X.509 and CMS use.
func SignatureDER(sig []byte) []byte {
	half := len(sig) / 2
	return wrap(tagSequence, derUint(sig[:half]), derUint(sig[half:]))
}

func derUint(b []byte) []byte {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) > 0 && b[0]&0x80 != 0 {
		return wrap(tagInteger, []byte{0}, b)
	}
	return wrap(tagInteger, b)
}

func (x Extensions) der() []byte {
	var out []byte
	future := x.Future
	add := func(oid byte, critical bool, value []byte) {
		parts := [][]byte{wrap(tagOID, oidExt(oid))}
		if critical {
			parts = append(parts, wrap(tagBoolean, []byte{0xFF}))
		}
		out = append(out, wrap(tagSequence, append(parts, wrap(tagOctets, value))...)...)
	}
	for _, tag := range x.Order {
		switch tag {
		case extBasic:
			var in []byte
			if x.IsCA {
				in = wrap(tagBoolean, []byte{0xFF})
			}
			if x.PathLen >= 0 {
				in = append(in, derUint([]byte{byte(x.PathLen)})...)
			}
			add(oidBasic, true, wrap(tagSequence, in))
		case extUsage:
			add(oidUsage, true, usageDER(x.Usage))
		case extPurposes:
			var in []byte
			for _, p := range x.Purposes {
				in = append(in, wrap(tagOID, oidPurposeBase(), []byte{purposeOID(p)})...)
			}
			add(oidPurposes, true, wrap(tagSequence, in))
		case extSubject:
			add(oidSubjectKey, false, wrap(tagOctets, x.SubjectKey))
		case extIssuer:
			add(oidIssuerKey, false, wrap(tagSequence, wrap(tagKeyID, x.IssuerKey)))
		case extFuture:
			if len(future) > 0 {
				out = append(out, future[0]...)
				future = future[1:]
			}
		}
	}
	return out
}

// usageDER is a bit string whose first bit is flag 0, without zeros at its end.
func usageDER(usage uint16) []byte {
	var bits [2]byte
	last := -1
	for i := range 9 {
		if usage&(1<<i) != 0 {
			bits[i/8] |= 0x80 >> (i % 8)
			last = i
		}
	}
	n := (last + 8) / 8
	unused := byte(0)
	if last >= 0 {
		unused = byte(n*8 - 1 - last)
	}
	return wrap(tagBitString, []byte{unused}, bits[:n])
}
