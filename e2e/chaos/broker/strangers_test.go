package broker

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/garadget"
)

// crowd is everybody else at the broker.
type crowd struct {
	h     *garadget.House
	work  sync.WaitGroup
	begin chan struct{} // closed: they talk

	inside atomic.Int64 // connections

	sent   atomic.Int64 // messages of ordinary size
	large  atomic.Int64 // of a megabyte
	orders atomic.Int64 // planted ones
	thrown atomic.Int64 // connections that the broker ended
	failed atomic.Int64 // that it refused
}

// account is how one of them gets in.
type account struct{ user, password string }

// invite makes accounts for boards and for devices with the topic "loud".
func (c *crowd) invite(t *testing.T, boards, devices int) (out []account) {
	t.Helper()
	for i := range boards + devices {
		if c.h.Mosquitto != nil {
			out = append(out, account{"program", c.h.Mosquitto.Password("program")})
			continue
		}
		ask := map[string]any{"kind": "garadget"}
		if i >= boards {
			ask = map[string]any{"kind": "device", "topic": "loud"}
		}
		var n garadget.Adoption
		c.h.Do(t, "POST", "/api/v1/mqtt/accounts", ask, &n)
		out = append(out, account{n.User, n.Password})
	}
	return out
}

// addresses gives the yard more addresses: the broker takes so many connections from each.
func addresses(t *testing.T, host *e2e.Host, n int) (out []netip.Addr) {
	t.Helper()
	for i := range n {
		at := netip.AddrFrom4([4]byte{192, 0, 2, byte(20 + i)})
		e2e.Run(t, e2e.Command{Name: "ip", Args: []string{"-n", host.Name, "address", "add", at.String() + "/24", "dev", host.Device}}, garadget.Limit)
		out = append(out, at)
	}
	return out
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) } //nolint:gosec // short

func packet(kind byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := binary.AppendUvarint([]byte{kind}, uint64(n)) //nolint:gosec // the same digits as in MQTT
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// enter connects somebody.
func (c *crowd) enter(from netip.Addr, id string, a account) (net.Conn, error) {
	var conn net.Conn
	err := c.h.Yard.Try(func() (err error) {
		d := net.Dialer{Timeout: back, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
		conn, err = d.Dial("tcp", c.h.Broker)
		return err
	})
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(back))
	answer := make([]byte, 4)
	if _, err = conn.Write(packet(0x10, text("MQTT"), []byte{4, 0xc2, 0, 60}, text(id), text(a.user), text(a.password))); err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err == nil && answer[3] != 0 {
		err = fmt.Errorf("refused: %d", answer[3])
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	return conn, nil
}

// visit keeps somebody connected until ctx ends; say talks until the connection breaks.
func (c *crowd) visit(ctx context.Context, from netip.Addr, id string, a account, say func(context.Context, net.Conn) error) {
	c.work.Go(func() {
		for ctx.Err() == nil {
			conn, err := c.enter(from, id, a)
			if err != nil {
				c.failed.Add(1)
				pause(ctx, 100*time.Millisecond)
				continue
			}
			c.inside.Add(1)
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			select {
			case <-c.begin:
			case <-ctx.Done():
			}
			if say(ctx, conn) != nil && ctx.Err() == nil {
				c.thrown.Add(1)
			}
			stop()
			_ = conn.Close()
			c.inside.Add(-1)
			pause(ctx, 100*time.Millisecond)
		}
	})
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// talk is a board that says where its door is, so many times a second, now and then twice (QoS 1, sent before).
func (c *crowd) talk(name string, perSecond int) func(context.Context, net.Conn) error {
	words := []string{"closed", "opening", "open", "closing", "stopped"}
	topic := text("garadget/" + name + "/status")
	return func(ctx context.Context, conn net.Conn) error {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for began, n := time.Now(), 0; ; {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			var out []byte
			had := n
			for ; n < int(time.Since(began).Seconds()*float64(perSecond)); n++ {
				status := fmt.Appendf(nil, `{"status":"%s","time":"%ds","sensor":62,"bright":42,"signal":-55}`, words[n%len(words)], n%120)
				if n%10 == 0 {
					out = append(out, packet(0x3a, topic, []byte{0, 9}, status)...)
					continue
				}
				out = append(out, packet(0x30, topic, status)...)
			}
			if _, err := conn.Write(out); err != nil {
				return err
			}
			c.sent.Add(int64(n - had))
		}
	}
}

// shout says as much as the wire carries: orders to keep, orders that were sent before, to everybody's board
// and lock.
func (c *crowd) shout(ctx context.Context, conn net.Conn) error {
	topics := []string{"garadget/Barn/command", "loud/door/set", "zigbee2mqtt/Front door/set", "cmnd/barn/POWER", "garadget/Barn/set-config"}
	for n := 0; ctx.Err() == nil; n++ {
		topic := text(topics[n%len(topics)])
		out := packet(0x31, topic, []byte("open")) // to be kept
		for range 5 {
			out = append(out, packet(0x3b, topic, []byte{0, 9}, []byte("open"))...) // and sent before
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
		c.orders.Add(6)
	}
	return nil
}

// lift sends packets of a megabyte, to be kept.
func (c *crowd) lift(topic string) func(context.Context, net.Conn) error {
	return func(ctx context.Context, conn net.Conn) error {
		for ctx.Err() == nil {
			c.large.Add(1)
			if _, err := conn.Write(packet(0x31, text(topic), make([]byte, 1<<20))); err != nil {
				return err
			}
			pause(ctx, 250*time.Millisecond)
		}
		return nil
	}
}
