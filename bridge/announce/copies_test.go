package announce

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/bridge/place"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/mdns/mdnstest"
)

const ours = "8F:0E:6D:1C:00:01"

// machine is a host on the network with a bridge of its own.
func machine(t *testing.T, n *mdnstest.Network, name, addr string) (*Announcer, *health.Board, *mdnstest.Host) {
	t.Helper()
	host := n.Host(name)
	host.Plug("eth0", "home", addr)
	board := health.NewBoard()
	a := New()
	// Copies of one state have one host name too.
	a.Start(Options{Hostname: "loquet-1", Board: board, Log: zerolog.Nop(), Transport: host})
	return a, board, host
}

func end(t *testing.T, a *Announcer) {
	t.Helper()
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Two machines with one identity see each other, and each other's end.
func TestCopiesAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mdnstest.NewNetwork()
		old, oldBoard, _ := machine(t, network, "old", "10.0.0.1/24")
		old.Set("main", ad("Villa", 51826, "id="+ours, "sf=0"))
		stranger, strangerBoard, _ := machine(t, network, "stranger", "10.0.0.3/24")
		stranger.Set("main", ad("Chalet", 51826, "id=11:11:11:11:11:11"))
		pass(time.Minute)
		if got := codes(oldBoard); got != "" {
			t.Errorf("alone: %s", got)
		}
		fresh, freshBoard, _ := machine(t, network, "new", "10.0.0.2/24")
		fresh.Set("own/front", ad("Front", 4000, "id=22:22:22:22:22:22"))
		fresh.Set("main", ad("Villa", 51826, "id="+strings.ToLower(ours), "sf=0"))
		pass(time.Minute)
		for name, board := range map[string]*health.Board{"old": oldBoard, "new": freshBoard} {
			if got := codes(board); !strings.Contains(got, "clone-seen") {
				t.Errorf("%s: %q", name, got)
			}
		}
		if got := codes(strangerBoard); strings.Contains(got, "clone-seen") {
			t.Errorf("a house of its own: %s", got)
		}
		_, found := fresh.Facts(t.Context())
		if len(found) != 1 || found[0].Bridge != ours || found[0].Addrs[0].String() != "10.0.0.1" || found[0].Interface != "eth0" {
			t.Errorf("found %+v", found)
		}
		end(t, old)
		pass(time.Minute)
		if got := codes(freshBoard); strings.Contains(got, "clone-seen") {
			t.Errorf("after the other ended: %s", got)
		}
		end(t, fresh)
		end(t, stranger)
		if facts, found := fresh.Facts(t.Context()); len(facts.Interfaces) > 0 || found != nil {
			t.Errorf("after the end: %+v", facts)
		}
	})
}

// What a bridge said before it changed is still in the air for a second: that is no other bridge.
func TestOwnPastIsNoCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mdnstest.NewNetwork()
		host := network.Host("house")
		host.Plug("eth0", "home", "10.0.0.1/24")
		host.Plug("wlan0", "home", "10.0.0.2/24") // hears itself on the other interface too
		board := health.NewBoard()
		a := New()
		a.Start(Options{Hostname: "loquet-1", Board: board, Log: zerolog.Nop(), Transport: host})
		for n, name := range []string{"Villa", "Villa Rose", "Villa", "Chalet"} {
			a.Set("main", ad(name, 51826+n, "id="+ours))
			for range 40 {
				pass(time.Second)
				if got := codes(board); strings.Contains(got, "clone-seen") {
					t.Fatalf("%s: %s", name, got)
				}
			}
		}
		end(t, a)
	})
}

// notes is where the place of the state is kept.
type notes struct{ records map[string][]byte }

func (n *notes) Get(key string) ([]byte, bool, error) {
	v, ok := n.records[key]
	return v, ok, nil
}

func (n *notes) Apply(changes map[string][]byte) error {
	for k, v := range changes {
		n.records[k] = v
	}
	return nil
}

func restored(t *testing.T) *notes {
	t.Helper()
	n := &notes{records: map[string][]byte{}}
	if err := place.Unsettle(n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestGuard(t *testing.T) {
	folder := t.TempDir()
	settledHere := func(t *testing.T) *notes {
		n := &notes{records: map[string][]byte{}}
		if err := place.Here(folder).Settle(n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, tt := range map[string]struct {
		notes   func(*testing.T) *notes
		other   string // the id that another machine announces
		network bool
		refused bool
		settles bool
		waits   bool
	}{
		"a new house":                         {func(*testing.T) *notes { return &notes{records: map[string][]byte{}} }, ours, true, false, true, false},
		"as it was, nobody is asked":          {settledHere, ours, true, false, true, false},
		"restored, the old one runs":          {restored, ours, true, true, false, true},
		"restored, only others run":           {restored, "11:11:11:11:11:11", true, false, true, true},
		"restored, alone":                     {restored, "", true, false, true, true},
		"restored, no network to be asked on": {restored, ours, false, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := mdnstest.NewNetwork()
				if tt.other != "" {
					old, _, _ := machine(t, network, "old", "10.0.0.1/24")
					old.Set("main", ad("Villa", 51826, "id="+tt.other))
					defer end(t, old)
					pass(time.Minute)
				}
				host := network.Host("new")
				host.Plug("eth0", "home", "10.0.0.2/24")
				host.SetUp("eth0", tt.network)
				n := tt.notes(t)
				began := time.Now()
				g := NewGuard(t.Context(), Options{Log: zerolog.Nop(), Transport: host}, folder, n)
				err := g.Check(t.Context(), []string{"22:22:22:22:22:22", ours})
				var inUse *InUseError
				if errors.As(err, &inUse) != tt.refused || err != nil && inUse == nil {
					t.Fatalf("%v", err)
				}
				if tt.refused && (!strings.Contains(err.Error(), "10.0.0.1") || !strings.Contains(inUse.Hint(), "switch the other one off")) {
					t.Errorf("it says %v: %s", err, inUse.Hint())
				}
				if took := time.Since(began); took > 2*time.Second || !tt.waits && took > 10*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				if moved, _ := place.Here(folder).Moved(n); moved == tt.settles {
					t.Errorf("moved afterwards: %t", moved)
				}
			})
		})
	}
}

func TestGuardEndsWithItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := mdnstest.NewNetwork().Host("new")
		host.Plug("eth0", "home", "10.0.0.2/24")
		ctx, cancel := context.WithCancel(t.Context())
		n, folder := restored(t), t.TempDir()
		g := NewGuard(ctx, Options{Log: zerolog.Nop(), Transport: host}, folder, n)
		time.Sleep(time.Second)
		cancel()
		<-g.done
		if err := g.Check(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if moved, _ := place.Here(folder).Moved(n); !moved {
			t.Error("nobody had the time to answer")
		}
	})
}
