package broker

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/rs/zerolog"
)

// miser is a broker that says what the house may read.
type miser struct {
	mochi.HookBase
	mu     sync.Mutex
	denies []string
}

func (m *miser) deny(topics ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.denies = topics
}

func (*miser) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}

func (*miser) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (m *miser) OnACLCheck(_ *mochi.Client, topic string, _ bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !slices.Contains(m.denies, topic)
}

// told is what the owner hears: topics that are denied, and those that no longer are.
type told struct {
	t   *testing.T
	all chan string
}

func (o told) want(want string) {
	o.t.Helper()
	select {
	case got := <-o.all:
		if got != want {
			o.t.Fatalf("told %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		o.t.Fatalf("not told: %q", want)
	}
}

// foreign is a broker that nobody here wrote, and the way to it.
func foreign(t *testing.T, hook mochi.Hook) func(context.Context) (net.Conn, error) {
	t.Helper()
	server := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(hook, nil); err != nil {
		t.Fatal(err)
	}
	house := newIndoors(server)
	if err := server.AddListener(house); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	<-house.serving
	return func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() { _ = server.EstablishConnection(forTheHouse, theirs) }()
		return ours, nil
	}
}

// A topic that is denied is told once, asked for again over the same connection and over the next, and told
// to be over when the broker gives it or nobody wants it any more.
func TestWhatIsDeniedIsToldAndThenOver(t *testing.T) {
	m := &miser{denies: []string{"a/+", "b"}}
	hears := told{t, make(chan string, 16)}
	c := NewClient(ClientOptions{ID: "loquet", Log: zerolog.Nop(), Dial: foreign(t, m),
		Denied: func(filter string, on bool) {
			hears.all <- map[bool]string{true: "denied ", false: "over "}[on] + filter
		}})
	c.again = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { c.Run(ctx) })
	defer func() { cancel(); all.Wait() }()

	first, stop := context.WithCancel(t.Context())
	events := c.Listen(first, "a/+", "c")
	hears.want("denied a/+")
	second, leave := context.WithCancel(t.Context())
	other := c.Listen(second, "b")
	hears.want("denied b")

	m.deny("b") // over the same connection
	hears.want("over a/+")
	for !next(t, events).Up {
	}
	if err := c.Publish(t.Context(), "a/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if e := next(t, events); e.Topic != "a/1" {
		t.Errorf("%+v", e)
	}

	leave() // nobody wants it any more
	for range other {
	}
	hears.want("over b")

	m.deny("c") // and over the next one
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	l.paho.TerminateConnectionForTest()
	hears.want("denied c")
	m.deny()
	hears.want("over c")
	for !next(t, events).Up {
	}
	stop()
	for range events {
	}
	if len(hears.all) > 0 {
		t.Errorf("told besides: %q", <-hears.all)
	}
}

// A device that gets in is told of.
func TestWhoGetsInIsTold(t *testing.T) {
	h := newHouse(t)
	one, password, err := h.server.options.Accounts.Make("garadget", boardRights(), true, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, code := hello(t, h.addr, "Barn", one.User, "wrong"); code == 0 {
		t.Fatal("it got in")
	}
	if n := h.notice(Refused); n.Client != "Barn" {
		t.Errorf("%+v", n)
	}
	if _, code := hello(t, h.addr, "Barn", one.User, password); code != 0 {
		t.Fatal(code)
	}
	if n := h.notice(Entered); n.Client != "Barn" || host(n.Remote) != "127.0.0.1" {
		t.Errorf("%+v", n)
	}
}
