package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

// shut breaks the socket that listens on a port of this machine, as a network that goes away would.
func shut(t *testing.T, addr string) {
	t.Helper()
	for fd := 3; fd < 1024; fd++ {
		if on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || on == 0 {
			continue
		}
		name, err := syscall.Getsockname(fd)
		if in4, ok := name.(*syscall.SockaddrInet4); err == nil && ok && strings.HasSuffix(addr, fmt.Sprintf(":%d", in4.Port)) {
			if err := syscall.Shutdown(fd, syscall.SHUT_RDWR); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("nobody listens on %s", addr)
}

// A device whose goroutine fails is built again; the others, and every session, live on.
func TestADeviceThatFailsIsBuiltAgain(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	c := r.open()
	failed := r.unit("gate")
	var once atomic.Bool
	r.onShown(func(id string) {
		if id == "gate" && once.CompareAndSwap(false, true) {
			panic("a fault in the program")
		}
	})
	if err := r.world.Event("gate", sim.Event{Name: sim.WallButton}); err != nil {
		t.Fatal(err)
	}
	r.await("another unit", func() bool { return r.unit("gate") != failed })
	r.await("open", func() bool { return r.position("gate") == "open" })
	if _, err := r.command("gate", device.ActionClose); err != nil {
		t.Errorf("%v", err)
	}
	r.await("closed", func() bool { return r.position("gate") == "closed" })
	if _, there := r.problem(health.DeviceUnavailable, "gate"); there {
		t.Error("the problem stays")
	}
	if names := r.names(c); len(names) != 4 {
		t.Errorf("%v", names)
	}
}

func TestTheAPIIsOpenedAgain(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	c := r.open()
	shut(t, r.Console())
	r.await("a problem", func() bool { _, there := r.problem(health.PartDown, "api"); return there })
	r.await("no problem", func() bool { _, there := r.problem(health.PartDown, "api"); return !there })
	f := r.ready()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.Console()+"/api/v1/devices", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.Console.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%s", resp.Status)
	}
	r.await("the new address in the ready file", func() bool { return r.ready().Console.URL == r.Console() })
	if names := r.names(c); len(names) != 4 { // nobody in Apple Home noticed
		t.Errorf("%v", names)
	}
}

func TestAHomeKitServerIsOpenedAgain(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	r.open()
	addr := r.faces.Bridges()[0].Addr
	shut(t, addr)
	r.await("a problem", func() bool { _, there := r.problem(health.PartDown, ""); return there })
	r.await("no problem", func() bool { _, there := r.problem(health.PartDown, ""); return !there })
	if got := r.faces.Bridges()[0].Addr; got != addr {
		t.Errorf("%s was %s", got, addr)
	}
	if names := r.names(r.open()); len(names) != 4 {
		t.Errorf("%v", names)
	}
}

// The doors of a mantrap share one token for as long as their members are the same, also when one of
// them is built again.
func TestAMantrapKeepsItsTokenOverAReload(t *testing.T) {
	mantrap := villa + "interlocks:\n  hall: {devices: [garage, gate]}\n"
	r := newResidence(t, mantrap)
	r.start()
	if _, err := r.command("gate", device.ActionOpen); err != nil {
		t.Fatal(err)
	}
	r.await("gate open", func() bool { return r.position("gate") == "open" })
	refused := func(what string) {
		t.Helper()
		_, err := r.command("garage", device.ActionOpen)
		var why *device.Refusal
		if !errors.As(err, &why) || why.Code != device.RefusedInterlock {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("while the gate is open")
	r.mustReload(strings.Replace(mantrap, "travel: 13s", "travel: 14s", 1)) // the garage is built again, the gate stays
	r.await("garage known", func() bool { return r.position("garage") == "closed" })
	refused("after a reload")
	if s, err := r.world.Status("garage"); err != nil || s.PulsesTotal != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestProblemsOfDevices(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	c := r.open()
	there := func(code health.Code, subject string) func() bool {
		return func() bool { _, ok := r.problem(code, subject); return ok }
	}
	gone := func(code health.Code, subject string) func() bool {
		return func() bool { _, ok := r.problem(code, subject); return !ok }
	}
	event := func(id, name string) {
		t.Helper()
		if err := r.world.Event(id, sim.Event{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := r.problem(health.DeclaredProtected, "gate"); !ok {
		t.Error("the declaration is not shown")
	}
	if _, ok := r.problem(health.DeclaredProtected, "garage"); ok {
		t.Error("a declaration that nobody made")
	}
	event("garage", sim.Obstruct)
	r.await("obstructed", there(health.Obstructed, "garage"))
	event("garage", sim.Clear)
	r.await("clear", gone(health.Obstructed, "garage"))

	lock := r.lockOf(t, c, "Gate")
	if err := c.Prepare(5000, 1); err != nil {
		t.Fatal(err)
	}
	if got, err := c.PutTimed(1, haptest.Put{AID: lock.AID, IID: lock.IID, Value: 1}); err != nil || got != nil {
		t.Fatalf("%v %+v", err, got)
	}
	r.await("locked out", there(health.LockedOut, "gate"))
	r.mustReload(strings.Replace(villa, "travel: 16s", "travel: 18s", 1)) // it outlives being built again
	r.await("locked out still", there(health.LockedOut, "gate"))
	if _, ok := r.problem(health.DeclaredProtected, "gate"); !ok {
		t.Error("the declaration is forgotten over a reload")
	}
	r.mustReload(strings.Replace(villa, "remote_close: owner-declares-protected\n", "\n", 1))
	r.await("no declaration", gone(health.DeclaredProtected, "gate"))
}

// lockOf is where the lock of a garage is, by the name of the door.
func (r *residence) lockOf(t *testing.T, c *haptest.Client, name string) haptest.ID {
	t.Helper()
	for aid, n := range r.names(c) {
		if n != name {
			continue
		}
		for iid := uint64(1); iid < 40; iid++ {
			items, err := c.Get(haptest.ID{AID: aid, IID: iid})
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.Do("GET", fmt.Sprintf("/characteristics?id=%d.%d&type=1", aid, iid), "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if items[0].Status == nil && strings.Contains(string(resp.Body), `"type":"1E"`) {
				return haptest.ID{AID: aid, IID: iid}
			}
		}
	}
	t.Fatalf("%s has no lock", name)
	return haptest.ID{}
}

func TestPortMovedAndWarningsAreTold(t *testing.T) {
	r := newResidence(t, villa)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r.opts.HomeKit = taken.Addr().String()
	r.opts.Warnings = []config.Finding{{Rule: "x", Path: "doors.gate", What: "it has no wheels"}, {Rule: "y"}}
	r.start()
	addr := r.faces.Bridges()[0].Addr
	if detail, there := r.problem(health.PortMoved, ""); !there || !strings.Contains(detail, addr) || addr == r.opts.HomeKit {
		t.Errorf("%q, it listens on %s", detail, addr)
	}
	if detail, there := r.problem(health.ConfigWarning, ""); !there || detail != "doors.gate: it has no wheels, and 1 more" {
		t.Errorf("%q", detail)
	}
	r.mustReload(villa)
	if detail, _ := r.problem(health.ConfigWarning, ""); strings.Contains(detail, "wheels") {
		t.Error("the warning of the old configuration stays")
	}
}

// notified is a socket in the place of systemd's.
func notified(t *testing.T, dir string) <-chan string {
	t.Helper()
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	said := make(chan string, 1000)
	go func() {
		b := make([]byte, 100)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			said <- string(b[:n])
		}
	}()
	return said
}

func TestSystemdIsTold(t *testing.T) {
	r := newResidence(t, villa)
	said := notified(t, r.dir)
	t.Setenv("WATCHDOG_USEC", "60000") // every 20 ms
	t.Setenv("WATCHDOG_PID", "")
	r.start()
	next := func() string {
		t.Helper()
		select {
		case s := <-said:
			return s
		case <-time.After(patience):
			t.Fatal("nothing is said")
			return ""
		}
	}
	if got := next(); got != daemon.SdNotifyReady {
		t.Errorf("first %q", got)
	}
	for range 3 {
		if got := next(); got != daemon.SdNotifyWatchdog {
			t.Errorf("then %q", got)
		}
	}

	// A device whose goroutine hangs: it is not fed any more.
	hang, hung := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	r.mustReload(strings.Replace(villa, "travel: 16s", "travel: 17s", 1))
	r.onShown(func(id string) {
		if id == "gate" && once.CompareAndSwap(false, true) {
			close(hung)
			<-hang
		}
	})
	if err := r.world.Event("gate", sim.Event{Name: sim.WallButton}); err != nil {
		t.Fatal(err)
	}
	<-hung
	part, ok := r.alive(t.Context())
	if ok || part != "gate" {
		t.Errorf("a door that hangs: %q, %v", part, ok)
	}
	for len(said) > 0 {
		<-said
	}
	select {
	case s := <-said:
		t.Errorf("%q while a door hangs", s)
	case <-time.After(300 * time.Millisecond): // 15 feedings
	}
	close(hang)
	if got := next(); got != daemon.SdNotifyWatchdog {
		t.Errorf("once it goes on %q", got)
	}
	r.stop()
	for got := next(); got != daemon.SdNotifyStopping; got = next() {
		if got != daemon.SdNotifyWatchdog {
			t.Fatalf("%q", got)
		}
	}
}

func TestRunEndsWithItsContextAndWithAFailureOfReady(t *testing.T) {
	r := newResidence(t, villa)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	up := make(chan struct{})
	app := r.make()
	go func() { ended <- app.Run(ctx, func() error { close(up); return nil }) }()
	<-up
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("%v", err)
	}
	broken := errors.New("nobody to welcome")
	if err := r.make().Run(t.Context(), func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
