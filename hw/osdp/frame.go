package osdp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Parts of a frame: [FF] 53 addr len16 ctrl [SCB] id data [MAC] crc16, where len counts from 53 on
// (IEC 60839-11-5, 5.7).
const (
	mark      = 0xFF
	start     = 0x53
	replyBit  = 0x80
	maxAddr   = 0x7E
	seqBits   = 0x03
	crcBit    = 0x04
	scbBit    = 0x08
	headLen   = 5
	crcLen    = 2
	macLen    = 4
	maxLen    = 1440
	shortest  = headLen + 1 + crcLen
	scbCmd    = 0x15 // a command without data, authenticated
	scbReply  = 0x16
	scbCmdEnc = 0x17 // a command with data, encrypted
	scbRepEnc = 0x18
	scbChlng  = 0x11
	scbCcrypt = 0x12
	scbScrypt = 0x13
	scbRmac   = 0x14
)

// Commands and replies that are used here.
const (
	cmdPoll   = 0x60
	cmdID     = 0x61
	cmdLStat  = 0x64
	cmdLED    = 0x69
	cmdBuzzer = 0x6A
	cmdKeySet = 0x75
	cmdChlng  = 0x76
	cmdScrypt = 0x77

	repAck    = 0x40
	repNak    = 0x41
	repID     = 0x45
	repLocal  = 0x48
	repRaw    = 0x50
	repKeypad = 0x53
	repCcrypt = 0x76
	repRmac   = 0x78
	repBusy   = 0x79
)

var (
	errShort = errors.New("the frame is not whole yet")
	errFrame = errors.New("no frame")
)

// frame is one message. The data of a secured frame is what stands on the wire, see session.
type frame struct {
	addr   byte
	reply  bool
	seq    byte
	scb    byte   // the type of the security block; 0 where there is none
	scbArg []byte // what follows the type
	id     byte
	data   []byte
	mac    []byte // four bytes in secured frames
	signed []byte // the bytes the MAC is over, of a frame that was parsed
}

// secured says whether the frame belongs to a secure channel that stands.
func (f frame) secured() bool { return f.scb >= scbCmd && f.scb <= scbRepEnc }

// body writes the frame up to its MAC. The length is the final one.
func (f frame) body() []byte {
	n := shortest + len(f.data)
	if f.scb != 0 {
		n += 2 + len(f.scbArg)
	}
	if f.secured() {
		n += macLen
	}
	addr, ctrl := f.addr, f.seq&seqBits|crcBit
	if f.reply {
		addr |= replyBit
	}
	if f.scb != 0 {
		ctrl |= scbBit
	}
	b := []byte{start, addr, byte(n), byte(n >> 8), ctrl}
	if f.scb != 0 {
		b = append(b, byte(2+len(f.scbArg)), f.scb)
		b = append(b, f.scbArg...)
	}
	b = append(b, f.id)
	return append(b, f.data...)
}

// bytes writes the whole frame, without the mark.
func (f frame) bytes() []byte {
	b := append(f.body(), f.mac...)
	return binary.LittleEndian.AppendUint16(b, crc(b))
}

// parse reads the frame at the beginning of b and says how many bytes to go on by. It is errShort while
// the frame is not whole; any other error is of bytes to skip.
func parse(b []byte) (frame, int, error) {
	if len(b) == 0 {
		return frame{}, 0, errShort
	}
	if b[0] != start {
		return frame{}, 1, errFrame
	}
	if len(b) < headLen {
		return frame{}, 0, errShort
	}
	n := int(b[2]) | int(b[3])<<8
	if n < shortest || n > maxLen || b[4]&crcBit == 0 || b[1]&^replyBit > maxAddr {
		return frame{}, 1, errFrame // a checksum instead of a CRC protects too little
	}
	if len(b) < n {
		return frame{}, 0, errShort
	}
	if crc(b[:n-crcLen]) != binary.LittleEndian.Uint16(b[n-crcLen:]) {
		return frame{}, 1, fmt.Errorf("%w: the CRC is wrong", errFrame)
	}
	f := frame{addr: b[1] &^ replyBit, reply: b[1]&replyBit != 0, seq: b[4] & seqBits}
	rest := b[headLen : n-crcLen]
	if b[4]&scbBit != 0 {
		size := int(rest[0])
		if size < 2 || size >= len(rest) {
			return frame{}, n, fmt.Errorf("%w: the security block is longer than the frame", errFrame)
		}
		f.scb, f.scbArg, rest = rest[1], rest[2:size], rest[size:]
	}
	if f.secured() {
		if len(rest) < 1+macLen {
			return frame{}, n, fmt.Errorf("%w: there is no room for a MAC", errFrame)
		}
		f.mac, rest = rest[len(rest)-macLen:], rest[:len(rest)-macLen]
		f.signed = b[:n-crcLen-macLen]
	}
	f.id, f.data = rest[0], rest[1:]
	return f, n, nil
}

// crc is the CRC-16 of polynomial 1021, beginning with 1D0F (IEC 60839-11-5, annex C).
func crc(b []byte) uint16 {
	sum := uint16(0x1D0F)
	for _, c := range b {
		sum ^= uint16(c) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}
