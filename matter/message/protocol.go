package message

import "encoding/binary"

// The protocols of the standard vendor (Matter 1.4 4.4.3.4).
const (
	SecureChannel    uint32 = 0x0000
	InteractionModel uint32 = 0x0001
	BDX              uint32 = 0x0002
)

const (
	flagInitiator   = 0x01
	flagAck         = 0x02
	flagReliable    = 0x04
	flagSecuredExt  = 0x08
	flagVendor      = 0x10
	protocolMinSize = 6
)

// Protocol is the protocol header: the first octets inside the seal.
type Protocol struct {
	Initiator bool // the sender began the exchange
	Reliable  bool // the sender wants an acknowledgement
	HasAck    bool
	Acked     uint32 // the counter of the message that is acknowledged
	Opcode    uint8
	Exchange  uint16
	ID        uint32 // the protocol: vendor in the upper, number in the lower 16 bits
}

// Append writes the protocol header after dst.
func (p Protocol) Append(dst []byte) []byte {
	le := binary.LittleEndian
	var flags byte
	for _, f := range []struct {
		on  bool
		bit byte
	}{{p.Initiator, flagInitiator}, {p.HasAck, flagAck}, {p.Reliable, flagReliable}, {p.ID > 0xFFFF, flagVendor}} {
		if f.on {
			flags |= f.bit
		}
	}
	dst = append(dst, flags, p.Opcode)
	dst = le.AppendUint16(dst, p.Exchange)
	if p.ID > 0xFFFF {
		dst = le.AppendUint16(dst, uint16(p.ID>>16))
	}
	dst = le.AppendUint16(dst, uint16(p.ID))
	if p.HasAck {
		dst = le.AppendUint32(dst, p.Acked)
	}
	return dst
}

// ParseProtocol reads the protocol header and returns the application's payload after it, which is a part of b.
func ParseProtocol(b []byte) (p Protocol, payload []byte, err error) {
	if len(b) < protocolMinSize {
		return Protocol{}, nil, ErrHeader
	}
	le := binary.LittleEndian
	flags := b[0]
	p = Protocol{Initiator: flags&flagInitiator != 0, Reliable: flags&flagReliable != 0, HasAck: flags&flagAck != 0,
		Opcode: b[1], Exchange: le.Uint16(b[2:])}
	at := 4
	if flags&flagVendor != 0 {
		p.ID = uint32(le.Uint16(b[at:])) << 16
		at += 2
	}
	if len(b) < at+2 {
		return Protocol{}, nil, ErrHeader
	}
	p.ID |= uint32(le.Uint16(b[at:]))
	at += 2
	if p.HasAck {
		if len(b) < at+4 {
			return Protocol{}, nil, ErrHeader
		}
		p.Acked = le.Uint32(b[at:])
		at += 4
	}
	if flags&flagSecuredExt != 0 {
		next, ok := skipExtension(b, at)
		if !ok {
			return Protocol{}, nil, ErrHeader
		}
		at = next
	}
	return p, b[at:], nil
}
