package broker

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
)

const orderTopic = "loquet/villa/garage/set"

// desk is a house that hears orders.
func desk(t *testing.T) (*house, chan Order) {
	t.Helper()
	orders := make(chan Order, 100)
	return newHouse(t, func(o *ServerOptions) {
		o.Own = []string{"loquet/villa/#"}
		o.Orders = &OrderDesk{Filter: "loquet/villa/+/set", Kind: "homeassistant", Take: func(o Order) { orders <- o }}
	}), orders
}

func (h *house) account(kind string, rights Rights) (user, password string) {
	h.t.Helper()
	one, password, err := h.server.options.Accounts.Make(kind, rights, false, time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return one.User, password
}

func order(t *testing.T, orders chan Order) Order {
	t.Helper()
	select {
	case o := <-orders:
		return o
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was heard")
	}
	return Order{}
}

// alive reports whether the broker has taken everything that was said before, and goes on.
func (b *board) alive() bool {
	if _, err := b.Write([]byte{0xc0, 0}); err != nil {
		return false
	}
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(b, head); err != nil {
			return false
		}
		if head[0] == 0xd0 {
			return true
		}
		if _, err := io.CopyN(io.Discard, b, int64(head[1])); err != nil {
			return false
		}
	}
}

// An order is heard once, from an account that may give orders, with the account that was proved. What is to be kept,
// was sent before or is too long is none, and nobody else hears of any of it.
func TestOrders(t *testing.T) {
	h, orders := desk(t)
	user, password := h.account("homeassistant", Rights{Read: []string{"loquet/#"}, Packet: 4096})
	events := listenUp(t, t.Context(), h.client, "#")
	b, code := hello(t, h.addr, "ha", user, password)
	if code != 0 {
		t.Fatalf("connack %d", code)
	}
	if code := b.subscribe("loquet/#"); code != 0 {
		t.Fatalf("suback %#x", code)
	}
	b.say(0x30, orderTopic, "OPEN")
	b.say(0x31, orderTopic, "CLOSE")                                             // kept
	_, _ = b.Write(packet(0x32, text(orderTopic), []byte{0, 7}, []byte("STOP"))) // quality of service 1
	_, _ = b.Write(packet(0x3a, text(orderTopic), []byte{0, 7}, []byte("STOP"))) // again
	_, _ = b.Write(packet(0x34, text(orderTopic), []byte{0, 8}, []byte("LOCK"))) // quality of service 2
	_, _ = b.Write(packet(0x3c, text(orderTopic), []byte{0, 8}, []byte("LOCK"))) // again, before its end
	b.say(0x30, orderTopic, strings.Repeat("X", maxOrder+1))
	b.say(0x30, orderTopic, "")
	if !b.alive() {
		t.Fatal("the connection ended")
	}
	for i, want := range []Order{{Payload: "OPEN"}, {Fault: OrderKept}, {Payload: "STOP"}, {Fault: OrderAgain}, {Payload: "LOCK"}, {Fault: OrderLong}, {}} {
		want.Client, want.User, want.Topic = "ha", user, orderTopic
		got := order(t, orders)
		if got.Remote == "" {
			t.Error("nobody knows where it came from")
		}
		if got.Remote = ""; got != want {
			t.Errorf("%d: %+v, want %+v", i, got, want)
		}
	}
	if n := h.server.Connected()[user]; n != 1 {
		t.Errorf("%d connections", n)
	}
	// A house that listens to everything hears no order, and nothing was kept.
	if err := h.client.Publish(t.Context(), "end", nil); err != nil {
		t.Fatal(err)
	}
	if e := next(t, events); e.Topic != "end" {
		t.Errorf("%+v was delivered", e)
	}
	again := listenUp(t, t.Context(), h.client, "loquet/#", "later")
	if err := h.client.Publish(t.Context(), "later", nil); err != nil {
		t.Fatal(err)
	}
	if e := next(t, again); e.Topic != "later" {
		t.Errorf("%+v was kept", e)
	}
}

// Whoever may give no orders is refused and told of, whatever its account may write; and no will is an order.
func TestWhoMayGiveNoOrders(t *testing.T) {
	h, orders := desk(t)
	user, password := h.account("device", Rights{Write: []string{"#"}, Read: []string{"#"}, Packet: 4096})
	b, code := hello(t, h.addr, "barn", user, password)
	if code != 0 {
		t.Fatalf("connack %d", code)
	}
	b.say(0x30, orderTopic, "OPEN")
	if got := order(t, orders); got.Fault != OrderForeign || got.User != user || got.Client != "barn" || got.Payload != "" {
		t.Errorf("%+v", got)
	}
	_, _ = b.Write(packet(0x32, text(orderTopic), []byte{0, 7}, []byte("OPEN")))
	if !b.gone() { // MQTT 3.1.1 has no word for it
		t.Error("it is still there")
	}
	order(t, orders)

	ha, secret := h.account("homeassistant", Rights{Write: []string{"homeassistant/status"}, Packet: 4096})
	for _, who := range [][2]string{{ha, secret}, {user, password}} {
		c, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = c.Write(packet(0x10, text("MQTT"), []byte{4, 0xc6, 0, 15}, text("w"), text(orderTopic), text("OPEN"), text(who[0]), text(who[1])))
		answer := make([]byte, 4)
		if _, err := io.ReadFull(c, answer); err != nil || answer[3] != 0 {
			t.Fatalf("% x, %v", answer, err)
		}
		_ = c.Close() // without a goodbye
		deadline := time.Now().Add(20 * time.Second)
		for h.server.Connected()[who[0]] != 0 {
			if time.Now().After(deadline) {
				t.Fatal("the broker does not notice")
			}
			pause(t.Context(), time.Millisecond)
		}
	}
	last, code := hello(t, h.addr, "ha", ha, secret)
	if code != 0 {
		t.Fatalf("connack %d", code)
	}
	last.say(0x30, orderTopic, "CLOSE")
	if got := order(t, orders); got.Payload != "CLOSE" {
		t.Errorf("a will was heard: %+v", got)
	}
}

// A topic behind an alias was judged before anybody knew it: there are no aliases.
func TestAnOrderBehindAnAlias(t *testing.T) {
	h, orders := desk(t)
	user, password := h.account("homeassistant", Rights{Write: []string{"homeassistant/status"}, Packet: 4096})
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = c.Write(packet(0x10, text("MQTT"), []byte{5, 0xc2, 0, 15, 0}, text("a"), text(user), text(password)))
	_, _ = c.Write(packet(0x30, text(orderTopic), []byte{3, 0x23, 0, 1}, []byte("OPEN"))) // topic alias 1 (MQTT 5 3.3.2.3.4)
	if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) && strings.Contains(err.Error(), "timeout") {
		t.Errorf("it is still there: %v", err)
	}
	select {
	case o := <-orders:
		t.Errorf("%+v", o)
	default:
	}
}

// Another broker that keeps an order gives it to nobody who asks for orders, and one that is to be kept says so when it
// comes live. What is said before the house listens, or while it is away, never comes.
func TestOrdersOverAnotherBroker(t *testing.T) {
	dial := foreign(t, &miser{})
	run := func(id string) (*Client, func()) {
		c := NewClient(ClientOptions{ID: id, Dial: dial, Log: zerolog.Nop()})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		stop := sync.OnceFunc(func() { cancel(); <-done })
		t.Cleanup(stop)
		return c, stop
	}
	other, _ := run("other")
	listenUp(t, t.Context(), other, "nothing")
	say := func(payload string, keep bool) {
		t.Helper()
		if err := other.publish(t.Context(), &paho.Publish{Topic: orderTopic, Payload: []byte(payload), Retain: keep, QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	mark := listenUp(t, t.Context(), other, "mark")
	delivered := func() { // the broker says that it took a message before it hands it on
		t.Helper()
		if err := other.Publish(t.Context(), "mark", nil); err != nil {
			t.Fatal(err)
		}
		next(t, mark)
	}
	say("OPEN", true)
	delivered()
	listen := func(c *Client) <-chan hw.MQTTEvent {
		events := c.Orders(t.Context(), "loquet/villa/+/set")
		for !next(t, events).Up {
		}
		return events
	}
	house, leave := run("loquet")
	events := listen(house)
	say("CLOSE", true)
	say("STOP", false)
	if e := next(t, events); !e.Retained || string(e.Payload) != "CLOSE" {
		t.Errorf("%+v", e)
	}
	if e := next(t, events); e.Retained || string(e.Payload) != "STOP" {
		t.Errorf("%+v", e)
	}
	leave()
	say("OPEN", false)
	delivered()
	house, _ = run("loquet")
	events = listen(house)
	say("LOCK", false)
	if e := next(t, events); e.Retained || string(e.Payload) != "LOCK" {
		t.Errorf("%+v", e)
	}
}
