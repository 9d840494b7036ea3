package matter

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/conformance"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

func TestCommissioningEndToEnd(t *testing.T) {
	for name, weather := range map[string]mattertest.Weather{"fine": {}, "one in ten lost": {Loss: 0.1, Twice: 0.1, Delay: 5 * time.Millisecond}} {
		for _, intermediate := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				n := mattertest.NewNetwork(weather, 7)
				h := start(t, n, memory.New(), nil)
				gate := h.bridge(t, "gate")
				list := h.await(t, "commissionable", count("_matterc._udp", 1))
				if !slices.Contains(list[0].Subtypes, "_CM") || len(list[0].Instance) != 16 {
					t.Errorf("%+v", list[0])
				}
				c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, intermediate), 112233)
				s, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
				must(t, err)
				h.await(t, "no longer commissionable", count("_matterc._udp", 0))
				if list := h.await(t, "operational", count("_matter._tcp", 1)); !strings.HasSuffix(list[0].Instance, "-0000000000000005") {
					t.Errorf("%+v", list)
				}
				primed, err := c.Subscribe(ctx, s, 0, 60)
				must(t, err)
				if parts := primed.Items[model.Change{Endpoint: 1, Cluster: 0x1D, Attribute: 3}]; len(parts) != 1 || len(primed.Values) < 100 || len(primed.Statuses) != 0 {
					t.Errorf("primed with %d values, %d statuses, %d parts", len(primed.Values), len(primed.Statuses), len(parts))
				}
				gate.set(true)
				for {
					r := <-c.Reports
					if v, ok := r.Values[model.Change{Endpoint: 2, Cluster: 0x45}]; ok {
						if closed, _ := v.Bool(); !closed {
							t.Error("reported open")
						}
						break
					}
				}
			})
		}
	}
}

func TestTheWholeNodeConforms(t *testing.T) {
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	h.bridge(t, "gate")
	h.bridge(t, "garage")
	found, err := conformance.Check(h.Node(), conformance.Options{Conditions: []string{"Ethernet"}})
	must(t, err)
	for _, f := range found {
		t.Error(f)
	}
}

func TestAFabricLeavesAndTheNodeIsOpenAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	s, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	h.await(t, "a member", count("_matter._tcp", 1)) // before that, what is announced looks as it will again at the end
	f, err := c.Invoke(ctx, s, mattertest.Command{Cluster: 0x3E, ID: 10, Fill: func(w *tlv.Writer) { w.Uint(tlv.Context(0), 1) }})
	must(t, err)
	if status := f.Uint8(0); status != 0 {
		t.Errorf("remove: %d", status)
	}
	<-s.Done()
	h.await(t, "commissionable again", func(l []Advertisement) bool { return count("_matterc._udp", 1)(l) && count("_matter._tcp", 0)(l) })
	if _, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 6); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestAnotherAdministratorIsInvited(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	first := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	s, err := first.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	h.await(t, "closed", count("_matterc._udp", 0))
	salt := crypto.Random(32)
	v, err := crypto.NewVerifier(34567890, salt, 1000)
	must(t, err)
	open := mattertest.Command{Cluster: 0x3C, ID: 0, Timed: true, Fill: func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), 300)
		w.Octets(tlv.Context(1), v.Bytes())
		w.Uint(tlv.Context(2), 0xABC)
		w.Uint(tlv.Context(3), 1000)
		w.Octets(tlv.Context(4), salt)
	}}
	untimed := open
	untimed.Timed = false
	if _, err := first.Invoke(ctx, s, untimed); !errors.Is(err, model.NeedsTimedInteraction) {
		t.Errorf("untimed: %v", err)
	}
	_, err = first.Invoke(ctx, s, open)
	must(t, err)
	list := h.await(t, "commissionable", count("_matterc._udp", 1))
	if !slices.ContainsFunc(list, func(a Advertisement) bool {
		return slices.Contains(a.TXT, "CM=2") && slices.Contains(a.Subtypes, "_L2748")
	}) {
		t.Errorf("%+v", list)
	}
	second := mattertest.NewController(t, n, "speaker", mattertest.NewAuthority(t, 0xFAB2, true), 2)
	if _, err := second.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 9); err == nil {
		t.Error("the node's own passcode opens another's window")
	}
	s2, err := second.Commission(ctx, t, h.conn.LocalAddr(), 34567890, 9)
	must(t, err)
	r, err := second.Read(ctx, s2, model.Change{Cluster: 0x3E, Attribute: 3}, model.Change{Cluster: 0x3E, Attribute: 1})
	must(t, err)
	if n, _ := r.Values[model.Change{Cluster: 0x3E, Attribute: 3}].Uint(); n != 2 || len(r.Items[model.Change{Cluster: 0x3E, Attribute: 1}]) != 1 {
		t.Errorf("%d fabrics, %d of them shown", n, len(r.Items[model.Change{Cluster: 0x3E, Attribute: 1}]))
	}
	h.await(t, "two operational", func(l []Advertisement) bool { return count("_matterc._udp", 0)(l) && count("_matter._tcp", 2)(l) })
}

// TestARestartForgetsWhatWasNotComplete stops the node in the middle of commissioning, and after it.
func TestARestartForgetsWhatWasNotComplete(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	store := memory.New()
	h := start(t, n, store, nil)
	setup := h.Setup()
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	_, err := c.Join(ctx, t, h.conn.LocalAddr(), setup.Passcode, 5)
	must(t, err)
	if len(h.Fabrics()) != 1 {
		t.Error("the fabric is not there before it is complete")
	}
	cut := store.Clone()
	h.Stop()
	h = start(t, n, cut, nil)
	if h.Setup() != setup {
		t.Error("another passcode after a restart")
	}
	if len(h.Fabrics()) != 0 {
		t.Error("a fabric is left of what was not complete")
	}
	h.await(t, "commissionable", count("_matterc._udp", 1))
	_, err = c.Commission(ctx, t, h.conn.LocalAddr(), setup.Passcode, 6)
	must(t, err)
	h.Stop()
	h = start(t, n, cut, nil)
	h.await(t, "operational", func(l []Advertisement) bool { return count("_matterc._udp", 0)(l) && count("_matter._tcp", 1)(l) })
	s, err := c.CASE(ctx, h.conn.LocalAddr(), 6)
	must(t, err)
	if _, err := c.Read(ctx, s); err != nil {
		t.Error(err)
	}
}

// TestSubscriptionsOutliveARestart restarts the node: it finds the controller again by itself.
func TestSubscriptionsOutliveARestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	store := memory.New()
	h := start(t, n, store, nil)
	gate := h.bridge(t, "gate")
	h.await(t, "commissionable", count("_matterc._udp", 1))
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	s, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	primed, err := c.Subscribe(ctx, s, 0, 60)
	must(t, err)
	moved := func() {
		gate.set(true)
		for r := range c.Reports {
			if _, ok := r.Values[model.Change{Endpoint: 2, Cluster: 0x45}]; ok {
				return
			}
		}
	}
	moved()
	h.Stop()
	h = start(t, n, store, nil)
	gate = h.bridge(t, "gate")
	again := <-c.Reports
	for again.Subscription != primed.Subscription || len(again.Values) < 50 {
		again = <-c.Reports
	}
	moved()
}

func TestTheFailsafeRunsOut(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	pase, err := c.Join(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	s, err := c.CASE(ctx, h.conn.LocalAddr(), 5)
	must(t, err)
	_, err = c.Invoke(ctx, pase, mattertest.Command{Cluster: 0x30, ID: 0, Fill: func(w *tlv.Writer) { w.Uint(tlv.Context(0), 0); w.Uint(tlv.Context(1), 0) }})
	must(t, err)
	<-pase.Done()
	<-s.Done()
	if len(h.Fabrics()) != 0 {
		t.Error("the fabric is still there")
	}
	h.await(t, "no longer operational", count("_matter._tcp", 0))
	if _, err := c.CASE(ctx, h.conn.LocalAddr(), 5); err == nil {
		t.Error("CASE on a fabric that is not")
	}
	if _, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestGuessingClosesTheWindow(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	c := mattertest.NewController(t, n, "thief", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	wrong := h.Setup().Passcode ^ 1
	for range 20 {
		if _, err := c.PASE(ctx, h.conn.LocalAddr(), wrong); err == nil {
			t.Fatal("a wrong passcode")
		}
	}
	h.await(t, "closed", count("_matterc._udp", 0))
	if _, err := c.PASE(ctx, h.conn.LocalAddr(), h.Setup().Passcode); err == nil {
		t.Error("the right passcode, after twenty wrong ones")
	}
	must(t, h.OpenWindow(commissioning.LeastTime))
	if _, err := c.PASE(ctx, h.conn.LocalAddr(), h.Setup().Passcode); err != nil {
		t.Errorf("after the owner opened it: %v", err)
	}
}

func TestEndpointNumbersAreForEver(t *testing.T) {
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	store := memory.New()
	h := start(t, n, store, nil)
	number := func(h *house, name string) uint16 {
		e, err := h.EndpointFor(name)
		must(t, err)
		return e
	}
	gate, garage := number(h, "gate"), number(h, "garage")
	if gate == garage || gate < 2 || number(h, "gate") != gate {
		t.Errorf("gate %d, garage %d", gate, garage)
	}
	h.Stop()
	h = start(t, n, store, nil)
	if number(h, "studio") <= garage || number(h, "garage") != garage {
		t.Error("numbers changed with a restart")
	}
}

// TestAPortThatIsTaken starts a server where another program listens: it takes another port and says so.
func TestAPortThatIsTaken(t *testing.T) {
	other, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer other.Close()
	var said []error
	s, err := New(Config{Product: product(), Storage: memory.New(), Addr: other.LocalAddr().String(), Failed: func(err error) { said = append(said, err) }})
	must(t, err)
	must(t, s.Start(t.Context()))
	defer s.Stop()
	if s.Addr().String() == other.LocalAddr().String() || s.port() == 0 || len(said) != 1 || !errors.Is(said[0], syscall.EADDRINUSE) {
		t.Errorf("at %s, said %v", s.Addr(), said)
	}
}

func TestTheVersionOfTheStructure(t *testing.T) {
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	store := memory.New()
	version := func(h *house) uint64 {
		root, _ := h.Node().Endpoint(0)
		basic, _ := root.Cluster(cluster.BasicInformationID)
		w := tlv.NewWriter(nil)
		must(t, model.Read(basic, &model.Caller{}, 24, w, tlv.Anonymous()))
		b, err := w.Finish()
		must(t, err)
		e, err := tlv.Decode(b)
		must(t, err)
		v, _ := e.Uint()
		return v
	}
	var seen []uint64
	for _, devices := range [][]string{{"gate"}, {"gate"}, {"gate", "garage"}, {"gate"}} {
		h := build(t, n, store, nil)
		for _, name := range devices {
			h.bridge(t, name)
		}
		must(t, h.Start(t.Context()))
		seen = append(seen, version(h))
		h.Stop()
	}
	if want := []uint64{1, 1, 2, 3}; !slices.Equal(seen, want) {
		t.Errorf("versions %v, want %v", seen, want)
	}
}

func TestConfigIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no vendor name":   func(c *Config) { c.Product.VendorName = "" },
		"no serial number": func(c *Config) { c.Product.SerialNumber = "" },
		"a long unique id": func(c *Config) { c.Product.UniqueID = strings.Repeat("x", 33) },
		"a long label":     func(c *Config) { c.Product.Label = strings.Repeat("x", 33) },
		"no attestation":   func(c *Config) { c.Product.VendorID = 0x1234 },
		"no storage":       func(c *Config) { c.Storage = nil },
	} {
		c := Config{Product: product(), Storage: memory.New()}
		change(&c)
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, key := range []string{setupKey, attestationKey, "fabrics/001", "events/next"} {
		store := memory.New()
		store.Put(key, []byte{1})
		if _, err := New(Config{Product: product(), Storage: store}); err == nil {
			t.Errorf("a damaged %s is taken for a new node", key)
		}
	}
}
