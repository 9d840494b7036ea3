package broker

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"
)

// hears has the house say something on a topic that connection number i has subscribed to.
func (b *board) hears(h *house, topic string, i int) {
	b.t.Helper()
	order := fmt.Sprintf("order %d", i)
	if err := h.client.Publish(b.t.Context(), topic, []byte(order)); err != nil {
		b.t.Fatal(err)
	}
	if got := b.read(); !bytes.HasSuffix(got, []byte(order)) {
		b.t.Fatalf("connection %d hears % x", i, got)
	}
}

// The house's own client hears what it asked for too when it connects again at once.
func TestTheHouseTakesOver(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	listenUp(t, ctx, h.client, "house/here")
	var last net.Conn
	for i := range 200 {
		c, err := h.server.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if last != nil {
			_ = last.Close()
		}
		if _, err := c.Write(packet(0x10, text("MQTT"), []byte{4, 0x02, 0, 15}, text("again"))); err != nil {
			t.Fatal(err)
		}
		b := &board{t, c}
		if answer := b.read(); answer[0] != 0x20 || answer[3] != 0 {
			t.Fatalf("connection %d: % x", i, answer)
		}
		if code := b.subscribe("house/order"); code != 0 {
			t.Fatalf("connection %d: %#x", i, code)
		}
		b.hears(h, "house/order", i)
		last = c
	}
	_ = last.Close()
}

// A device that connects while its last connection is still there, or is just ending, hears its commands, and what is
// kept of it is that it is there.
func TestTheNextConnectionTakesOver(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	account, password, err := h.server.options.Accounts.Make("garadget", boardRights(), true, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	listenUp(t, ctx, h.client, "house/here")
	var last *board
	for i := range 200 {
		if last != nil && i%2 == 0 {
			_ = last.Close()
		}
		b, code := hello(t, h.addr, "Barn", account.User, password)
		if code != 0 {
			t.Fatalf("connection %d: connack %d", i, code)
		}
		if code := b.subscribe("garadget/Barn/command"); code != 0 {
			t.Fatalf("connection %d: its own commands: %#x", i, code)
		}
		if last != nil && i%2 == 1 && !last.gone() {
			t.Fatalf("connection %d: the one before is still there", i)
		}
		b.hears(h, "garadget/Barn/command", i)
		last = b
	}
	events := listenUp(t, ctx, h.client, "garadget/Barn/LWT")
	if e := next(t, events); string(e.Payload) != "Online" {
		t.Errorf("kept is %q", e.Payload)
	}
}
