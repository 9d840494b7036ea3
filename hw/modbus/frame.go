package modbus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/loquet/loquet/device"
)

// Functions (MODBUS Application Protocol V1.1b3, section 6).
const (
	readCoils     = 0x01
	readInputs    = 0x02
	readRegisters = 0x03
	writeCoil     = 0x05
	writeRegister = 0x06

	exception = 0x80 // in the function of an answer: it was refused, and one byte says why (section 7)
)

// maxPDU is the longest function with its data (section 4.1).
const maxPDU = 253

// pdu is a question or an order: its function and data.
type pdu []byte

func ask(function byte, first, count int) pdu { return words(function, uint16(first), uint16(count)) }

func order(function byte, address int, value uint16) pdu {
	return words(function, uint16(address), value)
}

func words(function byte, a, b uint16) pdu {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(pdu{function}, a), b)
}

// orders says whether a lost answer leaves something unsure: questions change nothing.
func (p pdu) orders() bool { return p[0] == writeCoil || p[0] == writeRegister }

// answerLen is how long the answer is, function included, unless it is an exception.
func (p pdu) answerLen() int {
	count := int(binary.BigEndian.Uint16(p[3:]))
	switch p[0] {
	case readCoils, readInputs:
		return 2 + (count+7)/8
	case readRegisters:
		return 2 + 2*count
	}
	return len(p) // an order is answered with itself
}

// errOther is what is no answer to the question.
var errOther = errors.New("the answer belongs to another question")

// judge returns the data of an answer. errOther says that it is none to this question.
func (p pdu) judge(answer []byte) ([]byte, error) {
	switch {
	case len(answer) == 2 && answer[0] == p[0]|exception:
		return nil, refusal(answer[1])
	case len(answer) != p.answerLen() || answer[0] != p[0]:
		return nil, errOther
	case p.orders():
		if !bytes.Equal(answer, p) {
			return nil, errOther
		}
		return nil, nil
	case int(answer[1]) != len(answer)-2:
		return nil, errOther
	}
	return answer[2:], nil
}

// refusal is an exception (MODBUS Application Protocol V1.1b3, section 7) as an error. What the board may
// have begun is unsure.
func refusal(code byte) error {
	switch code {
	case 1:
		return errors.New("the board refuses: it does not know this function")
	case 2:
		return errors.New("the board refuses: it has no such address")
	case 3:
		return errors.New("the board refuses: it does not take this value")
	case 6:
		return fmt.Errorf("%w: the board is busy", device.ErrUnavailable)
	case 10:
		return fmt.Errorf("%w: the gateway has no way to the board", device.ErrUnavailable)
	case 11:
		return fmt.Errorf("%w: the gateway gets no answer from the board", device.ErrUnsure)
	}
	return fmt.Errorf("%w: the board answers with exception %d", device.ErrUnsure, code)
}

// bit tells one of the bits of an answer.
func bit(data []byte, n int) bool { return n/8 < len(data) && data[n/8]&(1<<(n%8)) != 0 }

// framing is how questions and answers are put on a line.
type framing interface {
	// frame returns the bytes of the next question.
	frame(unit byte, p pdu) []byte
	// answer looks for the answer to the newest question in all bytes that came since. errShort: not yet.
	// errGarbled: the line cannot be understood any more.
	answer(got []byte, unit byte, p pdu) ([]byte, error)
}

var (
	errShort   = errors.New("the answer is not whole yet")
	errGarbled = errors.New("what comes is not Modbus")
	errEcho    = errors.New("the adapter hears what it sends")
)

// rtu is the framing of serial lines: unit, PDU, checksum (MODBUS over Serial Line V1.02, section 2.5.1).
type rtu struct{}

func (rtu) frame(unit byte, p pdu) []byte {
	out := append([]byte{unit}, p...)
	return binary.LittleEndian.AppendUint16(out, checksum(out))
}

// answer finds the frame wherever it begins: adapters put stray bytes in front, and answers to others may
// be late.
func (r rtu) answer(got []byte, unit byte, p pdu) ([]byte, error) {
	for from := range got {
		rest := got[from:]
		for _, n := range [...]int{p.answerLen() + 3, 2 + 3} {
			if len(rest) < n || rest[0] != unit || checksum(rest[:n-2]) != binary.LittleEndian.Uint16(rest[n-2:]) {
				continue
			}
			data, err := p.judge(rest[1 : n-2])
			switch {
			case errors.Is(err, errOther):
				continue
			case !p.orders() && bytes.HasPrefix(got, r.frame(unit, p)):
				return nil, errEcho // an order's echo would pass for its answer
			}
			return data, err
		}
	}
	return nil, errShort
}

// checksum is CRC-16 with the polynomial A001, from FFFF (MODBUS over Serial Line V1.02, section 6.2.2).
func checksum(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, x := range b {
		crc ^= uint16(x)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low != 0 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}

// tcp is the framing of Modbus TCP: a header with the number of the question (MODBUS Messaging on TCP/IP
// V1.0b, section 3.1.3).
type tcp struct{ number uint16 }

const header = 7 // number, protocol 0, length of the rest, unit

func (t *tcp) frame(unit byte, p pdu) []byte {
	t.number++
	out := binary.BigEndian.AppendUint16(nil, t.number)
	out = binary.BigEndian.AppendUint16(out, 0)
	out = binary.BigEndian.AppendUint16(out, uint16(len(p)+1))
	return append(append(out, unit), p...)
}

// answer passes over the late answers to older questions.
func (t *tcp) answer(got []byte, unit byte, p pdu) ([]byte, error) {
	for len(got) >= header {
		length := int(binary.BigEndian.Uint16(got[4:])) // with the unit
		if binary.BigEndian.Uint16(got[2:]) != 0 || length < 3 || length > maxPDU+1 {
			return nil, errGarbled
		}
		if len(got) < header-1+length {
			break
		}
		frame := got[:header-1+length]
		got = got[len(frame):]
		if binary.BigEndian.Uint16(frame) != t.number {
			continue
		}
		if frame[6] != unit {
			return nil, errOther
		}
		return p.judge(frame[header:])
	}
	return nil, errShort
}
