package commission

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"

	face "github.com/loquet/loquet/accessories/matter"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/mdns"
)

// disk is a storage that can stop to take anything.
type disk struct {
	*memory.Store
	full bool
}

var errFull = errors.New("the disk is full")

func (d *disk) Apply(changes map[string][]byte) error {
	if d.full {
		return errFull
	}
	return d.Store.Apply(changes)
}

func newDisk() *disk { return &disk{Store: memory.New()} }

// anybody may do anything.
type anybody struct{}

func (anybody) May(string, string, bool, device.Action, string) error { return nil }

func newNode(precious, light *disk) *Node {
	return New(Options{About: About{Name: "Villa", Install: "0123456789abcdef0123456789abcdef", Version: "1.2.3"}, Addr: "127.0.0.1:0",
		Storage: precious, Light: light, Labels: newDisk(), Announce: func([]mdns.Service) {}, Clock: func() (time.Time, bool) { return time.Now(), false },
		Rules: anybody{}, Register: func() *face.Register { return nil }, Answered: func() {}, Changed: func() {}, Log: zerolog.Nop()})
}

func stop(t *testing.T, n *Node) {
	t.Helper()
	if err := n.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// What a node can do without lives in memory when the disk takes nothing; what must not be lost is refused.
func TestADiskThatTakesNothing(t *testing.T) {
	precious, light := newDisk(), newDisk()
	s := newStorage(precious, light)
	if err := s.Apply(map[string][]byte{"resumption/1": []byte("a"), "setup": []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := precious.Get("resumption/1"); ok {
		t.Error("what is written often is kept with what must never be lost")
	}
	precious.full, light.full = true, true
	if err := s.Apply(map[string][]byte{"resumption/1": nil, "resumption/2": []byte("c"), "reboots": []byte("d")}); err != nil {
		t.Fatal(err)
	}
	list, err := s.List("resumption/")
	if err != nil || len(list) != 1 || string(list["resumption/2"]) != "c" {
		t.Errorf("%q, %v", list, err)
	}
	if b, ok, err := s.Get("reboots"); err != nil || !ok || string(b) != "d" {
		t.Errorf("%q, %v, %v", b, ok, err)
	}
	if _, ok, err := s.Get("resumption/1"); ok || err != nil {
		t.Errorf("deleted, and there: %v", err)
	}
	for _, key := range []string{"fabrics/001", "setup", "endpoints/garage"} {
		if err := s.Apply(map[string][]byte{key: []byte("x")}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// Numbers of a house that nobody sees yet are written in one go, and none counts that was not.
func TestNumbersAreWrittenTogether(t *testing.T) {
	d := newDisk()
	s := newStorage(d, newDisk())
	s.begin()
	for _, key := range []string{"endpoints/front", "endpoints/back"} {
		if err := s.Apply(map[string][]byte{key: {2, 0}, "endpoint-next": {3, 0}}); err != nil {
			t.Fatal(err)
		}
		if b, ok, err := s.Get(key); err != nil || !ok || len(b) != 2 {
			t.Errorf("%v, %v, %v", b, ok, err)
		}
		if _, ok, _ := d.Get(key); ok {
			t.Error("written each by itself")
		}
	}
	if err := s.Apply(map[string][]byte{"setup": []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := d.Get("setup"); !ok {
		t.Error("something else waits with them")
	}
	d.full = true
	if err := s.keep(); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	if _, ok, _ := s.Get("endpoints/front"); ok {
		t.Error("a number that is not kept counts")
	}
	d.full = false
	s.begin()
	if err := errors.Join(s.Apply(map[string][]byte{"endpoints/gate": {4, 0}}), s.keep()); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := d.Get("endpoints/gate"); !ok {
		t.Error("not kept")
	}
}

// A node starts with a disk that takes nothing if it was there before; a new one does not, and is there when the disk is.
func TestANodeOnAFullDisk(t *testing.T) {
	precious, light := newDisk(), newDisk()
	n := newNode(precious, light)
	n.Start(t.Context())
	was := n.Status()
	if was.Passcode == 0 || was.Manual == "" || !was.Open || was.Err != nil {
		t.Fatalf("%+v", was)
	}
	stop(t, n)
	precious.full, light.full = true, true
	n = newNode(precious, light)
	n.Start(t.Context())
	if again := n.Status(); again.Passcode != was.Passcode || again.Err != nil {
		t.Errorf("%+v", again)
	}
	stop(t, n)

	fresh := newDisk()
	fresh.full = true
	n = newNode(fresh, newDisk())
	n.Start(t.Context())
	if s := n.Status(); !errors.Is(s.Err, errFull) || s.Passcode != 0 {
		t.Errorf("%+v", s)
	}
	stop(t, n)
}

// A damaged record is told, and never a reason to be another node.
func TestADamagedNode(t *testing.T) {
	d := newDisk()
	if err := d.Apply(map[string][]byte{"setup": []byte("short")}); err != nil {
		t.Fatal(err)
	}
	n := newNode(d, newDisk())
	n.Start(t.Context())
	if s := n.Status(); !s.Damaged || s.Err == nil || n.Ready() != nil {
		t.Errorf("%+v", s)
	}
	if err := n.Open(time.Minute); !errors.Is(err, ErrOff) {
		t.Errorf("%v", err)
	}
	stop(t, n)
}

func TestOffIsOff(t *testing.T) {
	n := newNode(newDisk(), newDisk())
	n.opts.Addr = Off
	n.Ahead()
	n.Start(t.Context())
	if s := n.Status(); !s.Off || s.Err != nil || n.Places() != 0 {
		t.Errorf("%+v", s)
	}
	n.PeopleChanged()
	stop(t, n)
}

func TestVersionsGrow(t *testing.T) {
	last := uint32(0)
	for _, v := range []string{"dev", "0.1.0", "0.1.9", "0.2.0", "v1.0.0", "1.0.1-rc1", "1.2.3", "12.0.255"} {
		n := number(v)
		if n <= last {
			t.Errorf("%s is %#x, after %#x", v, n, last)
		}
		last = n
	}
	for _, v := range []string{"", "1.2", "1.2.300", "a.b.c"} {
		if number(v) != 1 {
			t.Errorf("%q is %d", v, number(v))
		}
	}
}

func TestWhatAnEcosystemIsCalled(t *testing.T) {
	for want, f := range map[string]Fabric{"Home": {Label: "Home", Maker: "Apple Home"}, "Google Home": {Maker: maker(0x6006)}, "vendor 0xFFF1": {Vendor: 0xFFF1, Maker: maker(0xFFF1)}} {
		if got := f.Name(); got != want {
			t.Errorf("%+v is %q", f, got)
		}
	}
	if got := fmt.Sprint(ID([8]byte{0x29, 6})); got != "2906000000000000" {
		t.Error(got)
	}
}

// A socket that dies is opened again at its port, and the owner is told meanwhile.
func TestASocketThatDies(t *testing.T) {
	n := newNode(newDisk(), newDisk())
	told := make(chan error, 100)
	n.opts.Changed = func() {
		select {
		case told <- n.Status().Deaf:
		default:
		}
	}
	n.Start(t.Context())
	defer stop(t, n)
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := socket.LocalAddr()
	conn := n.lasting(socket)
	defer conn.Close()
	heard := make(chan string, 1)
	go func() {
		b := make([]byte, 10)
		if size, _, err := conn.ReadFrom(b); err == nil {
			heard <- string(b[:size])
		}
	}()
	if err := socket.Close(); err != nil {
		t.Fatal(err)
	}
	limit := time.After(30 * time.Second)
	for seen := false; ; {
		select {
		case err := <-told:
			if seen = seen || err != nil; !seen || err != nil {
				continue
			}
		case <-limit:
			t.Fatal("it is not told that the socket is down and up again")
		}
		break
	}
	peer, err := net.Dial("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if _, err := peer.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-heard:
		if text != "hello" {
			t.Error(text)
		}
	case <-limit:
		t.Error("the new socket hears nothing")
	}
}
