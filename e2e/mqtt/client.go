package mqtt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// Options say what a device is at the broker.
type Options struct {
	ID      string
	Keep    time.Duration // 0: a minute
	Will    Message       // none without a topic
	Filters []string
	Heard   func(Message) // one after the other; it may Say, and nothing else here
}

// Client is one connection.
type Client struct {
	conn  net.Conn
	heard func(Message)
	quiet atomic.Bool // it is there and neither hears nor speaks
	done  chan struct{}

	mu      sync.Mutex // held by who waits for an answer
	number  uint16
	answers chan uint16
}

var errGone = errors.New("the connection to the broker is gone")

// Connect connects, and returns when the broker has taken all filters: what is published from now on is heard.
func (a Account) Connect(o Options) (*Client, error) {
	if o.Keep == 0 {
		o.Keep = time.Minute
	}
	conn, err := a.Open(o.ID, o.Keep, o.Will)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, heard: o.Heard, done: make(chan struct{}), answers: make(chan uint16, 16)}
	go c.read()
	go c.ping(o.Keep / 2)
	var filters [][]byte
	for _, f := range o.Filters {
		filters = append(filters, Text(f), []byte{0})
	}
	if len(filters) > 0 {
		err = c.ask(func(number []byte) []byte { return Packet(subscribe, append([][]byte{number}, filters...)...) })
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection without a word, as a device whose power is cut: the broker tells its will.
func (c *Client) Close() {
	_ = c.conn.Close()
	<-c.done
}

func (c *Client) read() {
	defer close(c.done)
	defer c.conn.Close()
	for r := bufio.NewReader(c.conn); ; {
		kind, body, err := read(r)
		if err != nil {
			return
		}
		switch {
		case c.quiet.Load():
		case kind>>4 == publish>>4:
			m, number, err := message(kind, body)
			if err != nil {
				return
			}
			if number != nil {
				c.write(Packet(puback<<4, number))
			}
			if c.heard != nil {
				c.heard(m)
			}
		case (kind>>4 == puback || kind>>4 == suback) && len(body) >= 2:
			select {
			case c.answers <- binary.BigEndian.Uint16(body):
			default:
			}
		}
	}
}

func (c *Client) ping(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.write([]byte{pingreq, 0})
		case <-c.done:
			return
		}
	}
}

func (c *Client) write(b []byte) {
	if c.quiet.Load() {
		return
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(Limit))
	if _, err := c.conn.Write(b); err != nil {
		_ = c.conn.Close()
	}
}

// Say publishes a message, at most once. It does not wait.
func (c *Client) Say(m Message) {
	c.write(Packet(publish|flag(m), Text(m.Topic), []byte(m.Payload)))
}

// Tell publishes a message, and the broker has it when it returns.
func (c *Client) Tell(m Message) error {
	return c.ask(func(number []byte) []byte {
		return Packet(publish|once|flag(m), Text(m.Topic), number, []byte(m.Payload))
	})
}

func flag(m Message) byte {
	if m.Retained {
		return retained
	}
	return 0
}

// ask sends what is answered with its number, and waits for that. One asks after the other.
func (c *Client) ask(packet func(number []byte) []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	c.write(packet(binary.BigEndian.AppendUint16(nil, c.number)))
	limit := time.NewTimer(Limit)
	defer limit.Stop()
	for {
		select {
		case n := <-c.answers:
			if n == c.number {
				return nil
			}
		case <-c.done:
			return errGone
		case <-limit.C:
			return fmt.Errorf("no answer within %v", Limit)
		}
	}
}

// Try publishes messages over a connection of their own. The broker has them when it returns nil.
func (a Account) Try(all ...Message) error {
	c, err := a.Connect(Options{ID: "passer-by"})
	if err != nil {
		return err
	}
	defer c.Close()
	for _, m := range all {
		if err := c.Tell(m); err != nil {
			return err
		}
	}
	c.write([]byte{disconnect, 0})
	return nil
}

// Tell is Try, and again until the broker has them: it may just be starting.
func (a Account) Tell(t testing.TB, all ...Message) {
	t.Helper()
	e2e.Until(t, Limit, func() string {
		if err := a.Try(all...); err != nil {
			return "the broker to take a message: " + err.Error()
		}
		return ""
	})
}
