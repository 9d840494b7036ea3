package matter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

var errDisk = errors.New("the disk takes nothing")

// TestADiskThatTakesNothing starts a node that has a fabric on such a disk: its controllers go on, nothing can be changed,
// and a new node does not come up at all, because nobody could ever find it again.
func TestADiskThatTakesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	_, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	h.Stop()
	store := h.store
	full := func(map[string][]byte) error { return errDisk }
	store.Fault(full)
	h = start(t, n, store, nil)
	gate := newContact()
	_, err = h.Bridge(model.EndpointConfig{ID: 2, DeviceTypes: []model.DeviceType{{ID: 0x15, Revision: 2}}, Clusters: []model.Cluster{gate}})
	must(t, err)
	s, err := c.CASE(ctx, h.conn.LocalAddr(), 5)
	must(t, err)
	_, err = c.Subscribe(ctx, s, 0, 60)
	must(t, err)
	gate.set(true)
	for r := range c.Reports {
		if _, ok := r.Values[model.Change{Endpoint: 2, Cluster: 0x45}]; ok {
			break
		}
	}
	label := func(w *tlv.Writer, tag tlv.Tag) { w.Text(tag, "Gatehouse") }
	if err := c.Write(ctx, s, model.Change{Cluster: 0x28, Attribute: 5}, label, false); err == nil {
		t.Error("a label was taken that is not stored")
	}
	if _, err := h.EndpointFor("new"); !errors.Is(err, errDisk) {
		t.Errorf("a number that is not stored: %v", err)
	}
	fresh := memory.New()
	fresh.Fault(full)
	if _, err := New(Config{Product: product(), Storage: fresh}); !errors.Is(err, errDisk) {
		t.Errorf("a new node: %v", err)
	}
}
