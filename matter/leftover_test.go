package matter

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// halfway commissions a node in a fabric as far as CASE, and what a commissioner may do before the last step: it reads,
// subscribes, and says where the node is.
func halfway(ctx context.Context, t *testing.T, n *mattertest.Network, h *house) *session.Session {
	t.Helper()
	h.await(t, "commissionable", count("_matterc._udp", 1))
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	pase, err := c.Join(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	_, err = c.Invoke(ctx, pase, mattertest.Command{Cluster: 0x30, ID: 2, Fill: func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), 1)
		w.Text(tlv.Context(1), "FR")
		w.Uint(tlv.Context(2), 3)
	}})
	must(t, err)
	s, err := c.CASE(ctx, h.conn.LocalAddr(), 5)
	must(t, err)
	_, err = c.Subscribe(ctx, s, 0, 60)
	must(t, err)
	return s
}

// leftovers are the keys that a store has and another has not, or not so.
func leftovers(has, had *memory.Store) []string {
	before := had.All()
	var out []string
	for key, v := range has.All() {
		if string(before[key]) != string(v) && key != rebootsKey && !strings.HasPrefix(key, "events/") {
			out = append(out, key)
		}
	}
	return out
}

// TestAPowerCutBeforeTheLastStep takes the power when all is done but CommissioningComplete.
func TestAPowerCutBeforeTheLastStep(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	before := h.store.Clone()
	halfway(ctx, t, n, h)
	after := h.store.Clone()
	h.Stop()
	h = start(t, n, after, nil)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	if keys := leftovers(after, before); len(keys) != 0 {
		t.Errorf("left behind: %q", keys)
	}
	if load := h.engine.Load(1); load.Subscriptions != 0 {
		t.Errorf("%d subscriptions of a fabric that is not", load.Subscriptions)
	}
}

// TestARemovedFabricAndAPowerCut takes the power right after a fabric was removed, before what belonged to it is cleaned up.
func TestARemovedFabricAndAPowerCut(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	before := h.store.Clone()
	h.await(t, "commissionable", count("_matterc._udp", 1))
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	s, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	_, err = c.Subscribe(ctx, s, 0, 60)
	must(t, err)
	cut := h.store.Clone()
	must(t, cut.Apply(map[string][]byte{"fabrics/001": nil})) // the one step in which a fabric goes
	h.Stop()
	h = start(t, n, cut, nil)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	for _, key := range leftovers(cut, before) {
		if key != "fabric-next" { // the next one gets another number
			t.Errorf("left behind: %s", key)
		}
	}
}
