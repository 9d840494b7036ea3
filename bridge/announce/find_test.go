package announce

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/mdns"
	"github.com/loquet/loquet/mdns/mdnstest"
)

// A controller is found where it says it is, also after it has moved, and whoever is not there is not found.
func TestFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const kind = "_matter._tcp"
		if _, err := New().Find(t.Context(), "A-1", kind); !errors.Is(err, ErrNotFound) {
			t.Errorf("without a network: %v", err)
		}
		network := mdnstest.NewNetwork()
		house, _, _ := machine(t, network, "house", "10.0.0.1/24")
		hub, _, hubHost := machine(t, network, "hub", "10.0.0.2/24")
		hub.Offer([]mdns.Service{{Instance: "0FD1C108B20DC4DA-0000000000000007", Type: kind, Port: 5541, Fixed: true}})
		pass(10 * time.Second)
		find := func(instance string) string {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			at, err := house.Find(ctx, instance, kind)
			if err != nil {
				return err.Error()
			}
			return at.String()
		}
		if got := find("0fd1c108b20dc4da-0000000000000007"); got != "10.0.0.2:5541" {
			t.Error(got)
		}
		if got := find("0FD1C108B20DC4DA-0000000000000008"); got != ErrNotFound.Error() {
			t.Error(got)
		}
		hubHost.SetAddrs("eth0", "10.0.0.7/24")
		pass(10 * time.Second)
		if got := find("0FD1C108B20DC4DA-0000000000000007"); got != "10.0.0.7:5541" {
			t.Errorf("after it has moved: %s", got)
		}
		end(t, house)
		end(t, hub)
	})
}

// Who wants to know hears of interfaces and addresses that come, change and go.
func TestNetworkChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mdnstest.NewNetwork()
		host := network.Host("house")
		host.Plug("eth0", "home", "10.0.0.1/24")
		var heard atomic.Int64
		a := New()
		a.Start(Options{Hostname: "loquet-1", Board: health.NewBoard(), Log: zerolog.Nop(), Transport: host, Changed: func() { heard.Add(1) }})
		pass(10 * time.Second)
		for name, change := range map[string]func(){
			"another address": func() { host.SetAddrs("eth0", "10.0.0.9/24") },
			"nothing":         func() {},
		} {
			before := heard.Load()
			change()
			pass(10 * time.Second)
			if got := heard.Load() > before; got != (name != "nothing") {
				t.Errorf("%s: heard %t", name, got)
			}
		}
		before := heard.Load()
		host.SetUp("eth0", false)
		pass(10 * time.Second)
		if heard.Load() == before {
			t.Error("an interface that went is not heard of")
		}
		end(t, a)
	})
}
