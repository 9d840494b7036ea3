// Package securechannel is the protocol under which sessions begin and end (Matter 1.4 4.11): its opcodes, the status
// report, and the handler that gives each handshake to the one who serves it.
package securechannel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/session"
)

// The opcodes (Matter 1.4 4.11.1).
const (
	OpAck                uint8 = 0x10
	OpPBKDFParamRequest  uint8 = 0x20
	OpPBKDFParamResponse uint8 = 0x21
	OpPake1              uint8 = 0x22
	OpPake2              uint8 = 0x23
	OpPake3              uint8 = 0x24
	OpSigma1             uint8 = 0x30
	OpSigma2             uint8 = 0x31
	OpSigma3             uint8 = 0x32
	OpSigma2Resume       uint8 = 0x33
	OpStatusReport       uint8 = 0x40
)

// General codes of a status report (Matter 1.4 Appendix D.3.1) that are used here.
const (
	GeneralSuccess uint16 = 0
	GeneralFailure uint16 = 1
	GeneralBusy    uint16 = 8
)

// Codes of the secure channel protocol (Matter 1.4 4.11.1.3).
const (
	CodeEstablished   uint16 = 0
	CodeNoSharedRoots uint16 = 1
	CodeInvalid       uint16 = 2
	CodeCloseSession  uint16 = 3
	CodeBusy          uint16 = 4
)

// ErrStatus is returned when octets are no status report, and ErrRefused when a peer answers with one that says no.
var (
	ErrStatus  = errors.New("securechannel: invalid status report")
	ErrRefused = errors.New("securechannel: the peer refused")
)

// Status is a status report.
type Status struct {
	General  uint16
	Protocol uint32
	Code     uint16
	Data     []byte
}

// Established says that a session is established.
func Established() Status { return Status{} }

// Refused says no to a handshake, with a code of the protocol.
func Refused(code uint16) Status { return Status{General: GeneralFailure, Code: code} }

// Busy asks a peer to try again after a while, at most a minute.
func Busy(wait time.Duration) Status {
	ms := min(max(wait.Milliseconds(), 0), 60000)
	return Status{General: GeneralBusy, Code: CodeBusy, Data: binary.LittleEndian.AppendUint16(nil, uint16(ms))}
}

// Success says whether the report says yes.
func (s Status) Success() bool { return s.General == GeneralSuccess }

// Err is nil for a report that says yes, else ErrRefused with the codes.
func (s Status) Err() error {
	if s.Success() {
		return nil
	}
	return fmt.Errorf("%w: status %d, protocol %#x, code %d", ErrRefused, s.General, s.Protocol, s.Code)
}

// Bytes encodes the report.
func (s Status) Bytes() []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, s.General)
	b = le.AppendUint32(b, s.Protocol)
	b = le.AppendUint16(b, s.Code)
	return append(b, s.Data...)
}

// ParseStatus decodes a report.
func ParseStatus(b []byte) (Status, error) {
	if len(b) < 8 {
		return Status{}, ErrStatus
	}
	le := binary.LittleEndian
	return Status{General: le.Uint16(b), Protocol: le.Uint32(b[2:]), Code: le.Uint16(b[6:]), Data: append([]byte(nil), b[8:]...)}, nil
}

// Expect receives the next message of a handshake. One of another opcode is an error: a status report that says no is
// ErrRefused.
func Expect(ctx context.Context, ex *mrp.Exchange, opcode uint8) ([]byte, error) {
	m, err := ex.Receive(ctx)
	if err != nil {
		return nil, err
	}
	if m.Protocol == message.SecureChannel && m.Opcode == opcode {
		return m.Payload, nil
	}
	if m.Protocol == message.SecureChannel && m.Opcode == OpStatusReport {
		s, err := ParseStatus(m.Payload)
		if err != nil {
			return nil, err
		}
		if err := s.Err(); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("securechannel: message %#x out of turn", m.Opcode)
}

// Handler serves the protocol.
type Handler struct {
	Sessions *session.Table
	PASE     mrp.ProtocolHandler // serves PBKDFParamRequest; nil: nobody
	CASE     mrp.ProtocolHandler // serves Sigma1; nil: nobody
}

// Handle is the mrp.ProtocolHandler of the secure channel.
func (h Handler) Handle(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
	if s := ex.Session(); s != nil {
		// Over a session there is nothing but its end.
		if first.Opcode != OpStatusReport {
			return
		}
		if r, err := ParseStatus(first.Payload); err == nil && r.Protocol == message.SecureChannel && r.Code == CodeCloseSession {
			h.Sessions.Remove(s)
		}
		return
	}
	switch {
	case first.Opcode == OpPBKDFParamRequest && h.PASE != nil:
		h.PASE(ctx, ex, first)
	case first.Opcode == OpSigma1 && h.CASE != nil:
		h.CASE(ctx, ex, first)
	}
}

// Farewell tells the peer, once and without waiting, that a session has ended at this node.
func Farewell(ep *mrp.Endpoint, s *session.Session) {
	_ = ep.Notify(s, message.SecureChannel, OpStatusReport, Status{Code: CodeCloseSession}.Bytes()) // lost is lost: the peer finds out
}
