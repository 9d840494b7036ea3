package pase

import (
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// ParamRequest is the message that asks how the passcode is to be derived (Matter 1.4 4.14.1.2).
type ParamRequest struct {
	Random     []byte // 32 octets
	SessionID  uint16
	PasscodeID uint16
	HasParams  bool // the initiator knows salt and iterations
	Params     *session.Params
}

// ParamResponse is the answer to a ParamRequest.
type ParamResponse struct {
	InitiatorRandom, Random []byte // 32 octets each
	SessionID               uint16
	Iterations              int    // 0: the initiator knows
	Salt                    []byte // with Iterations
	Params                  *session.Params
}

// Bytes encodes the message.
func (m ParamRequest) Bytes() ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), m.Random)
	w.Uint(tlv.Context(2), uint64(m.SessionID))
	w.Uint(tlv.Context(3), uint64(m.PasscodeID))
	w.Bool(tlv.Context(4), m.HasParams)
	if m.Params != nil {
		m.Params.Write(w, tlv.Context(5))
	}
	w.End()
	return w.Finish()
}

// ParseParamRequest decodes the message.
func ParseParamRequest(b []byte) (ParamRequest, error) {
	f, err := tlv.OpenMessage(b)
	if err != nil {
		return ParamRequest{}, err
	}
	m := ParamRequest{Random: f.Octets(1, 32, 32), SessionID: f.Uint16(2), PasscodeID: f.Uint16(3), HasParams: f.Bool(4)}
	m.Params, err = session.OptionalParams(f, 5)
	return m, err
}

// Bytes encodes the message.
func (m ParamResponse) Bytes() ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), m.InitiatorRandom)
	w.Octets(tlv.Context(2), m.Random)
	w.Uint(tlv.Context(3), uint64(m.SessionID))
	if m.Iterations > 0 {
		w.Struct(tlv.Context(4))
		w.Uint(tlv.Context(1), uint64(m.Iterations))
		w.Octets(tlv.Context(2), m.Salt)
		w.End()
	}
	if m.Params != nil {
		m.Params.Write(w, tlv.Context(5))
	}
	w.End()
	return w.Finish()
}

// ParseParamResponse decodes the message.
func ParseParamResponse(b []byte) (ParamResponse, error) {
	f, err := tlv.OpenMessage(b)
	if err != nil {
		return ParamResponse{}, err
	}
	m := ParamResponse{InitiatorRandom: f.Octets(1, 32, 32), Random: f.Octets(2, 32, 32), SessionID: f.Uint16(3)}
	if f.Has(4) {
		in := f.Struct(4)
		m.Iterations = int(in.UintMax(1, crypto.MaxIterations))
		m.Salt = in.Octets(2, crypto.MinSalt, crypto.MaxSalt)
		if err := in.Err(); err != nil {
			return ParamResponse{}, err
		}
	}
	m.Params, err = session.OptionalParams(f, 5)
	return m, err
}

// EncodeShare encodes Pake1, Pake2 or Pake3: one or two octet strings, numbered from 1.
func EncodeShare(parts ...[]byte) ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	for i, p := range parts {
		w.Octets(tlv.Context(uint8(i+1)), p)
	}
	w.End()
	return w.Finish()
}

// ParseShare decodes Pake1, Pake2 or Pake3, whose octet strings have these sizes.
func ParseShare(b []byte, sizes ...int) ([][]byte, error) {
	f, err := tlv.OpenMessage(b)
	if err != nil {
		return nil, err
	}
	parts := make([][]byte, len(sizes))
	for i, n := range sizes {
		parts[i] = f.Octets(uint8(i+1), n, n)
	}
	return parts, f.Err()
}

// Context binds the run of SPAKE2+ to the two messages before it (Matter 1.4 3.10.3).
func Context(request, response []byte) []byte {
	return crypto.Hash([]byte("CHIP PAKE V1 Commissioning"), request, response)
}
