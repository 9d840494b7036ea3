package broker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Peers that shout: as many messages as the wire carries, packets of a megabyte, connections that act and
// drop. The house goes on hearing its board and reaching it, no planted order arrives, and the memory is as
// it was.
func TestStorm(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	account := func(kind string, rights Rights) (user, password string) {
		one, password, err := h.server.options.Accounts.Make(kind, rights, false, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return one.User, password
	}
	user, password := account("garadget", boardRights())
	events := h.client.Listen(ctx, "garadget/+/status", "garadget/+/command", "loud/#")
	heard := make(chan string, 1)
	orders := 0
	var reading sync.WaitGroup
	reading.Go(func() {
		for e := range events {
			if IsCommand(e.Topic) && e.Topic != "garadget/Barn/command" {
				orders++
			}
			if e.Topic == "garadget/Barn/status" {
				select {
				case heard <- string(e.Payload):
				default:
				}
			}
		}
	})
	b, code := hello(t, h.addr, "Barn", user, password)
	if code != 0 {
		t.Fatal(code)
	}
	if code := b.subscribe("garadget/Barn/command"); code != 0 {
		t.Fatal(code)
	}
	before := heap()
	var all sync.WaitGroup
	stop := make(chan struct{})
	sent := make([]int, 4)
	for n := range sent {
		loudUser, loudPassword := account("device", Rights{Write: []string{"loud/#"}, Packet: 16 << 10})
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				sent[n] += h.shout(ctx, fmt.Sprintf("loud%d", n), loudUser, loudPassword, i)
			}
		})
	}
	worst := time.Duration(0)
	for i := range 20 {
		asked := time.Now()
		if err := h.client.Publish(ctx, "garadget/Barn/command", []byte("get-status")); err != nil {
			t.Fatal(err)
		}
		if got := b.read(); !bytes.HasSuffix(got, []byte("get-status")) {
			t.Fatalf("% x", got)
		}
		want := fmt.Sprint("status ", i)
		b.say(0x30, "garadget/Barn/status", want)
		for again, got := time.NewTicker(time.Second), ""; got != want; {
			select {
			case got = <-heard:
			case <-again.C: // lost among the others, and asked for again
				b.say(0x30, "garadget/Barn/status", want)
			}
			if time.Since(asked) > 10*time.Second {
				t.Fatal("the board is not heard in the storm")
			}
		}
		worst = max(worst, time.Since(asked))
		pause(ctx, 100*time.Millisecond)
	}
	close(stop)
	all.Wait()
	var after uint64
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); pause(ctx, 50*time.Millisecond) {
		if after = heap(); after < before+8<<20 {
			break
		}
	}
	total := 0
	for _, n := range sent {
		total += n
	}
	t.Logf("%d messages in the storm; the board answered within %v; heap %d KiB before, %d KiB after", total, worst, before>>10, after>>10)
	if after >= before+8<<20 {
		t.Errorf("the heap grew from %d to %d KiB", before>>10, after>>10)
	}
	if total < 2*messagesAtOnce {
		t.Errorf("only %d messages: that is no storm", total)
	}
	if orders != 0 {
		t.Errorf("%d planted orders arrived", orders)
	}
}

// shout connects, says as much as it can until it is thrown out, and returns how many messages that was.
func (h *house) shout(ctx context.Context, name, user, password string, round int) (sent int) {
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		return 0
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	answer := make([]byte, 4)
	if _, err := c.Write(packet(0x10, text("MQTT"), []byte{4, 0xc2, 0, 15}, text(name), text(user), text(password))); err != nil {
		return 0
	}
	if _, err := io.ReadFull(c, answer); err != nil || answer[3] != 0 {
		pause(ctx, 10*time.Millisecond)
		return 0
	}
	if round%4 == 3 { // a megabyte at once
		_, _ = c.Write(packet(0x31, text("loud/"+name), make([]byte, 1<<20)))
		return 1
	}
	for i := range 5000 {
		kind, topic := byte(0x30), fmt.Sprintf("loud/%s/%d", name, i%10)
		switch i % 100 {
		case 0:
			kind, topic = 0x31, "loud/door/set" // an order to be kept
		case 1:
			topic = "garadget/Other/command" // somebody else's
		case 2:
			kind = 0x31
		}
		if _, err := c.Write(packet(kind, text(topic), make([]byte, 64))); err != nil {
			return sent
		}
		sent++
	}
	return sent
}
