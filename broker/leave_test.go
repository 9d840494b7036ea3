package broker

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Clients that come and go while an account is thrown out hold nobody up.
func TestClientsComeAndGoWhileOthersAreThrownOut(t *testing.T) {
	h := newHouse(t)
	one, password, err := h.server.options.Accounts.Make("device", Rights{Packet: 1024}, false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	visit := func(name string) error {
		c, err := net.Dial("tcp", h.addr)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Write(packet(0x10, text("MQTT"), []byte{4, 0xc2, 0, 15}, text(name), text(one.User), text(password))); err != nil {
			return err
		}
		_, err = io.ReadFull(c, make([]byte, 4))
		return err
	}
	var clients, owner sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		clients.Go(func() {
			for range 100 {
				if err := visit(name); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the broker stands still: %v", err)
					return
				}
			}
		})
	}
	stop := make(chan struct{})
	owner.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				h.server.Drop("nobody")
			}
		}
	})
	clients.Wait()
	close(stop)
	if !t.Failed() {
		owner.Wait()
	}
}
