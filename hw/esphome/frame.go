package esphome

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/flynn/noise"
)

// Types of messages (api.proto, option id).
const (
	helloRequest       = 1
	helloResponse      = 2
	loginRequest       = 3
	loginResponse      = 4
	disconnectRequest  = 5
	disconnectResponse = 6
	pingRequest        = 7
	pingResponse       = 8
	infoRequest        = 9
	infoResponse       = 10
	listRequest        = 11
	listBinarySensor   = 12
	listCover          = 13
	listDone           = 19
	statesRequest      = 20
	stateBinarySensor  = 21
	stateCover         = 22
	commandCover       = 30
	listLock           = 58
	stateLock          = 59
	commandLock        = 60
)

// packet is one message with its type.
type packet struct {
	kind int
	data []byte
}

// framing puts packets on a stream and takes them off it.
type framing interface {
	pack(all ...packet) ([]byte, error)
	next(r *bufio.Reader) (packet, error)
}

var (
	errFrame     = errors.New("a frame that cannot be read")
	errEncrypted = errors.New("the device speaks encrypted")
	errPlain     = errors.New("the device speaks unencrypted")
)

// Indicators: the first byte of every frame.
const (
	plainFrame = 0x00
	noiseFrame = 0x01
)

// plain is the framing without encryption: 00, the length, the type, all varints, and the message.
type plain struct{}

func (plain) pack(all ...packet) ([]byte, error) {
	var out []byte
	for _, p := range all {
		out = append(out, plainFrame)
		out = binary.AppendUvarint(out, uint64(len(p.data)))
		out = binary.AppendUvarint(out, uint64(p.kind))
		out = append(out, p.data...)
	}
	return out, nil
}

func (plain) next(r *bufio.Reader) (packet, error) {
	first, err := r.ReadByte()
	switch {
	case err != nil:
		return packet{}, err
	case first == noiseFrame:
		return packet{}, errEncrypted
	case first != plainFrame:
		return packet{}, errFrame
	}
	size, err := uvarint(r)
	if err != nil {
		return packet{}, err
	}
	kind, err := uvarint(r)
	if err != nil {
		return packet{}, err
	}
	if size > maxMessage || kind > 1<<16 {
		return packet{}, errFrame
	}
	data := make([]byte, size)
	_, err = io.ReadFull(r, data)
	return packet{int(kind), data}, err
}

// uvarint reads at most five bytes: nothing here is larger than 32 bits.
func uvarint(r *bufio.Reader) (uint64, error) {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errFrame
}

// prologue binds the handshake to its first frame, the empty hello.
const prologue = "NoiseAPIInit\x00\x00"

// noiseHead is the length of type and length in front of each encrypted message.
const noiseHead = 4

// secret is the framing with encryption, after its handshake.
type secret struct{ send, receive *noise.CipherState }

func suite() noise.CipherSuite {
	return noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashSHA256)
}

// wrap is one frame on the stream: 01, the length in two bytes, the content.
func wrap(content []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{noiseFrame}, uint16(len(content))), content...)
}

// unwrap takes one frame off the stream.
func unwrap(r *bufio.Reader) ([]byte, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return nil, err
	}
	switch head[0] {
	case noiseFrame:
	case plainFrame:
		return nil, errPlain
	default:
		return nil, errFrame
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return nil, err
	}
	content := make([]byte, binary.BigEndian.Uint16(head[1:]))
	_, err := io.ReadFull(r, content)
	return content, err
}

// errKey is the handshake of a device that has another key.
var errKey = errors.New("the device does not take the key")

// handshake encrypts a connection with the key that both know. random may be nil.
func handshake(conn io.Writer, r *bufio.Reader, key []byte, random io.Reader) (*secret, error) {
	state, err := noise.NewHandshakeState(noise.Config{CipherSuite: suite(), Pattern: noise.HandshakeNN, Initiator: true,
		Prologue: []byte(prologue), PresharedKey: key, PresharedKeyPlacement: 0, Random: random})
	if err != nil {
		return nil, err
	}
	first, _, _, err := state.WriteMessage(nil, nil)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(append(wrap(nil), wrap(append([]byte{0}, first...))...)); err != nil {
		return nil, err
	}
	hello, err := unwrap(r) // 01, name, mac: read again under the key, where nobody can change them
	if err != nil {
		return nil, err
	}
	if len(hello) == 0 || hello[0] != 1 {
		return nil, fmt.Errorf("%w: another kind of encryption", errFrame)
	}
	second, err := unwrap(r)
	if err != nil {
		return nil, err
	}
	if len(second) == 0 || second[0] != 0 {
		return nil, fmt.Errorf("%w (%s)", errKey, clip(string(bytes.TrimLeft(second, "\x01"))))
	}
	_, send, receive, err := state.ReadMessage(nil, second[1:])
	if err != nil {
		return nil, errKey
	}
	return &secret{send: send, receive: receive}, nil
}

func (s *secret) pack(all ...packet) ([]byte, error) {
	var out []byte
	for _, p := range all {
		open := binary.BigEndian.AppendUint16(nil, uint16(p.kind))
		open = binary.BigEndian.AppendUint16(open, uint16(len(p.data)))
		closed, err := s.send.Encrypt(nil, nil, append(open, p.data...))
		if err != nil {
			return nil, err
		}
		out = append(out, wrap(closed)...)
	}
	return out, nil
}

func (s *secret) next(r *bufio.Reader) (packet, error) {
	closed, err := unwrap(r)
	if err != nil {
		return packet{}, err
	}
	open, err := s.receive.Decrypt(nil, nil, closed)
	if err != nil {
		return packet{}, err
	}
	if len(open) < noiseHead || len(open)-noiseHead < int(binary.BigEndian.Uint16(open[2:])) {
		return packet{}, errFrame
	}
	size := int(binary.BigEndian.Uint16(open[2:]))
	return packet{int(binary.BigEndian.Uint16(open)), open[noiseHead : noiseHead+size]}, nil
}

// clip keeps what a stranger says short and in one line.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > 40 {
		text = text[:40] + "..."
	}
	return text
}
