package matter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
)

// A controller proves who it is while the devices are still coming, and what it asks is answered when they are there.
func TestWhatIsAskedBeforeTheDevicesAreThereWaits(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n, store := mattertest.NewNetwork(mattertest.Weather{}, 1), memory.New()
	h := start(t, n, store, nil)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 112233)
	_, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	if seen := h.Seen(1); seen.Sessions != 1 || seen.Last.IsZero() {
		t.Errorf("%+v", seen)
	}
	h.Stop()

	settled := make(chan struct{})
	h = start(t, n, store, func(c *Config) { c.Settled = settled })
	s, err := c.CASE(ctx, h.conn.LocalAddr(), 5)
	must(t, err)
	at := model.Change{Endpoint: 2, Cluster: 0x45}
	answer := make(chan mattertest.Report, 1)
	go func() {
		r, err := c.Read(ctx, s, at)
		if err != nil {
			t.Error(err)
		}
		answer <- r
	}()
	select {
	case r := <-answer:
		t.Fatalf("answered without devices: %+v", r)
	case <-time.After(300 * time.Millisecond):
	}
	h.await(t, "nothing announced", func(list []Advertisement) bool { return len(list) == 0 })
	h.bridge(t, "gate")
	close(settled)
	if r := <-answer; len(r.Values) != 1 {
		t.Errorf("%+v", r)
	}
	h.await(t, "operational", count("_matter._tcp", 1))
}

// What the owner opens he can close, and he sees how long it lasts.
func TestTheOwnerClosesTheWindow(t *testing.T) {
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	if o := h.Opening(); !o.Open || !o.Own || !o.Until.IsZero() {
		t.Errorf("in no fabric: %+v", o)
	}
	if err := h.CloseWindow(); !errors.Is(err, commissioning.ErrNotOpen) {
		t.Errorf("%v", err)
	}
	must(t, h.OpenWindow(5*time.Minute))
	if o := h.Opening(); !o.Open || !o.Own || time.Until(o.Until) < 4*time.Minute {
		t.Errorf("opened: %+v", o)
	}
	must(t, h.CloseWindow())
	h.await(t, "open because it is in no fabric", func([]Advertisement) bool { o := h.Opening(); return o.Open && o.Until.IsZero() })
}

func TestWhatMayBeLost(t *testing.T) {
	for key, want := range map[string]bool{"reboots": true, "structure": true, "subscriptions/1/2": true, "resumption/ab": true, "resumption/": true,
		"setup": false, "attestation": false, "fabrics/001": false, "endpoints/garage": false, "events/next": false, "": false} {
		if Expendable(key) != want {
			t.Errorf("%q: %v", key, !want)
		}
	}
}
