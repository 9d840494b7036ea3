package homekit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit/haptest"
)

// breakListener shuts the socket of this process that listens on an address down, as a broken network would.
func breakListener(t *testing.T, addr string) {
	t.Helper()
	for fd := 3; fd < 1024; fd++ {
		on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if err != nil || on == 0 {
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

func TestAServerThatEndsIsOpenedAgain(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	h.awaitValue(c, h.id("gate", "door/current"), "1")
	before := h.bridge(mainBridge)
	breakListener(t, before.Addr)
	h.Await("trouble and its end", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.troubles) > 1 && strings.HasPrefix(h.troubles[len(h.troubles)-2], "main: homekit: accept") && h.troubles[len(h.troubles)-1] == "main: <nil>"
	})
	after := h.bridge(mainBridge)
	if after.DeviceID != before.DeviceID || after.Addr != before.Addr || !after.Paired {
		t.Errorf("%+v was %+v", after, before)
	}
	again := h.admin(mainBridge)
	h.awaitValue(again, h.id("gate", "door/current"), "1")
	if got := h.write(again, h.id("gate", "door/target"), 0); got != 0 {
		t.Errorf("open: %d", got)
	}
	h.awaitValue(again, h.id("gate", "door/current"), "0")
}

func TestStopIsForGood(t *testing.T) {
	h := newHome(t, nil)
	h.door("gate", nil)
	h.open()
	addr := h.bridge(mainBridge).Addr
	h.Await("announced", func() bool { return h.configNumber(mainBridge) != "" })
	h.stop()
	h.stop()
	if err := h.SetItems(context.Background(), h.items); !errors.Is(err, errStopped) {
		t.Errorf("%v", err)
	}
	if err := h.Start(context.Background()); !errors.Is(err, errStopped) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if c, err := haptest.Dial(ctx, addr); err == nil {
		c.Close()
		t.Error("it still listens")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ads) != 0 || !slices.Contains(h.goodbyes, mainBridge) {
		t.Errorf("announced %v, goodbyes %v", h.ads, h.goodbyes)
	}
}

// A server that cannot open at run time changes nothing.
func TestAServerThatCannotOpenChangesNothing(t *testing.T) {
	h := newHome(t, nil)
	h.door("gate", nil)
	h.open()
	c := h.admin(mainBridge)
	h.lock("front", func(i *Item) { i.LockFace.OwnTile = true })
	h.door("side", nil)
	addr := h.opts.Addr
	h.opts.Addr = "192.0.2.1:0" // not ours: nothing can listen there
	if err := h.SetItems(context.Background(), h.items); err == nil {
		t.Fatal("no error")
	}
	h.opts.Addr = addr
	if bs := h.Bridges(); len(bs) != 1 || bs[0].Accessories != 2 {
		t.Errorf("%+v", bs)
	}
	if aids := h.list(c).aids(); len(aids) != 2 {
		t.Errorf("%v", aids)
	}
	h.show()
	if bs := h.Bridges(); len(bs) != 2 || bs[0].Accessories != 3 {
		t.Errorf("%+v", bs)
	}
}
