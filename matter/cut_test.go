package matter

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/session"
)

// cutAfter lets that many datagrams of a name pass, either way, and none from then on. do is called at the cut.
func cutAfter(n *mattertest.Network, name string, datagrams int, do func()) {
	passed := 0
	n.Drop(func(from, to string, _ []byte) bool {
		if from != name && to != name {
			return false
		}
		passed++
		if passed == datagrams+1 {
			do()
		}
		return passed > datagrams
	})
}

// outcome is what is to be the same before and after: all that is stored but what counts up, and all that is alive.
type outcome struct {
	stored   map[string][]byte
	fabrics  int
	sessions int
	announced,
	inviting int
}

// counts are records that only grow.
var counts = []string{"events/next", rebootsKey}

func look(h *house) outcome {
	o := outcome{stored: h.store.All(), fabrics: len(h.Fabrics()), sessions: len(h.sessions.All(nil))}
	for _, key := range counts {
		delete(o.stored, key)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.announced {
		if a.Type == "_matter._tcp" {
			o.announced++
		} else {
			o.inviting++
		}
	}
	return o
}

// differs says in words what two outcomes differ in.
func (o outcome) differs(from outcome) string {
	var out []string
	for key := range maps.Keys(o.stored) {
		if !bytes.Equal(o.stored[key], from.stored[key]) {
			out = append(out, "stored "+key)
		}
	}
	for key := range maps.Keys(from.stored) {
		if _, ok := o.stored[key]; !ok {
			out = append(out, "lost "+key)
		}
	}
	slices.Sort(out)
	a, b := fmt.Sprint(o.fabrics, o.sessions, o.announced, o.inviting), fmt.Sprint(from.fabrics, from.sessions, from.announced, from.inviting)
	if a != b {
		out = append(out, fmt.Sprintf("fabrics, sessions, announced, inviting %s, not %s", a, b))
	}
	return strings.Join(out, "; ")
}

// TestCommissioningIsCutAtEveryDatagram lets a commissioner vanish after each datagram of commissioning in turn, without a
// word, into a node that is in no fabric and into one that is. When the fail-safe has run out, or after a power cut at that
// moment, nothing is left of it: not in the fabric table, the roots, the access lists, the sessions, the announcements, nor on
// the disk; and the next commissioner is served. Once the node has stored the fabric, all of it is there.
func TestCommissioningIsCutAtEveryDatagram(t *testing.T) {
	for _, owned := range []bool{false, true} {
		step, last := 1, 400
		if testing.Short() {
			step = 7
		}
		complete := 0
		for after := 0; after < last && complete < 3; after += step {
			synctest.Test(t, func(t *testing.T) {
				if cutOnce(t, owned, after) {
					complete++
				}
			})
			if t.Failed() {
				t.Fatalf("a node that is owned: %v; cut after %d datagrams", owned, after)
			}
			last = max(last, after)
		}
		if complete == 0 {
			t.Errorf("a node that is owned: %v; never complete", owned)
		}
	}
}

// cutOnce cuts one commissioning and says whether it was complete.
func cutOnce(t *testing.T, owned bool, after int) (complete bool) {
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), nil)
	h.await(t, "commissionable", count("_matterc._udp", 1))
	if owned {
		owner := mattertest.NewController(t, n, "owner", mattertest.NewAuthority(t, 0xFAB1, true), 1)
		_, err := owner.Commission(t.Context(), t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
		must(t, err)
		h.await(t, "closed", count("_matterc._udp", 0))
		time.Sleep(time.Second) // until everything of it is over
	}
	before := look(h)
	if owned {
		must(t, h.OpenWindow(commissioning.LeastTime))
		h.await(t, "commissionable", count("_matterc._udp", 1))
	}
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB2, false), 2)
	var taken atomic.Pointer[memory.Store] // the cut comes on the goroutine of whoever sends that datagram
	cutAfter(n, "phone", after, func() { taken.Store(h.store.Clone()) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	s, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 6)
	synctest.Wait() // the node's last words to it are out
	if err == nil && taken.Load() == nil {
		_, err = c.Subscribe(ctx, s, 0, 60)
	}
	cancel()
	time.Sleep(20 * time.Minute) // longer than any fail-safe and any window
	synctest.Wait()

	now := look(h)
	complete = now.fabrics > before.fabrics
	switch {
	case !complete:
		if diff := now.differs(before); diff != "" {
			t.Errorf("left behind: %s (%v)", diff, err)
		}
	case now.announced != before.announced+1 || now.inviting != 0 || len(h.sessions.All(func(s *session.Session) bool { return s.Kind() == session.PASE })) != 0:
		t.Errorf("complete: %s", now.differs(before))
	}
	if _, key, _, _ := h.table.Staged(); key != nil || h.failsafe.Armed() {
		t.Error("something is still staged")
	}
	n.Drop(nil)
	h.serves(t, n, c, "speaker", complete)
	h.Stop()
	image := taken.Load()
	if image == nil {
		return complete
	}
	// The same moment as a power cut.
	h = start(t, n, image, nil)
	time.Sleep(time.Second)
	now, before.sessions = look(h), 0
	if whole := now.fabrics > before.fabrics; whole && now.announced != before.announced+1 {
		t.Errorf("after a power cut: %s", now.differs(before))
	} else if !whole {
		if diff := now.differs(before); diff != "" {
			t.Errorf("left behind by a power cut: %s", diff)
		}
	}
	h.serves(t, n, c, "later", now.fabrics > before.fabrics)
	return complete
}

// serves shows that a node can be commissioned, and that the commissioner of before is a member when it is to be one.
func (h *house) serves(t *testing.T, n *mattertest.Network, before *mattertest.Controller, name string, member bool) {
	t.Helper()
	if _, err := before.CASE(t.Context(), h.conn.LocalAddr(), 6); (err == nil) != member {
		t.Errorf("a member: %v; CASE: %v", member, err)
	}
	if !h.Commissionable() {
		must(t, h.OpenWindow(commissioning.LeastTime))
	}
	next := mattertest.NewController(t, n, name, mattertest.NewAuthority(t, 0xFAB3, false), 3)
	s, err := next.Commission(t.Context(), t, h.conn.LocalAddr(), h.Setup().Passcode, 7)
	if err != nil {
		t.Errorf("the next commissioner: %v", err)
		return
	}
	if r, err := next.Read(t.Context(), s); err != nil || len(r.Values) < 50 {
		t.Errorf("the next one reads %d values, %v", len(r.Values), err)
	}
}
