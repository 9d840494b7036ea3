package homekit

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/loquet/loquet/e2e"
)

// foundAgain is how long a bridge may be gone after its network came back.
const foundAgain = 5 * time.Second

func TestAvahiSeesTheBridge(t *testing.T) {
	t.Parallel()
	h := unpairedHouse(t, setup{})
	bridge := h.Bridge(t)
	browser := startAvahi(t, h.elsewhere)
	seen := browser.await(t, "the bridge", func(s sighting) bool {
		return s.txt["id"] == bridge.DeviceID && s.address == h.home.Addr.String()
	})
	if seen.name != bridge.Name || seen.port != strconv.Itoa(h.where.Port) {
		t.Errorf("avahi sees %q on port %s, want %q on %d", seen.name, seen.port, bridge.Name, h.where.Port)
	}
	for key, want := range map[string]string{"pv": "1.1", "s#": "1", "sf": "1", "ci": "2", "c#": "1"} {
		if seen.txt[key] != want {
			t.Errorf("TXT %s=%q, want %q", key, seen.txt[key], want)
		}
	}
	if address := browser.resolve6(t, seen.host); !strings.HasPrefix(address, "fe80:") {
		t.Errorf("the IPv6 address of %s is %q", seen.host, address)
	}

	h.pair(t)
	browser.await(t, "sf=0 after pairing", func(s sighting) bool {
		return s.txt["id"] == bridge.DeviceID && s.txt["sf"] == "0"
	})
	h.Stop(t)
	e2e.Until(t, 5*time.Second, func() string {
		if list := browser.browse(t); len(list) > 0 {
			return fmt.Sprintf("a goodbye from a bridge that was stopped; avahi sees %+v", list)
		}
		return ""
	})
}

func TestTwoBridgesOnOneHost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
	first := h.Bridge(t)
	// The console's default port is a promise to one user; HomeKit's moves by itself.
	second := lab.Start(t, e2e.Options{Host: h.home, Args: []string{"--console", "127.0.0.1:0"}})
	other := second.Bridge(t)
	if other.DeviceID == first.DeviceID {
		t.Fatal("two bridges have one device id")
	}
	if _, port, _ := net.SplitHostPort(other.Addr); port == strconv.Itoa(h.where.Port) {
		t.Errorf("both bridges say that they are at %s", other.Addr)
	}

	found := NewPhone(t, h.elsewhere).Discover(t, Search{Count: 2, Limit: 10 * time.Second})
	byID := map[string]Service{}
	for _, s := range found {
		byID[s.DeviceID] = s
	}
	a, b := byID[first.DeviceID], byID[other.DeviceID]
	if a.Name == "" || b.Name == "" {
		t.Fatalf("not both bridges were found: %+v", found)
	}
	if a.Name == b.Name || a.Port == b.Port {
		t.Errorf("the bridges share a name or a port: %+v, %+v", a, b)
	}
	if a.Name != first.Name {
		t.Errorf("the first bridge lost its name %q and is %q now", first.Name, a.Name)
	}

	phone := NewPhone(t, h.elsewhere)
	owner, err := phone.Pair("owner", b.Where(), other.SetupCode)
	if err != nil {
		t.Fatalf("pairing the second bridge: %v", err)
	}
	if n := len(owner.Accessories(t)); n != other.Accessories {
		t.Errorf("the second bridge has %d accessories, its ready file says %d", n, other.Accessories)
	}
	if n := len(h.owner.Accessories(t)); n != first.Accessories {
		t.Errorf("the first bridge has %d accessories, its ready file says %d", n, first.Accessories)
	}
}

func TestFoundAgainAfterTheNetworkWasGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
	h.cutAndRejoin(t, time.Second)
}

func TestFoundAgainInAFlood(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
	before := h.home.Received(t)
	flood(t, h.elsewhere)
	h.cutAndRejoin(t, time.Second)
	garage := h.door(t, "garage")
	if w := h.owner.MustWrite(t, garage.target, DoorOpen); w.Took() > promptly {
		t.Errorf("in a flood of mDNS, opening was answered after %v", w.Took())
	}
	h.wantPulses(t, "garage", 1)
	if n := h.home.Received(t) - before; n < 2000 {
		t.Errorf("only %d packets came in: that was no flood", n)
	} else {
		t.Logf("%d packets came in", n)
	}
}

// cutAndRejoin takes the bridge's network away and gives it back, twice: a phone that comes new must
// find it each time, and the paired one must get through again.
func (h *house) cutAndRejoin(t *testing.T, gone time.Duration) {
	t.Helper()
	for range 2 {
		h.home.Down(t)
		e2e.Apart(t, gone)
		phone := NewPhone(t, h.elsewhere)
		h.home.Up(t)
		back := time.Now()
		found := phone.Discover(t, Search{ID: h.where.ID, Limit: foundAgain})
		if len(found) == 0 {
			t.Fatalf("the bridge was not found within %v", foundAgain)
		}
		t.Logf("found again after %v", time.Since(back).Round(time.Millisecond))
		h.owner.Reconnect(t, nil)
		if _, err := h.owner.Read(ID{AID: 1, IID: 1}); err != nil {
			t.Fatalf("the paired phone: %v", err)
		}
	}
}

// flood sends mDNS as a hostile or broken device would, a few thousand messages a second in all,
// until the test ends: rubbish, questions without end, names that point at themselves, and answers
// that claim the service for somebody else.
func flood(t *testing.T, from *e2e.Host) {
	t.Helper()
	messages := hostileMessages(t)
	group := &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for range 2 {
		var conn *net.UDPConn
		from.Do(t, func() (err error) {
			conn, err = net.DialUDP("udp4", nil, group)
			return err
		})
		// The flood is meant for the bridge: the phone on this host would only choke on its own.
		if err := ipv4.NewPacketConn(conn).SetMulticastLoopback(false); err != nil {
			t.Fatal(err)
		}
		senders.Go(func() {
			defer conn.Close()
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ; {
				for range 8 {
					_, _ = conn.Write(messages[i%len(messages)])
					i++
				}
				select {
				case <-tick.C:
				case <-stop:
					return
				}
			}
		})
	}
	t.Cleanup(func() {
		close(stop)
		senders.Wait()
	})
}

func hostileMessages(t *testing.T) [][]byte {
	t.Helper()
	noise := make([]byte, 1400)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	header := func(flags, questions, answers uint16) []byte {
		b := make([]byte, 12)
		binary.BigEndian.PutUint16(b[2:], flags)
		binary.BigEndian.PutUint16(b[4:], questions)
		binary.BigEndian.PutUint16(b[6:], answers)
		return b
	}
	hap := []byte("\x04_hap\x04_tcp\x05local\x00")
	ask := append(append([]byte{}, hap...), 0, 12, 0, 1) // PTR, IN
	var many []byte
	for range 50 {
		many = append(many, ask...)
	}
	// PTR, IN, 75 minutes, to a name that is not there.
	claim := append(append([]byte{}, hap...), 0, 12, 0, 1, 0, 0, 0x11, 0x94, 0, 8, 5)
	claim = append(claim, "Rogue\xc0\x0c"...)
	return [][]byte{
		noise,
		noise[:9],
		append(header(0, 1, 0), ask...),
		append(header(0, 50, 0), many...),
		append(header(0, 65535, 65535), ask...), // says more than it has
		append(header(0, 1, 0), 0xc0, 12, 0, 12, 0, 1),                     // a name that points at itself
		append(header(0x8400, 0, 1), claim...),                             // an answer of somebody else
		append(header(0x8400, 0, 1), append([]byte{63}, noise[:30]...)...), // a label that is cut off
	}
}
