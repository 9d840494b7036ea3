package emulator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"time"
)

// maxPacket is the buffer of the firmware: what is larger is dropped.
const maxPacket = 511

// message is one that was published to the board.
type message struct {
	topic   string
	payload []byte
}

type link struct {
	conn net.Conn
	in   chan message
}

// connect says hello as the firmware does: user, password and will are always flagged, also when they are
// empty, and "Online" is told in the same breath, before the broker has answered.
func (b *Board) connect(ctx context.Context) {
	b.try = time.Now().Add(b.o.Back)
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", b.o.Broker)
	if err != nil {
		return
	}
	name, level := "MQTT", byte(4)
	if b.o.Old {
		name, level = "MQIsdp", 3
	}
	b.o.Old = !b.o.Old // until it is answered: the other version is tried next
	will := b.topic("LWT")
	hello := packet(0x10, text(name), []byte{level, 0xe6, 0, byte(b.settings.Keep)}, //nolint:gosec // below 256 in the tests
		text(b.settings.Name), text(will), text("Offline"), text(b.o.User), text(b.o.Password))
	if b.o.Version >= "1.25" {
		hello = append(hello, packet(0x31, text(will), []byte("Online"))...)
	}
	_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
	answer := make([]byte, 4)
	if _, err = conn.Write(hello); err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err != nil || answer[0] != 0x20 || answer[3] != 0 {
		b.refused.Add(1)
		conn.Close()
		return
	}
	b.o.Old = level == 3
	_ = conn.SetDeadline(time.Time{})
	b.link = &link{conn: conn, in: make(chan message, 8)}
	go b.link.read(ctx)
	b.link.write(packet(0x82, []byte{0, 2}, text(b.topic("command")), []byte{0}))
	b.link.write(packet(0x82, []byte{0, 3}, text(b.topic("set-config")), []byte{0}))
	b.pinged = time.Now()
	b.tellStatus()
	b.tellConfig()
}

func (b *Board) lost() {
	b.link.conn.Close()
	b.link, b.try = nil, time.Now().Add(b.o.Back)
}

func (b *Board) hear(m message) {
	switch m.topic {
	case b.topic("command"):
		order := string(m.payload)
		if (order == "open" || strings.HasPrefix(order, "close")) && b.mute.Swap(false) {
			b.link.conn.Close()
		}
		b.command(order)
	case b.topic("set-config"):
		b.configure(m.payload)
	}
}

// read passes on what is published, until the connection ends.
func (l *link) read(ctx context.Context) {
	defer close(l.in)
	r := bufio.NewReader(l.conn)
	for {
		kind, err := r.ReadByte()
		if err != nil {
			return
		}
		size, err := binary.ReadUvarint(r) // the same digits as in MQTT
		if err != nil || size > 1<<21 {
			return
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		if kind&0xf0 != 0x30 || size > maxPacket || len(body) < 2 {
			continue
		}
		n := int(binary.BigEndian.Uint16(body))
		if len(body) < 2+n {
			continue
		}
		select {
		case l.in <- message{string(body[2 : 2+n]), body[2+n:]}:
		case <-ctx.Done():
			return
		}
	}
}

// write sends, or ends the connection.
func (l *link) write(b []byte) {
	_ = l.conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	if _, err := l.conn.Write(b); err != nil {
		l.conn.Close()
	}
}

func (l *link) publish(retain bool, topic, payload string) {
	kind := byte(0x30)
	if retain {
		kind = 0x31
	}
	l.write(packet(kind, text(topic), []byte(payload)))
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) } //nolint:gosec // short

func packet(kind byte, body ...[]byte) []byte {
	b := bytes.Join(body, nil)
	return append(binary.AppendUvarint([]byte{kind}, uint64(len(b))), b...)
}
