package homekit

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// sink takes what is written, and counts.
type sink struct {
	net.Conn
	writes, bytes int
}

func (s *sink) Write(b []byte) (int, error) {
	s.writes++
	s.bytes += len(b)
	return len(b), nil
}
func (*sink) SetWriteDeadline(time.Time) error { return nil }
func (*sink) Close() error                     { return nil }

// TestAnEventMakesNoGarbage: from the change of a door to the frames of eight controllers.
func TestAnEventMakesNoGarbage(t *testing.T) {
	h := newHouse(t, nil, definitions(149), nil)
	var sessions []*session
	for i := range 8 {
		out, err := newFrameCipher(bytes.Repeat([]byte{byte(i)}, keySize))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		ss := &session{
			controller: string(rune('a' + i)), nc: &sink{}, table: h.table, cipher: out, ctx: ctx, cancel: cancel,
			out: make(chan *message), wake: make(chan struct{}, 1), done: make(chan struct{}), gone: h.table.forget, free: h.recycle,
			subs: map[ID]*subscription{},
		}
		ss.subscribe(ID{2, iidTarget}, true)
		ss.subscribe(ID{2, iidCurrent}, true)
		h.table.attach(ss)
		sessions = append(sessions, ss)
	}
	var frames, events []byte
	at := 0
	values := [2][]Value{{{2, iidTarget, 0}, {2, iidCurrent, 0}}, {{2, iidTarget, 1}, {2, iidCurrent, 1}}}
	change := func() {
		at++
		if err := h.Publish(values[(at+1)%2]...); err != nil {
			t.Fatal(err)
		}
		for _, ss := range sessions {
			select {
			case <-ss.wake:
			default:
				t.Fatal("a controller was not told")
			}
			events, _ = ss.collect(events[:0], false)
			frames = ss.cipher.seal(frames[:0], events)
			ss.nc.SetWriteDeadline(time.Now().Add(writeLimit))
			if _, err := ss.nc.Write(frames); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 4 {
		change()
	}
	if n := testing.AllocsPerRun(200, change); n > 0 {
		t.Errorf("%v allocations for an event to eight controllers", n)
	}
	for _, ss := range sessions {
		if s := ss.nc.(*sink); s.writes != at || s.bytes == 0 {
			t.Errorf("%d writes of %d bytes for %d events", s.writes, s.bytes, at)
		}
	}
}

// counting counts the writes on a connection of the server's: each is one system call.
type counting struct {
	net.Conn
	writes *atomic.Int64
}

func (c counting) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// TestOneWriteAnAnswer: an answer leaves in one system call, as long as it may be, and so does an event.
func TestOneWriteAnAnswer(t *testing.T) {
	h := open(t, 149, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var writes atomic.Int64
	var serving sync.WaitGroup
	serving.Go(func() {
		nc, err := l.Accept()
		if err == nil {
			h.accept(counting{nc, &writes})
		}
	})
	who := haptest.NewController()
	h.enrol(who, true)
	c, err := haptest.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Controller = who
	if err := c.PairVerify(h.accessory()); err != nil {
		t.Fatal(err)
	}
	serving.Wait()
	once := func(what string, do func() error) {
		t.Helper()
		before := writes.Load()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n := writes.Load() - before; n != 1 {
			t.Errorf("%s: %d writes", what, n)
		}
	}
	id := haptest.ID{AID: 2, IID: iidCurrent}
	once("accessories", func() error { _, err := c.Accessories(); return err })
	once("a read", func() error { _, err := c.Get(id); return err })
	once("a subscription", func() error { return c.Subscribe(true, id) })
	once("a prepare", func() error { return c.Prepare(5000, 1) })
	once("an event", func() error {
		if err := h.Publish(Value{2, iidCurrent, 0}, Value{2, iidTarget, 0}); err != nil {
			return err
		}
		_, err := c.NextEvent(5 * time.Second)
		return err
	})
}

// TestTheListIsEncodedOnce: what does not change of GET /accessories is text that was made when the house was
// set, the values are those of now, and another structure is another text.
func TestTheListIsEncodedOnce(t *testing.T) {
	h := newHouse(t, nil, definitions(149), nil)
	list := func() []byte {
		m := h.table.accessories(h.buffer(), nil)
		defer h.recycle(m.b)
		return bytes.Clone(m.bytes())
	}
	first := list()
	if !bytes.Equal(first, list()) {
		t.Error("two readings differ without a change")
	}
	if n := testing.AllocsPerRun(50, func() { h.recycle(h.table.accessories(h.buffer(), nil).b) }); n > 4 {
		t.Errorf("%v allocations for a list of 150 accessories", n)
	}
	if err := h.Publish(Value{7, iidCurrent, 0}); err != nil {
		t.Fatal(err)
	}
	changed := list()
	if bytes.Equal(first, changed) {
		t.Error("a new value is not shown")
	}
	if err := h.Publish(Value{7, iidCurrent, 1}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, list()) {
		t.Error("an old value is not shown again")
	}
	as := definitions(149)
	as[3].Info.Name.Val = "Cellar"
	if err := h.SetAccessories(as); err != nil {
		t.Fatal(err)
	}
	if got := list(); !bytes.Contains(got, []byte(`"Cellar"`)) || bytes.Contains(got, []byte(`"Door 4"`)) {
		t.Error("a new name is not shown")
	}
	if err := h.SetAccessories(as[:100]); err != nil {
		t.Fatal(err)
	}
	if got := list(); bytes.Contains(got, []byte(`{"aid":101,`)) || !bytes.Contains(got, []byte(`{"aid":100,`)) {
		t.Error("an accessory that is gone is shown")
	}
}
