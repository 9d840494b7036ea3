package im

import (
	"context"
	"slices"
	"testing"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

func element(t testing.TB, fill func(w *tlv.Writer)) tlv.Element {
	t.Helper()
	w := tlv.NewWriter(nil)
	fill(w)
	b, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	e, err := tlv.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func textElement(t testing.TB, s string) tlv.Element {
	return element(t, func(w *tlv.Writer) { w.Text(tlv.Anonymous(), s) })
}

func list(t testing.TB, items ...string) tlv.Element {
	return element(t, func(w *tlv.Writer) {
		w.Array(tlv.Anonymous())
		for _, s := range items {
			w.Text(tlv.Anonymous(), s)
		}
		w.End()
	})
}

func writeMessage(timed, more bool, items ...writeItem) []byte {
	return struc(func(w *tlv.Writer) {
		w.Bool(tlv.Context(0), false)
		w.Bool(tlv.Context(1), timed)
		w.Array(tlv.Context(2))
		for _, item := range items {
			w.Struct(tlv.Anonymous())
			if item.Version != nil {
				w.Uint(tlv.Context(0), uint64(*item.Version))
			}
			item.Path.write(w, tlv.Context(1))
			if item.Value.Type() == tlv.TypeNone {
				w.Null(tlv.Context(2))
			} else {
				w.Element(tlv.Context(2), item.Value)
			}
			w.End()
		}
		w.End()
		if more {
			w.Bool(tlv.Context(3), true)
		}
	})
}

func statuses(t *testing.T, m message) []model.Status {
	t.Helper()
	if m.opcode != OpWriteResponse {
		t.Fatalf("opcode %#x, want a write response", m.opcode)
	}
	e, err := tlv.Decode(m.payload)
	if err != nil {
		t.Fatal(err)
	}
	var out []model.Status
	for r := range tlv.OpenStruct(e).Array(0).Members() {
		f := tlv.OpenStruct(r)
		out = append(out, model.Status(f.Struct(1).Uint8(0)))
		if f.Err() != nil {
			t.Fatal(f.Err())
		}
	}
	return out
}

func add(p AttributePath) AttributePath {
	p.Append = true
	return p
}

func TestWrite(t *testing.T) {
	admin, viewer, stranger := newSession(1, 1), newSession(2, 2), newSession(3, 3)
	pase := newSession(0, 0)
	pase.caller.Auth = model.PASE
	h := newHouse(t, 2, nil)
	number := element(t, func(w *tlv.Writer) { w.Uint(tlv.Anonymous(), 5) })
	scoped := element(t, func(w *tlv.Writer) {
		w.Array(tlv.Anonymous())
		w.Struct(tlv.Anonymous())
		w.Uint(tlv.Context(1), 5)
		w.End()
		w.End()
	})
	label := path(1, testCluster, 1)
	tests := map[string]struct {
		who   *session
		items []writeItem
		want  []model.Status
	}{
		"a label":                  {admin, []writeItem{{Path: label, Value: textElement(t, "a")}}, []model.Status{0}},
		"a number for a label":     {admin, []writeItem{{Path: label, Value: number}}, []model.Status{model.ConstraintError}},
		"a viewer":                 {viewer, []writeItem{{Path: label, Value: textElement(t, "b")}}, []model.Status{model.UnsupportedAccess}},
		"a stranger":               {stranger, []writeItem{{Path: label, Value: textElement(t, "b")}}, []model.Status{model.UnsupportedAccess}},
		"what only reads":          {admin, []writeItem{{Path: path(1, testCluster, 0), Value: number}}, []model.Status{model.UnsupportedWrite}},
		"no such attribute":        {admin, []writeItem{{Path: path(1, testCluster, 77), Value: number}}, []model.Status{model.UnsupportedAttribute}},
		"no such cluster":          {admin, []writeItem{{Path: path(1, 6, 0), Value: number}}, []model.Status{model.UnsupportedCluster}},
		"no such endpoint":         {admin, []writeItem{{Path: path(7, 6, 0), Value: number}}, []model.Status{model.UnsupportedEndpoint}},
		"a global":                 {admin, []writeItem{{Path: path(1, testCluster, model.FeatureMap), Value: number}}, []model.Status{model.UnsupportedWrite}},
		"untimed":                  {admin, []writeItem{{Path: path(1, testCluster, 2), Value: number}}, []model.Status{model.NeedsTimedInteraction}},
		"scoped without a fabric":  {pase, []writeItem{{Path: path(1, testCluster, 4), Value: scoped}}, []model.Status{model.UnsupportedAccess}},
		"two, one wrong":           {admin, []writeItem{{Path: label, Value: number}, {Path: label, Value: textElement(t, "d")}}, []model.Status{model.ConstraintError, 0}},
		"every endpoint":           {admin, []writeItem{{Path: AttributePath{Cluster: label.Cluster, Attribute: label.Attribute}, Value: textElement(t, "e")}}, []model.Status{0, 0}},
		"every endpoint, a viewer": {viewer, []writeItem{{Path: AttributePath{Cluster: label.Cluster, Attribute: label.Attribute}, Value: textElement(t, "e")}}, nil},
		"append to no list":        {admin, []writeItem{{Path: add(label), Value: textElement(t, "e")}}, []model.Status{model.InvalidAction}},
	}
	for name, tt := range tests {
		x := h.begin(tt.who, OpWriteRequest, writeMessage(false, false, tt.items...))
		if got := statuses(t, x.next(t)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestWriteOfAVersion(t *testing.T) {
	h := newHouse(t, 1, nil)
	version := model.Version(h.things[0])
	for _, tt := range []struct {
		version uint32
		want    model.Status
	}{{version - 1, model.DataVersionMismatch}, {version, model.Success}, {version, model.DataVersionMismatch}, {version + 1, model.Success}} {
		item := writeItem{Path: path(0, testCluster, 1), Value: textElement(t, "c"), Version: &tt.version}
		x := h.begin(newSession(1, 1), OpWriteRequest, writeMessage(false, false, item))
		if got := statuses(t, x.next(t)); !slices.Equal(got, []model.Status{tt.want}) {
			t.Errorf("version %d of %d: %v", tt.version, version, got)
		}
	}
}

func TestWriteLists(t *testing.T) {
	h := newHouse(t, 1, nil)
	s := newSession(1, 1)
	p := path(0, testCluster, 3)
	steps := []struct {
		more  bool
		items []writeItem
		want  []string
	}{
		{false, []writeItem{{Path: p, Value: list(t, "a", "b")}}, []string{"a", "b"}},
		{false, []writeItem{{Path: add(p), Value: textElement(t, "c")}}, []string{"a", "b", "c"}},
		{false, []writeItem{{Path: p, Value: list(t)}, {Path: add(p), Value: textElement(t, "d")}, {Path: add(p), Value: textElement(t, "e")}}, []string{"d", "e"}},
		{false, []writeItem{{Path: p, Value: list(t)}}, nil},
	}
	for i, step := range steps {
		x := h.begin(s, OpWriteRequest, writeMessage(false, step.more, step.items...))
		got := statuses(t, x.next(t))
		if len(got) != len(step.items) || slices.ContainsFunc(got, func(s model.Status) bool { return s != 0 }) {
			t.Errorf("step %d: %v", i, got)
		}
		if !slices.Equal(h.things[0].list, step.want) {
			t.Errorf("step %d: %v, want %v", i, h.things[0].list, step.want)
		}
	}
	x := h.begin(s, OpWriteRequest, writeMessage(false, true, writeItem{Path: p, Value: list(t, "1")}, writeItem{Path: add(p), Value: textElement(t, "2")}))
	statuses(t, x.next(t))
	x.in <- message{OpWriteRequest, writeMessage(false, true, writeItem{Path: add(p), Value: textElement(t, "3")})}
	statuses(t, x.next(t))
	x.in <- message{OpWriteRequest, writeMessage(false, false, writeItem{Path: add(p), Value: textElement(t, "4")})}
	statuses(t, x.next(t))
	if want := []string{"1", "2", "3", "4"}; !slices.Equal(h.things[0].list, want) {
		t.Errorf("in chunks: %v", h.things[0].list)
	}
}

// revoking is a list whose replacement takes away the right to write it, as the access list's does.
type revoking struct {
	*thing
	access *table
}

func (r *revoking) WriteAttribute(ctx context.Context, c *model.Caller, id uint32, v tlv.Element) error {
	if v.Count() == 0 {
		r.access.set()
	}
	return r.thing.WriteAttribute(ctx, c, id, v)
}

func TestAListMayTakeAwayTheRightToItself(t *testing.T) {
	access := &table{}
	access.set(acl.Entry{Fabric: 1, Auth: model.CASE, Privilege: model.Administer})
	r := &revoking{newThing(), access}
	node := model.NewNode(model.Config{})
	e, err := model.NewEndpoint(model.EndpointConfig{DeviceTypes: []model.DeviceType{{ID: 0x16, Revision: 4}}, Clusters: []model.Cluster{r}})
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Add(e); err != nil {
		t.Fatal(err)
	}
	h := &house{engine: New(Config{Node: node, Access: access})}
	defer h.engine.Close()
	p := path(0, testCluster, 3)
	x := h.begin(newSession(1, 1), OpWriteRequest, writeMessage(false, true, writeItem{Path: p, Value: list(t)}))
	if got := statuses(t, x.next(t)); !slices.Equal(got, []model.Status{0}) {
		t.Fatal(got)
	}
	x.in <- message{OpWriteRequest, writeMessage(false, false, writeItem{Path: add(p), Value: textElement(t, "x")}, writeItem{Path: path(0, testCluster, 1), Value: textElement(t, "y")})}
	if got := statuses(t, x.next(t)); !slices.Equal(got, []model.Status{0, model.UnsupportedAccess}) {
		t.Errorf("the list goes on, everything else does not: %v", got)
	}
}
