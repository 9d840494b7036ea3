package model

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/loquet/loquet/matter/tlv"
	"pgregory.net/rapid"
)

var pairClass = NewClass(Class{ID: 0xFFF1FC01, Revision: 1,
	Attributes: []Attribute{{ID: 1, Read: View, Quality: ChangesOmitted}, {ID: 0, Read: View}},
	Commands:   []Command{{ID: 5, Response: 6}, {ID: 1, Response: NoResponse}, {ID: 2, Response: 6}},
	Events:     []EventKind{{ID: 0, Priority: Critical}}})

type pair struct{ Base }

func (p *pair) ReadAttribute(_ *Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	w.Uint(tag, uint64(id))
	return nil
}

func newPair() *pair {
	p := &pair{}
	p.Init(pairClass)
	return p
}

func endpoint(t testing.TB, c EndpointConfig) *Endpoint {
	t.Helper()
	if c.DeviceTypes == nil {
		c.DeviceTypes = []DeviceType{{ID: 10, Revision: 4}}
	}
	e, err := NewEndpoint(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ids(t *testing.T, c Cluster, attribute uint32) []uint64 {
	t.Helper()
	w := tlv.NewWriter(nil)
	must(t, Read(c, &Caller{}, attribute, w, tlv.Anonymous()))
	b, err := w.Finish()
	must(t, err)
	e, err := tlv.Decode(b)
	must(t, err)
	var out []uint64
	for m := range e.Members() {
		v, _ := m.Uint()
		out = append(out, v)
	}
	return out
}

func TestGlobalAttributes(t *testing.T) {
	p := newPair()
	for attribute, want := range map[uint32][]uint64{
		AttributeList:        {0, 1, 0xFFF8, 0xFFF9, 0xFFFB, 0xFFFC, 0xFFFD},
		AcceptedCommandList:  {1, 2, 5},
		GeneratedCommandList: {6},
	} {
		if got := ids(t, p, attribute); !slices.Equal(got, want) {
			t.Errorf("%#x: %v, want %v", attribute, got, want)
		}
	}
}

func TestPartsLists(t *testing.T) {
	n := NewNode(Config{})
	root := endpoint(t, EndpointConfig{Composition: FullFamily})
	aggregator := endpoint(t, EndpointConfig{ID: 1, Composition: FullFamily})
	lock := endpoint(t, EndpointConfig{ID: 3, Parent: 1})
	gate := endpoint(t, EndpointConfig{ID: 4, Parent: 1})
	panel := endpoint(t, EndpointConfig{ID: 5, Parent: 4})
	for _, e := range []*Endpoint{root, aggregator, lock, gate, panel} {
		must(t, n.Add(e))
	}
	for e, want := range map[*Endpoint][]uint64{root: {1, 3, 4, 5}, aggregator: {3, 4, 5}, lock: nil, gate: {5}, panel: nil} {
		if got := ids(t, e.descriptor, partsList); !slices.Equal(got, want) {
			t.Errorf("parts of %d: %v, want %v", e.ID(), got, want)
		}
	}
	var told []Change
	defer n.Watch(func(c []Change) { told = append(told, c...) })()
	must(t, n.Remove(5))
	want := []Change{{4, 0x1D, partsList}, {1, 0x1D, partsList}, {0, 0x1D, partsList}}
	if !slices.Equal(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}

func TestEndpointsAreRefused(t *testing.T) {
	n := NewNode(Config{})
	must(t, n.Add(endpoint(t, EndpointConfig{})))
	taken := newPair()
	e := endpoint(t, EndpointConfig{ID: 2, Clusters: []Cluster{taken}})
	must(t, n.Add(e))
	must(t, n.Add(endpoint(t, EndpointConfig{ID: 3, Parent: 2})))
	tests := map[string]func() error{
		"no device type": func() error { _, err := NewEndpoint(EndpointConfig{ID: 9}); return err },
		"a cluster twice": func() error {
			_, err := NewEndpoint(EndpointConfig{ID: 9, DeviceTypes: e.types, Clusters: []Cluster{newPair(), newPair()}})
			return err
		},
		"another's cluster": func() error {
			_, err := NewEndpoint(EndpointConfig{ID: 9, DeviceTypes: e.types, Clusters: []Cluster{taken}})
			return err
		},
		"too many tags": func() error {
			_, err := NewEndpoint(EndpointConfig{ID: 9, DeviceTypes: e.types, Tags: make([]Tag, 7)})
			return err
		},
		"a number taken":      func() error { return n.Add(endpoint(t, EndpointConfig{ID: 2})) },
		"twice":               func() error { return NewNode(Config{}).Add(e) },
		"no parent":           func() error { return n.Add(endpoint(t, EndpointConfig{ID: 9, Parent: 8})) },
		"remove with parts":   func() error { return n.Remove(2) },
		"remove what is gone": func() error { return n.Remove(77) },
	}
	for name, f := range tests {
		if err := f(); !errors.Is(err, ErrEndpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, n.Remove(3))
	must(t, n.Remove(2))
	must(t, n.Add(e))
}

func TestChangesAreToldTogether(t *testing.T) {
	n := NewNode(Config{Revisions: map[uint32]uint16{pairClass.ID: 9}})
	p := newPair()
	p.Changed(0) // nobody to tell
	must(t, n.Add(endpoint(t, EndpointConfig{Clusters: []Cluster{p}})))
	before := p.Version()
	var told [][]Change
	stop := n.Watch(func(c []Change) { told = append(told, slices.Clone(c)) })
	p.Changed(0, 1)
	p.Changed(1)
	p.ChangedQuietly()
	stop()
	p.Changed(0)
	if len(told) != 1 || len(told[0]) != 1 || told[0][0].Attribute != 0 {
		t.Errorf("told %v", told)
	}
	if got := p.Version() - before; got != 4 {
		t.Errorf("the version went up by %d", got)
	}
	w := tlv.NewWriter(nil)
	must(t, Read(p, &Caller{}, ClusterRevision, w, tlv.Anonymous()))
	if b, err := w.Finish(); err != nil || len(b) != 2 || b[1] != 9 {
		t.Errorf("revision %x, overridden to 9", b)
	}
}

// TestNodeHoldsWhatIsAdded adds and removes endpoints at random and holds the node against a set.
func TestNodeHoldsWhatIsAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := NewNode(Config{})
		root, err := NewEndpoint(EndpointConfig{DeviceTypes: []DeviceType{{22, 4}}, Composition: FullFamily})
		if err != nil || n.Add(root) != nil {
			t.Fatal(err)
		}
		there := map[uint16]bool{0: true}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			id := rapid.Uint16Range(1, 8).Draw(t, "id")
			if rapid.Bool().Draw(t, "add") {
				e, err := NewEndpoint(EndpointConfig{ID: id, DeviceTypes: []DeviceType{{10, 4}}})
				if err != nil {
					t.Fatal(err)
				}
				if err := n.Add(e); (err == nil) == there[id] {
					t.Fatalf("add %d: %v", id, err)
				}
				there[id] = true
				continue
			}
			if err := n.Remove(id); (err == nil) != there[id] {
				t.Fatalf("remove %d: %v", id, err)
			}
			delete(there, id)
		}
		if len(n.Endpoints()) != len(there) {
			t.Fatalf("%d endpoints, want %d", len(n.Endpoints()), len(there))
		}
		for i, e := range n.Endpoints() {
			if !there[e.ID()] || i > 0 && n.Endpoints()[i-1].ID() >= e.ID() {
				t.Fatalf("endpoint %d", e.ID())
			}
		}
	})
}

func TestCode(t *testing.T) {
	tests := map[string]struct {
		err  error
		want Status
		own  uint8
		has  bool
	}{
		"none":      {nil, Success, 0, false},
		"a status":  {fmt.Errorf("lock: %w", Busy), Busy, 0, false},
		"its own":   {fmt.Errorf("lock: %w", &ClusterStatus{Failure, 2}), Failure, 2, true},
		"any other": {errors.New("broken"), Failure, 0, false},
	}
	for name, tt := range tests {
		if s, own, has := Code(tt.err); s != tt.want || own != tt.own || has != tt.has {
			t.Errorf("%s: %v %d %t", name, s, own, has)
		}
	}
}
