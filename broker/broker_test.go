package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// rows is a storage in memory.
type rows struct {
	mu  sync.Mutex
	all map[string][]byte
}

func (r *rows) List(string) (map[string][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.all), nil
}

func (r *rows) Apply(changes map[string][]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, v := range changes {
		if v == nil {
			delete(r.all, k)
		} else {
			r.all[k] = v
		}
	}
	return nil
}

func boardRights() Rights {
	return Rights{Write: []string{"garadget/%c/LWT", "garadget/%c/status", "garadget/%c/config"},
		Read: []string{"garadget/%c/command", "garadget/%c/set-config"}, Packet: 1024}
}

// house is a broker with its client.
type house struct {
	t       *testing.T
	server  *Server
	client  *Client
	rows    *rows
	notices chan Notice
	addr    string
}

func newHouse(t *testing.T, change ...func(*ServerOptions)) *house {
	t.Helper()
	h := &house{t: t, rows: &rows{all: map[string][]byte{}}, notices: make(chan Notice, 1000)}
	accounts, err := OpenAccounts(h.rows)
	if err != nil {
		t.Fatal(err)
	}
	o := ServerOptions{Listen: "127.0.0.1:0", Accounts: accounts, Log: zerolog.Nop(), Told: func(n Notice) {
		select {
		case h.notices <- n:
		default:
		}
	}}
	for _, f := range change {
		f(&o)
	}
	h.server = NewServer(o)
	h.client = NewClient(ClientOptions{Dial: h.server.Dial, ID: "loquet", Log: zerolog.Nop()})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := h.server.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() { h.client.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); h.server.Addr() == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the broker does not listen")
		}
		pause(ctx, time.Millisecond)
	}
	h.addr = h.server.Addr().String()
	return h
}

func (h *house) notice(kind NoticeKind) Notice {
	h.t.Helper()
	for {
		select {
		case n := <-h.notices:
			if n.Kind == kind && (n.On || kind != PortBusy) {
				return n
			}
		case <-time.After(10 * time.Second):
			h.t.Fatalf("no notice of kind %d", kind)
		}
	}
}

func next(t *testing.T, events <-chan hw.MQTTEvent) hw.MQTTEvent {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the channel is closed")
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
	}
	return hw.MQTTEvent{}
}

func listenUp(t *testing.T, ctx context.Context, c *Client, filters ...string) <-chan hw.MQTTEvent {
	t.Helper()
	events := c.Listen(ctx, filters...)
	for !next(t, events).Up {
	}
	return events
}

// board speaks MQTT 3.1.1 by hand, as small devices do.
type board struct {
	t *testing.T
	net.Conn
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func packet(kind byte, body ...[]byte) []byte {
	b := bytes.Join(body, nil)
	out := []byte{kind}
	for n := len(b); ; {
		digit := byte(n % 128)
		if n /= 128; n > 0 {
			out = append(out, digit|0x80)
			continue
		}
		return append(append(out, digit), b...)
	}
}

// hello connects with flags 0xE6, whether or not there are values, and speaks before it is welcome.
func hello(t *testing.T, addr, name, user, password string) (*board, byte) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	burst := packet(0x10, text("MQTT"), []byte{4, 0xe6, 0, 15}, text(name), text("garadget/"+name+"/LWT"), text("Offline"), text(user), text(password))
	burst = append(burst, packet(0x31, text("garadget/"+name+"/LWT"), []byte("Online"))...)
	if _, err := c.Write(burst); err != nil {
		t.Fatal(err)
	}
	b := &board{t, c}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	if answer[0] != 0x20 {
		t.Fatalf("answer % x", answer)
	}
	return b, answer[3]
}

func (b *board) say(kind byte, topic, payload string) {
	b.t.Helper()
	if _, err := b.Write(packet(kind, text(topic), []byte(payload))); err != nil {
		b.t.Fatal(err)
	}
}

func (b *board) subscribe(topic string) byte {
	b.t.Helper()
	if _, err := b.Write(packet(0x82, []byte{0, 2}, text(topic), []byte{1})); err != nil {
		b.t.Fatal(err)
	}
	answer := b.read()
	if answer[0] != 0x90 {
		b.t.Fatalf("answer % x", answer)
	}
	return answer[len(answer)-1]
}

func (b *board) read() []byte {
	b.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(b, head); err != nil {
		b.t.Fatal(err)
	}
	body := make([]byte, head[1])
	if _, err := io.ReadFull(b, body); err != nil {
		b.t.Fatal(err)
	}
	return append(head, body...)
}

func (b *board) gone() bool {
	_, err := io.Copy(io.Discard, b)
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

func TestADeviceReachesItsOwnTopicsOnly(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	_, password, err := h.server.options.Accounts.Make("garadget", boardRights(), true, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	user := h.server.options.Accounts.List()[0].User
	events := listenUp(t, ctx, h.client, "#")
	b, code := hello(t, h.addr, "Barn", user, password)
	if code != 0 {
		t.Fatalf("connack %d", code)
	}
	if e := next(t, events); e.Topic != "garadget/Barn/LWT" || string(e.Payload) != "Online" {
		t.Fatalf("%+v", e)
	}
	if code := b.subscribe("garadget/Barn/command"); code != 0 {
		t.Errorf("its own commands: %#x", code)
	}
	for _, other := range []string{"garadget/Shed/command", "garadget/+/command", "#", "$SYS/#", "garadget/Barn/#"} {
		if code := b.subscribe(other); code < 0x80 {
			t.Errorf("it may read %s", other)
		}
	}
	b.say(0x31, "garadget/Shed/status", `{"status":"closed"}`)
	b.say(0x30, "garadget/Shed/command", "open")
	b.say(0x30, "garadget/Barn/status", "mine")
	if e := next(t, events); e.Topic != "garadget/Barn/status" {
		t.Errorf("what a device may not write arrives: %+v", e)
	}
	if err := h.client.Publish(ctx, "garadget/Barn/command", []byte("open")); err != nil {
		t.Fatal(err)
	}
	if e := next(t, events); e.Topic != "garadget/Barn/command" {
		t.Fatalf("%+v", e)
	}
	if got := b.read(); got[0] != 0x30 || !bytes.HasSuffix(got, []byte("open")) {
		t.Errorf("the command arrives as % x, want quality of service 0 and not retained", got)
	}
	_, code = hello(t, h.addr, "Shed", user, password)
	if code == 0 {
		t.Error("a bound account gets in under a second name")
	}
	if n := h.notice(Refused); n.Client != "Shed" || !strings.Contains(n.Detail, "Barn") {
		t.Errorf("%+v", n)
	}
}

func TestWithoutAnAccountNobodyGetsIn(t *testing.T) {
	h := newHouse(t)
	if _, code := hello(t, h.addr, "Garage", "", ""); code == 0 {
		t.Fatal("a board without an account got in")
	}
	h.notice(Refused)
	if _, code := hello(t, h.addr, "Garage", "admin", "admin"); code == 0 {
		t.Fatal("a guess got in")
	}
	h.server.Adopt(time.Now().Add(time.Minute), boardRights())
	b, code := hello(t, h.addr, "Garage", "", "")
	if code != 0 {
		t.Fatalf("while the owner adopts: %d", code)
	}
	if n := h.notice(NotAdopted); n.Client != "Garage" {
		t.Errorf("%+v", n)
	}
	if code := b.subscribe("garadget/Other/command"); code < 0x80 {
		t.Error("without an account it reads the commands of others")
	}
	h.server.Adopt(time.Time{}, Rights{})
	if !b.gone() {
		t.Error("the window is over and it stays")
	}
}

func TestCommandsAreNotKept(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	all := Rights{Write: []string{"barn/#"}, Read: []string{"barn/#"}, Packet: 1024}
	one, password, err := h.server.options.Accounts.Make("device", all, false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	events := listenUp(t, ctx, h.client, "barn/#")
	b, code := hello(t, h.addr, "x", one.User, password)
	if code != 0 {
		t.Fatal(code)
	}
	b.say(0x31, "barn/door/set", "OPEN")                                                                  // retained
	if _, err := b.Write(packet(0x3a, text("barn/door/set"), []byte{0, 7}, []byte("OPEN"))); err != nil { // sent before
		t.Fatal(err)
	}
	b.say(0x31, "barn/door/state", "closed")
	if e := next(t, events); e.Topic != "barn/door/state" || e.Retained {
		t.Fatalf("a retained or repeated command arrived: %+v", e)
	}
	later := listenUp(t, ctx, h.client, "barn/#")
	if e := next(t, later); e.Topic != "barn/door/state" || !e.Retained {
		t.Errorf("%+v, want the state, marked as kept", e)
	}
}

func TestPublishIsRefusedWithoutAConnection(t *testing.T) {
	c := NewClient(ClientOptions{Dial: Dialer(&url.URL{Scheme: "mqtt", Host: "127.0.0.1:1"}), ID: "loquet", Log: zerolog.Nop()})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	events := c.Listen(t.Context(), "a")
	if next(t, events).Up {
		t.Error("it says that there is a connection")
	}
	if err := c.Publish(ctx, "a", nil); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	cancel()
	<-done
	for range events { // it ends with the house
	}
}

func TestTheBrokerComesBack(t *testing.T) {
	h := newHouse(t)
	events := listenUp(t, t.Context(), h.client, "a/b")
	for range 3 {
		h.client.mu.Lock()
		l := h.client.link
		h.client.mu.Unlock()
		l.paho.TerminateConnectionForTest()
		if next(t, events).Up {
			t.Fatal("the loss was not told")
		}
		for !next(t, events).Up {
		}
		if err := h.client.Publish(t.Context(), "a/b", []byte("1")); err != nil {
			t.Fatal(err)
		}
		if e := next(t, events); e.Topic != "a/b" {
			t.Fatalf("%+v", e)
		}
	}
}

func TestWhoSaysTooMuchIsThrownOut(t *testing.T) {
	h := newHouse(t)
	h.server.Adopt(time.Now().Add(time.Minute), boardRights())
	for _, c := range []struct {
		name  string
		flood func(b *board)
	}{
		{"large", func(b *board) { _, _ = b.Write([]byte{0x30, 0xff, 0xff, 0x3f}) }},
		{"often", func(b *board) {
			for range 3 * messagesAtOnce {
				if _, err := b.Write(packet(0x30, text("garadget/often/status"), []byte("x"))); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, code := hello(t, h.addr, c.name, "", "")
			if code != 0 {
				t.Fatal(code)
			}
			go c.flood(b)
			if !b.gone() {
				t.Error("it may go on")
			}
		})
	}
	if _, code := hello(t, h.addr, "often", "", ""); code == 0 {
		t.Error("a new connection is a new allowance")
	}
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(8 * time.Second))
	_, _ = c.Write([]byte{0x10, 0xff, 0xff, 0xff, 0x7f})
	if !(&board{t, c}).gone() {
		t.Error("a stranger may announce a packet of 256 MiB")
	}
}

func TestASlowListenerLosesTheOldest(t *testing.T) {
	e := newEar([]string{"a"})
	e.up()
	for range maxUnread + 10 {
		e.put(hw.MQTTEvent{Up: true, Topic: "a", Payload: []byte{1}})
	}
	e.down()
	e.up()
	if first, _ := e.take(); first.Topic != "" || !first.Up {
		t.Fatalf("%+v", first)
	}
	if second, _ := e.take(); !second.Lost {
		t.Errorf("%+v, want to be told of the loss", second)
	}
	n := 0
	for event, ok := e.take(); ok && event.Topic != ""; event, ok = e.take() {
		if n++; event.Lost {
			t.Error("told twice")
		}
	}
	if n != maxUnread-2 {
		t.Errorf("%d messages after the first, want %d", n, maxUnread-2)
	}
}
