package homekit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// Hundreds of idle connections are no trouble for paired controllers, nor for one that comes.
func TestIdleFlood(t *testing.T) {
	h := open(t, 1, nil)
	admin := h.admin()
	for i := range 500 {
		conn, err := net.Dial("tcp", h.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			conn.Write([]byte("POST /pair-setup HTTP/1.1\r\n")) // slow on purpose
		}
		if i%50 == 0 {
			if got := value(t, admin, 2, iidTarget); got != "1" {
				t.Fatal(got)
			}
			h.session(admin.Controller, h.accessory()).Close()
		}
	}
	strangers := 0
	for _, c := range h.admission.all() {
		if !c.verified.Load() {
			strangers++
		}
	}
	if strangers > maxUnverifiedByIP {
		t.Errorf("%d strangers of one address are connected", strangers)
	}
}

// Strangers: 4 an address, 8 in all, the newest wins; who is pairing stays for its lease.
func TestStrangers(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		pairing := h.pipe("192.0.2.1", nil)
		if err := (&haptest.Setup{}).M1(pairing); err != nil {
			t.Fatal(err)
		}
		var all []*haptest.Client
		for i := range 40 {
			all = append(all, h.pipe(fmt.Sprintf("198.51.100.%d", i%5), nil))
		}
		synctest.Wait()
		open := h.admission.all()
		if len(open) != maxUnverified {
			t.Errorf("%d connections", len(open))
		}
		if open[0].ip.String() != "192.0.2.1" {
			t.Error("the controller that is pairing was put out")
		}
		if r, err := all[39].Do("GET", "/accessories", "", nil); err != nil || r.Status != 470 {
			t.Errorf("the newest: %v", err)
		}
		for range 9 {
			all = append(all, h.pipe("203.0.113.1", nil))
		}
		synctest.Wait()
		same := 0
		for _, c := range h.admission.all() {
			if c.ip.String() == "203.0.113.1" {
				same++
			}
		}
		if same != maxUnverifiedByIP {
			t.Errorf("%d connections of one address", same)
		}
		for _, c := range append(all, pairing) {
			c.Close()
		}
	})
}

// At capacity a verified session is closed only when it has been quiet for a minute, the quietest first.
func TestCapacity(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		who := haptest.NewController()
		h.enrol(who, true)
		connect := func(n int) (*haptest.Client, error) {
			c := h.pipe(fmt.Sprintf("192.0.2.%d", n), who)
			return c, c.PairVerify(h.accessory())
		}
		var all []*haptest.Client
		for n := range maxConns {
			c, err := connect(n)
			if err != nil {
				t.Fatal(n, err)
			}
			all = append(all, c)
		}
		time.Sleep(59 * time.Second)
		c := h.pipe("192.0.2.200", who)
		if r, err := c.ReadResponse(); err != nil || r.Status != 503 {
			t.Errorf("at capacity: %v %+v", err, r)
		}
		if got := value(t, all[0], 2, iidTarget); got != "1" {
			t.Error(got)
		}
		time.Sleep(2 * time.Second)
		last, err := connect(201)
		if err != nil {
			t.Errorf("with idle sessions: %v", err)
		}
		if err := all[1].Closed(10 * time.Second); err != nil {
			t.Errorf("the quietest session: %v", err)
		}
		if got := value(t, all[0], 2, iidTarget); got != "1" {
			t.Error(got)
		}
		for _, c := range append(all, last) {
			c.Close()
		}
	})
}

// Three thousand connections leave nothing behind.
func TestConnectionsLeaveNothing(t *testing.T) {
	h := open(t, 1, nil)
	who, acc := h.pair()
	n := 3000
	if testing.Short() {
		n = 300
	}
	round := func(times int) {
		for range times {
			conn, err := net.Dial("tcp", h.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			c := haptest.New(conn, who)
			if err := c.PairVerify(acc); err != nil {
				t.Fatal(err)
			}
			if err := c.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		for deadline := time.Now().Add(5 * time.Second); len(h.admission.all()) > 0; {
			if time.Now().After(deadline) {
				t.Fatalf("%d connections are left", len(h.admission.all()))
			}
			runtime.Gosched()
		}
	}
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	round(50)
	goroutines, before := runtime.NumGoroutine(), memory()
	round(n)
	if now := runtime.NumGoroutine(); now > goroutines+4 {
		t.Errorf("%d goroutines, %d before", now, goroutines)
	}
	// A forgotten map of one session costs 1.5 KiB.
	if now := memory(); now > before+uint64(n)*300+64<<10 {
		t.Errorf("%d KiB more in use", (now-before)>>10)
	}
	if len(h.table.listeners()) != 0 {
		t.Error("sessions are still listed")
	}
}

func TestStop(t *testing.T) {
	h := open(t, 1, nil)
	c := h.admin()
	h.dial(nil)
	stuck := make(chan bool)
	h.handler(func(ctx context.Context, _ Write) (any, Status) {
		<-ctx.Done()
		<-stuck
		return nil, StatusOK
	})
	if err := c.Send(haptest.Request("PUT", "/characteristics", typeJSON, []byte(`{"characteristics":[{"aid":2,"iid":11,"value":0}]}`))); err != nil {
		t.Fatal(err)
	}
	for len(h.written()) == 0 {
		runtime.Gosched()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := h.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop with a stuck handler: %v", err)
	}
	if err := c.Closed(10 * time.Second); err != nil {
		t.Error(err)
	}
	close(stuck)
	h.stop()
	select {
	case <-h.Done():
	default:
		t.Error("not done")
	}
	if h.Err() != nil || !errors.Is(h.Start(context.Background()), errStopped) {
		t.Error("it can be started again")
	}
	if _, err := net.Dial("tcp", h.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestListenerDies(t *testing.T) {
	h := open(t, 0, nil)
	h.mu.Lock()
	alive := h.listener
	h.mu.Unlock()
	dead := errors.New("the network is gone")
	h.running.Go(func() { h.acceptAll(deadListener{alive, dead}) })
	<-h.Done()
	if !errors.Is(h.Err(), dead) {
		t.Error(h.Err())
	}
}

type deadListener struct {
	net.Listener
	err error
}

func (d deadListener) Accept() (net.Conn, error) { return nil, d.err }

// A busy port: the next free one, kept for as long as the same port is asked for.
func TestPorts(t *testing.T) {
	const nobodys = "127.13.7.1" // connections of other tests take ports of 127.0.0.1 at any time
	taken, err := net.Listen("tcp", nobodys+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	store := haptest.NewMemory()
	run := func(addr string) int {
		t.Helper()
		h := newHouse(t, store, definitions(0), func(c *Config) { c.Addr = addr })
		h.start()
		defer h.stop()
		if got := h.Advertisement().Port; got != h.Addr().(*net.TCPAddr).Port {
			t.Errorf("port %d is announced, %v in use", got, h.Addr())
		}
		return h.Addr().(*net.TCPAddr).Port
	}
	asked := fmt.Sprintf("%s:%d", nobodys, port)
	other := run(asked)
	if other == port {
		t.Fatal("the port was not busy")
	}
	taken.Close()
	if again := run(asked); again != other {
		t.Errorf("port %d, then %d", other, again)
	}
	free := run(nobodys + ":0")
	if again := run(nobodys + ":0"); again != free {
		t.Errorf("a free port %d, then %d", free, again)
	}
	if back := run(asked); back != port {
		t.Errorf("asked for %d anew, got %d", port, back)
	}
	for _, bad := range []string{"x", "127.0.0.1:x", "127.0.0.1:70000", "192.0.2.1:0"} {
		h := newHouse(t, nil, definitions(0), func(c *Config) { c.Addr = bad })
		if err := h.Start(context.Background()); err == nil {
			t.Errorf("%s: started", bad)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"no storage": {Name: "x", Model: "x"},
		"no name":    {Model: "x", Storage: haptest.NewMemory()},
		"long name":  {Name: strings.Repeat("x", 65), Model: "x", Storage: haptest.NewMemory()},
		"no model":   {Name: "x", Storage: haptest.NewMemory()},
		"odd timed":  {Name: "x", Model: "x", Storage: haptest.NewMemory(), TimedWrites: "maybe"},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	s, err := New(Config{Name: "x", Model: "x", Storage: haptest.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background()); err == nil {
		t.Error("started without accessories")
	}
}

// Every change is announced, the latest state last.
func TestAdvertise(t *testing.T) {
	h := open(t, 1, nil)
	flag := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
			h.mu.Lock()
			n := len(h.ads)
			last := ""
			if n > 0 {
				last = strings.Join(h.ads[n-1].TXT, " ")
			}
			h.mu.Unlock()
			if strings.Contains(last, want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s was not announced: %s", want, last)
			}
		}
	}
	flag("sf=1")
	flag("c#=1")
	c := h.admin()
	flag("sf=0")
	if err := h.SetAccessories(definitions(2)); err != nil {
		t.Fatal(err)
	}
	flag("c#=2")
	if err := c.RemovePairing(c.Controller.ID); err != nil {
		t.Fatal(err)
	}
	flag("sf=1")
	want := fmt.Sprintf("c#=2 ff=0 id=%s md=Test pv=1.1 s#=1 sf=1 ci=2 sh=%s", h.DeviceID(), setupHash(h.SetupID(), h.DeviceID()))
	if got := strings.Join(h.Advertisement().TXT, " "); got != want {
		t.Errorf("announced %s, want %s", got, want)
	}
}
