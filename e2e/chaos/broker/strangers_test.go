package broker

import (
	"context"
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
	"github.com/loquet/loquet/e2e/mqtt"
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

// invite makes accounts for boards and for devices with the topic "loud".
func (c *crowd) invite(t *testing.T, boards, devices int) (out []mqtt.Account) {
	t.Helper()
	for i := range boards + devices {
		if c.h.Mosquitto != nil {
			out = append(out, c.h.Mosquitto.Account(c.h.Yard, "program"))
			continue
		}
		ask := map[string]any{"kind": "garadget"}
		if i >= boards {
			ask = map[string]any{"kind": "device", "topic": "loud"}
		}
		var n mqtt.Adoption
		c.h.Do(t, "POST", "/api/v1/mqtt/accounts", ask, &n)
		out = append(out, mqtt.Account{Host: c.h.Yard, Addr: c.h.Broker, User: n.User, Password: n.Password})
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

// enter connects somebody, who hears nothing.
func enter(id string, a mqtt.Account) (net.Conn, error) {
	conn, err := a.Open(id, time.Minute, mqtt.Message{})
	if err == nil {
		go func() { _, _ = io.Copy(io.Discard, conn) }()
	}
	return conn, err
}

// visit keeps somebody connected until ctx ends; say talks until the connection breaks.
func (c *crowd) visit(ctx context.Context, id string, a mqtt.Account, say func(context.Context, net.Conn) error) {
	c.work.Go(func() {
		for ctx.Err() == nil {
			conn, err := enter(id, a)
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
	topic := mqtt.Text("garadget/" + name + "/status")
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
					out = append(out, mqtt.Packet(0x3a, topic, []byte{0, 9}, status)...)
					continue
				}
				out = append(out, mqtt.Packet(0x30, topic, status)...)
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
		topic := mqtt.Text(topics[n%len(topics)])
		out := mqtt.Packet(0x31, topic, []byte("open")) // to be kept
		for range 5 {
			out = append(out, mqtt.Packet(0x3b, topic, []byte{0, 9}, []byte("open"))...) // and sent before
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
			if _, err := conn.Write(mqtt.Packet(0x31, mqtt.Text(topic), make([]byte, 1<<20))); err != nil {
				return err
			}
			pause(ctx, 250*time.Millisecond)
		}
		return nil
	}
}
