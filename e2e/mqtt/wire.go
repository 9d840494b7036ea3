package mqtt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/loquet/loquet/e2e"
)

// Limit is far above what anything here takes, for a machine that is busy.
const Limit = time.Minute

// Account is how a device gets into a broker.
type Account struct {
	Host           *e2e.Host
	Addr           string     // address and port of the broker
	From           netip.Addr // of the device; the host's own if there is none
	User, Password string
}

// Message is one that is published. Retained is, for one that comes, what the broker kept.
type Message struct {
	Topic, Payload string
	Retained       bool
}

// Text is a string as MQTT 3.1.1 has it (1.5.3).
func Text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) } //nolint:gosec // short

// Packet is one with its length (MQTT 3.1.1 2.2), whose digits are those of Go's varints.
func Packet(kind byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := binary.AppendUvarint([]byte{kind}, uint64(n)) //nolint:gosec // no length is negative
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// Kinds of packets, with the flags that belong to them.
const (
	connect    = 0x10
	publish    = 0x30
	subscribe  = 0x82
	pingreq    = 0xc0
	disconnect = 0xe0

	connack = 0x2
	puback  = 0x4
	suback  = 0x9

	retained = 0x01
	once     = 0x02 // QoS 1
)

// Open connects with a clean session and returns what the broker let in.
func (a Account) Open(id string, keep time.Duration, will Message) (net.Conn, error) {
	var conn net.Conn
	err := a.Host.Try(func() (err error) {
		d := net.Dialer{Timeout: Limit}
		if a.From.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.From, 0))
		}
		conn, err = d.Dial("tcp", a.Addr)
		return err
	})
	if err != nil {
		return nil, err
	}
	flags, parts := byte(0x02), [][]byte{Text(id)}
	if will.Topic != "" {
		flags |= 0x04
		if will.Retained {
			flags |= 0x20
		}
		parts = append(parts, Text(will.Topic), Text(will.Payload))
	}
	if a.User != "" {
		flags |= 0xc0
		parts = append(parts, Text(a.User), Text(a.Password))
	}
	head := append(Text("MQTT"), 4, flags)
	head = binary.BigEndian.AppendUint16(head, uint16(keep/time.Second)) //nolint:gosec // short
	_ = conn.SetDeadline(time.Now().Add(Limit))
	answer := make([]byte, 4)
	if _, err = conn.Write(Packet(connect, append([][]byte{head}, parts...)...)); err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err == nil && (answer[0]>>4 != connack || answer[3] != 0) {
		err = fmt.Errorf("refused: % x", answer)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, conn.SetDeadline(time.Time{})
}

// read takes the next packet.
func read(r *bufio.Reader) (kind byte, body []byte, err error) {
	if kind, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	size, err := binary.ReadUvarint(r)
	if err != nil || size > 1<<21 {
		return 0, nil, errors.Join(err, fmt.Errorf("a packet of %d bytes", size))
	}
	body = make([]byte, size)
	_, err = io.ReadFull(r, body)
	return kind, body, err
}

// message is a packet that publishes one, with its number if it wants an answer.
func message(kind byte, body []byte) (m Message, number []byte, err error) {
	if len(body) < 2 || len(body) < 2+int(binary.BigEndian.Uint16(body)) {
		return m, nil, errors.New("a message without a topic")
	}
	n := 2 + int(binary.BigEndian.Uint16(body))
	m, body = Message{Topic: string(body[2:n]), Retained: kind&retained != 0}, body[n:]
	if kind&(3*once) != 0 && len(body) >= 2 {
		number, body = body[:2], body[2:]
	}
	m.Payload = string(body)
	return m, number, nil
}
