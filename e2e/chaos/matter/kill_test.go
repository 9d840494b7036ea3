package matter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// owner is an ecosystem, and what the node must remember of it.
type owner struct {
	*mattertest.Controller
	node  uint64 // the node's number in the fabric
	name  string // how the fabric is called among those the node says it has
	marks marks
}

// marks are what was written last: in the access list and as the fabric's label. More than one, while it is not known whether
// the last write counted.
type marks struct{ access, label []uint64 }

// house is the node over all its lives, and what is known of it.
type house struct {
	t      *testing.T
	dir    string
	random *rand.Rand
	next   uint64
	owners []*owner // whose fabric is there
	maybe  *owner   // whose fabric is there or not
	going  *owner   // who was leaving
	counts map[string]int
}

func kills(t *testing.T) int {
	text := os.Getenv("LOQUET_KILLS")
	if text == "" {
		return 30
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("LOQUET_KILLS=%q is not a number of kills", text)
	}
	return n
}

// TestKilledAtAnyMoment kills a node again and again. What was acknowledged is there in the next life, what was not is there
// as a whole or not at all, and every fabric that the node says it has is one that its owner can use.
func TestKilledAtAnyMoment(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	h := &house{t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 1)), next: 1, counts: map[string]int{}}
	passcode := uint32(0)
	for life := range kills(t) {
		n := startNode(t, h.dir)
		if passcode != 0 && n.Passcode != passcode {
			t.Errorf("another passcode than before")
		}
		passcode = n.Passcode
		h.verify(n)
		h.live(n)
		if t.Failed() {
			t.Fatalf("seed %d, life %d: %v", seed, life, h.counts)
		}
	}
	n := startNode(t, h.dir)
	h.verify(n)
	n.kill()
	t.Logf("seed %d: %v", seed, h.counts)
}

// verify holds what the node remembers against what was acknowledged.
func (h *house) verify(n *node) {
	h.t.Helper()
	has := func(o *owner) bool { return slices.Contains(n.Fabrics, o.name) }
	if h.maybe != nil && has(h.maybe) {
		h.owners = append(h.owners, h.maybe)
		h.counts["commissioned, not acknowledged"]++
	}
	if h.going != nil && !has(h.going) {
		h.owners = slices.DeleteFunc(h.owners, func(o *owner) bool { return o == h.going })
		h.counts["left, not acknowledged"]++
	}
	h.maybe, h.going = nil, nil
	for _, o := range h.owners {
		if !has(o) {
			h.t.Errorf("fabric %s is lost; there are %q", o.name, n.Fabrics)
		}
	}
	if len(n.Fabrics) != len(h.owners) {
		h.t.Errorf("the node has %d fabrics, %d are known: %q", len(n.Fabrics), len(h.owners), n.Fabrics)
	}
	for _, o := range h.owners {
		o.verify(h.t, n)
	}
}

// verify shows that a fabric is whole: its owner reaches the node, may do everything, and finds what it wrote.
func (o *owner) verify(t *testing.T, n *node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := o.CASE(ctx, n.at, o.node)
	if err != nil {
		t.Errorf("fabric %s: %v", o.name, err)
		return
	}
	list, fabrics := model.Change{Cluster: 0x1F, Attribute: 0}, model.Change{Cluster: 0x3E, Attribute: 1}
	r, err := o.Read(ctx, s, list, fabrics)
	if err != nil || len(r.Items[list]) == 0 || len(r.Items[fabrics]) != 1 {
		t.Errorf("fabric %s: %d entries, %d fabrics, %v", o.name, len(r.Items[list]), len(r.Items[fabrics]), err)
		return
	}
	mark := uint64(0)
	if len(r.Items[list]) > 1 {
		for m := range tlv.OpenStruct(r.Items[list][1]).Array(3).Members() {
			mark, _ = m.Uint()
		}
	}
	o.marks.access = known(t, o.name+": access", o.marks.access, mark)
	label := tlv.OpenStruct(r.Items[fabrics][0]).Text(5, 32)
	mark = 0
	_, _ = fmt.Sscanf(label, o.name[:8]+" %d", &mark) // 0 for the empty one
	o.marks.label = known(t, o.name+": label", o.marks.label, mark)
}

// known returns what is there, which must be one of those that may be.
func known(t *testing.T, what string, may []uint64, is uint64) []uint64 {
	t.Helper()
	if !slices.Contains(may, is) {
		t.Errorf("%s is %d, not of %d", what, is, may)
	}
	return []uint64{is}
}

// live does things to the node until it is killed in the middle of one of them.
func (h *house) live(n *node) {
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	dead := make(chan struct{})
	for range h.random.IntN(3) {
		h.act(ctx, n)
	}
	after := time.Duration(h.random.IntN(60_000)) * time.Microsecond
	go func() {
		defer close(dead)
		time.Sleep(after)
		n.kill()
		time.Sleep(20 * time.Millisecond) // an answer that is on its way arrives
		cancel()
	}()
	for ctx.Err() == nil {
		h.act(ctx, n)
	}
	<-dead
}

// act does one thing; when the node dies meanwhile, it may have counted or not.
func (h *house) act(ctx context.Context, n *node) {
	switch k := h.random.IntN(10); {
	case len(h.owners) == 0 || k < 3 && len(h.owners) < 5:
		h.commission(ctx, n)
	case k < 4:
		h.leave(ctx, n)
	case k < 7:
		h.write(ctx, n, "access list", func(o *owner) *[]uint64 { return &o.marks.access }, func(o *owner, s *session.Session, mark uint64) error {
			return o.Write(ctx, s, model.Change{Cluster: 0x1F}, entries(o.Self.NodeID, mark), false)
		})
	default:
		h.write(ctx, n, "label", func(o *owner) *[]uint64 { return &o.marks.label }, func(o *owner, s *session.Session, mark uint64) error {
			f, err := o.Invoke(ctx, s, mattertest.Command{Cluster: 0x3E, ID: 9, Fill: func(w *tlv.Writer) { w.Text(tlv.Context(0), fmt.Sprintf("%s %d", o.name[:8], mark)) }})
			if err == nil && f.Uint8(0) != 0 {
				h.t.Errorf("label: %d", f.Uint8(0))
			}
			return err
		})
	}
}

func (h *house) commission(ctx context.Context, n *node) {
	if h.maybe != nil {
		return
	}
	// A node that was killed is not told to open: ctx is what says so.
	if _, err := fmt.Fprintln(n.in, "open"); err != nil || !n.lines.Scan() {
		return
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(h.t, err)
	h.next++
	a := mattertest.NewAuthority(h.t, 0xFAB0+h.next, h.next%2 == 0)
	root, err := crypto.PublicKey(a.RootKey)
	must(h.t, err)
	o := &owner{Controller: mattertest.NewControllerOn(h.t, conn, a, 1), node: h.next, marks: marks{[]uint64{0}, []uint64{0}}}
	o.name = fmt.Sprintf("%X-%X", crypto.CompressedFabricID(root, a.FabricID), o.node)
	_, err = o.Commission(ctx, h.t, n.at, n.Passcode, o.node)
	if err != nil {
		h.maybe = o
		h.counts["commissioning cut"]++
		return
	}
	h.owners = append(h.owners, o)
	h.counts["commissioned"]++
}

func (h *house) leave(ctx context.Context, n *node) {
	o := h.owners[h.random.IntN(len(h.owners))]
	s, err := o.CASE(ctx, n.at, o.node)
	if err != nil {
		return
	}
	index := model.Change{Cluster: 0x3E, Attribute: 5}
	r, err := o.Read(ctx, s, index)
	if err != nil {
		return
	}
	number, err := r.Values[index].Uint()
	must(h.t, err)
	h.going = o
	if _, err := o.Invoke(ctx, s, mattertest.Command{Cluster: 0x3E, ID: 10, Fill: func(w *tlv.Writer) { w.Uint(tlv.Context(0), number) }}); err != nil {
		h.counts["leaving cut"]++
		return
	}
	h.owners = slices.DeleteFunc(h.owners, func(other *owner) bool { return other == o })
	h.going = nil
	h.counts["left"]++
}

// write changes a mark of an owner.
func (h *house) write(ctx context.Context, n *node, what string, marks func(*owner) *[]uint64, do func(o *owner, s *session.Session, mark uint64) error) {
	o := h.owners[h.random.IntN(len(h.owners))]
	if o == h.going {
		return
	}
	s, err := o.CASE(ctx, n.at, o.node)
	if err != nil {
		return
	}
	h.next++
	kept := marks(o)
	*kept = append(*kept, h.next)
	if err := do(o, s, h.next); err != nil {
		h.counts[what+" cut"]++
		return
	}
	*kept = []uint64{h.next}
	h.counts[what]++
}

// entries is an access list: the administrator, and a mark as somebody who may look.
func entries(admin, mark uint64) func(w *tlv.Writer, tag tlv.Tag) {
	return func(w *tlv.Writer, tag tlv.Tag) {
		w.Array(tag)
		for _, e := range []struct {
			privilege model.Privilege
			subject   uint64
		}{{model.Administer, admin}, {model.View, mark}} {
			w.Struct(tlv.Anonymous())
			w.Uint(tlv.Context(1), uint64(e.privilege))
			w.Uint(tlv.Context(2), 2)
			w.Array(tlv.Context(3))
			w.Uint(tlv.Anonymous(), e.subject)
			w.End()
			w.Null(tlv.Context(4))
			w.End()
		}
		w.End()
	}
}
