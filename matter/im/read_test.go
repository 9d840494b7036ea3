package im

import (
	"fmt"
	"testing"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// shown is what a controller makes of reports.
type shown struct {
	values   map[model.Change]string // the value's octets, list items put together
	order    []model.Change
	statuses map[model.Change]model.Status
	events   []uint64
	messages int
	id       uint32
	versions map[model.Change]uint64
}

func newShown() *shown {
	return &shown{values: map[model.Change]string{}, statuses: map[model.Change]model.Status{}, versions: map[model.Change]uint64{}}
}

// take reads one report message and says whether more follow and whether a status is wanted.
func (s *shown) take(t *testing.T, m message) (more, suppress bool) {
	t.Helper()
	if m.opcode != OpReportData {
		t.Fatalf("opcode %#x, want a report", m.opcode)
	}
	if len(m.payload) > 1150 {
		t.Errorf("a report of %d octets", len(m.payload))
	}
	s.messages++
	e, err := tlv.Decode(m.payload)
	if err != nil {
		t.Fatal(err)
	}
	f := tlv.OpenStruct(e)
	if id, ok := f.OptionalUint(0, 1<<32-1); ok {
		s.id = uint32(id)
	}
	if f.Has(1) {
		for r := range f.Array(1).Members() {
			s.attribute(t, tlv.OpenStruct(r))
		}
	}
	if f.Has(2) {
		for r := range f.Array(2).Members() {
			o := tlv.OpenStruct(r)
			if o.Has(1) {
				s.events = append(s.events, o.Struct(1).Uint64(1))
			} else {
				p := tlv.OpenList(o.Struct(0).Element(0))
				s.statuses[model.Change{Endpoint: p.Uint16(1), Cluster: p.Uint32(2), Attribute: p.Uint32(3)}] = model.Status(o.Struct(0).Struct(1).Uint8(0))
			}
		}
	}
	return f.OptionalBool(3, false), f.OptionalBool(4, false)
}

func (s *shown) attribute(t *testing.T, o *tlv.Fields) {
	t.Helper()
	change := func(e tlv.Element) (model.Change, bool) {
		p, err := parseAttributePath(e)
		if err != nil {
			t.Fatal(err)
		}
		return model.Change{Endpoint: *p.Endpoint, Cluster: *p.Cluster, Attribute: *p.Attribute}, p.Append
	}
	if o.Has(0) {
		c, _ := change(o.Struct(0).Element(0))
		s.statuses[c] = model.Status(o.Struct(0).Struct(1).Uint8(0))
		return
	}
	d := o.Struct(1)
	c, add := change(d.Element(1))
	value := d.Element(2)
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	s.versions[c] = uint64(d.Uint32(0))
	if !add {
		s.values[c] = text(t, value)
		s.order = append(s.order, c)
		return
	}
	s.values[c] += "+" + text(t, value)
}

func text(t *testing.T, e tlv.Element) string {
	switch e.Type() {
	case tlv.TypeUint:
		v, _ := e.Uint()
		return fmt.Sprint(v)
	case tlv.TypeText:
		v, _ := e.Text()
		return v
	case tlv.TypeOctets:
		v, _ := e.Octets()
		return fmt.Sprint(len(v), " octets")
	case tlv.TypeArray, tlv.TypeStruct:
		out := "["
		for m := range e.Members() {
			out += text(t, m) + " "
		}
		return out + "]"
	default:
		return fmt.Sprint(e.Type())
	}
}

func readMessage(filtered bool, versions []versionFilter, events []EventPath, least uint64, paths ...AttributePath) []byte {
	return struc(func(w *tlv.Writer) { writeRead(w, 0, 1, 2, 3, 4, filtered, versions, events, least, paths) })
}

func writeRead(w *tlv.Writer, at, ev, fl, fi, ve uint8, filtered bool, versions []versionFilter, events []EventPath, least uint64, paths []AttributePath) {
	w.Array(tlv.Context(at))
	for i := range paths {
		paths[i].write(w, tlv.Anonymous())
	}
	w.End()
	w.Array(tlv.Context(ev))
	for i := range events {
		events[i].write(w, tlv.Anonymous())
	}
	w.End()
	if least != 0 {
		w.Array(tlv.Context(fl))
		w.Struct(tlv.Anonymous())
		w.Uint(tlv.Context(1), least)
		w.End()
		w.End()
	}
	w.Bool(tlv.Context(fi), filtered)
	if versions == nil {
		return
	}
	w.Array(tlv.Context(ve))
	for _, v := range versions {
		w.Struct(tlv.Anonymous())
		w.List(tlv.Context(0))
		w.Uint(tlv.Context(1), uint64(v.endpoint))
		w.Uint(tlv.Context(2), uint64(v.cluster))
		w.End()
		w.Uint(tlv.Context(1), uint64(v.version))
		w.End()
	}
	w.End()
}

// read plays a controller's read to the end.
func (h *house) read(t *testing.T, s *session, payload []byte) *shown {
	t.Helper()
	x := h.begin(s, OpReadRequest, payload)
	out := newShown()
	for {
		more, suppress := out.take(t, x.next(t))
		if more == suppress {
			t.Errorf("more chunks %t, suppress response %t", more, suppress)
		}
		if !more {
			break
		}
		x.in <- statusMessage(model.Success)
	}
	if m := x.next(t); m.opcode != 0 {
		t.Errorf("after the last report comes %#x", m.opcode)
	}
	return out
}

func path(endpoint uint16, cluster, attribute uint32) AttributePath {
	return AttributePath{Endpoint: &endpoint, Cluster: &cluster, Attribute: &attribute}
}

func TestReadConcrete(t *testing.T) {
	h := newHouse(t, 2, nil)
	h.things[1].number, h.things[1].label = 7, "door"
	h.things[1].scoped = map[uint8][]uint64{1: {10}, 2: {20, 21}}
	admin, viewer, stranger := newSession(1, 1), newSession(2, 2), newSession(3, 3)
	at := func(e uint16, c, a uint32) model.Change { return model.Change{Endpoint: e, Cluster: c, Attribute: a} }
	tests := map[string]struct {
		who      *session
		filtered bool
		path     AttributePath
		value    string
		status   model.Status
	}{
		"a number":                    {admin, false, path(1, testCluster, 0), "7", 0},
		"a text, by a viewer":         {viewer, false, path(1, testCluster, 1), "door", 0},
		"revision":                    {viewer, false, path(1, testCluster, model.ClusterRevision), "2", 0},
		"features":                    {viewer, false, path(1, testCluster, model.FeatureMap), "5", 0},
		"accepted commands":           {viewer, false, path(1, testCluster, model.AcceptedCommandList), "[0 1 3 4 ]", 0},
		"generated commands":          {viewer, false, path(1, testCluster, model.GeneratedCommandList), "[2 ]", 0},
		"attributes":                  {viewer, false, path(1, testCluster, model.AttributeList), "[0 1 2 3 4 5 6 65528 65529 65531 65532 65533 ]", 0},
		"what the cluster refuses":    {admin, false, path(1, testCluster, 5), "", model.Busy},
		"what only an admin may read": {viewer, false, path(1, testCluster, 4), "", model.UnsupportedAccess},
		"the admin, all fabrics":      {admin, false, path(1, testCluster, 4), "[[10 1 ][20 2 ][21 2 ]]", 0},
		"the admin, own fabric":       {admin, true, path(1, testCluster, 4), "[[10 1 ]]", 0},
		"no such endpoint":            {admin, false, path(9, testCluster, 0), "", model.UnsupportedEndpoint},
		"no such cluster":             {admin, false, path(1, 6, 0), "", model.UnsupportedCluster},
		"no such attribute":           {admin, false, path(1, testCluster, 99), "", model.UnsupportedAttribute},
		"a stranger, what is there":   {stranger, false, path(1, testCluster, 0), "", model.UnsupportedAccess},
		"a stranger, what is not":     {stranger, false, path(9, testCluster, 0), "", model.UnsupportedAccess},
	}
	for name, tt := range tests {
		got := h.read(t, tt.who, readMessage(tt.filtered, nil, nil, 0, tt.path))
		c := at(*tt.path.Endpoint, *tt.path.Cluster, *tt.path.Attribute)
		value := got.values[c]
		if name == "the admin, all fabrics" || name == "the admin, own fabric" {
			value = removeSpaces(value)
			tt.value = removeSpaces(tt.value)
		}
		if value != tt.value || got.statuses[c] != tt.status || len(got.values)+len(got.statuses) != 1 {
			t.Errorf("%s: %q %v, want %q %v", name, got.values[c], got.statuses, tt.value, tt.status)
		}
	}
}

func removeSpaces(s string) string {
	out := ""
	for _, r := range s {
		if r != ' ' {
			out += string(r)
		}
	}
	return out
}

func TestReadWildcards(t *testing.T) {
	h := newHouse(t, 3, nil)
	admin, viewer, stranger := newSession(1, 1), newSession(2, 2), newSession(3, 3)
	const perEndpoint = 7 - 1 + 5 + 4 + 5 // the thing without the one that is busy, its globals, the descriptor, its globals
	tests := map[string]struct {
		who  *session
		path AttributePath
		want int
	}{
		"everything":              {admin, AttributePath{}, 3 * perEndpoint},
		"without the admin's own": {viewer, AttributePath{}, 3 * (perEndpoint - 1)},
		"a stranger sees nothing": {stranger, AttributePath{}, 0},
		"an endpoint":             {admin, AttributePath{Endpoint: ptr[uint16](1)}, perEndpoint},
		"an endpoint not there":   {admin, AttributePath{Endpoint: ptr[uint16](9)}, 0},
		"a cluster":               {admin, AttributePath{Cluster: ptr[uint32](0x1D)}, 3 * 9},
		"a global of all":         {admin, AttributePath{Attribute: ptr(model.FeatureMap)}, 6},
		"without the root":        {admin, AttributePath{Flags: skipRootNode}, 2 * perEndpoint},
		"without lists":           {admin, AttributePath{Flags: skipGlobalAttributes}, 3 * (perEndpoint - 6)},
		"without attribute lists": {admin, AttributePath{Flags: skipAttributeList}, 3 * (perEndpoint - 2)},
		"without command lists":   {admin, AttributePath{Flags: skipCommandLists}, 3 * (perEndpoint - 4)},
		"without makers' own":     {admin, AttributePath{Flags: skipCustomElements}, 3 * 9},
		"without what is fixed":   {admin, AttributePath{Flags: skipFixedAttributes}, 3 * (5 + 1)},
	}
	for name, tt := range tests {
		got := h.read(t, tt.who, readMessage(false, nil, nil, 0, tt.path))
		if len(got.order) != tt.want || len(got.statuses) != 0 {
			t.Errorf("%s: %d values %d statuses, want %d", name, len(got.order), len(got.statuses), tt.want)
		}
	}
}

func TestReadLeavesOutWhatIsKnown(t *testing.T) {
	h := newHouse(t, 2, nil)
	s := newSession(1, 1)
	known := []versionFilter{{0, testCluster, model.Version(h.things[0])}, {1, testCluster, model.Version(h.things[1]) + 1}}
	got := h.read(t, s, readMessage(false, known, nil, 0, AttributePath{Cluster: ptr[uint32](testCluster)}))
	for c := range got.values {
		if c.Endpoint == 0 {
			t.Fatalf("%v is known already", c)
		}
	}
	if len(got.values) != 11 {
		t.Errorf("%d values", len(got.values))
	}
	h.things[0].set(3)
	if got := h.read(t, s, readMessage(false, known[:1], nil, 0, path(0, testCluster, 0))); got.values[model.Change{Cluster: testCluster}] != "3" {
		t.Error("a value that changed is not shown")
	}
}

// TestReadInChunks reads lists that are larger than a message, and many small values.
func TestReadInChunks(t *testing.T) {
	h := newHouse(t, 30, nil)
	var want string
	for i := range 400 {
		item := fmt.Sprintf("item %03d of a list", i)
		h.things[3].list = append(h.things[3].list, item)
		want += "+" + item
	}
	s := newSession(1, 1)
	got := h.read(t, s, readMessage(false, nil, nil, 0, AttributePath{}))
	if c := (model.Change{Endpoint: 3, Cluster: testCluster, Attribute: 3}); got.values[c] != "[]"+want {
		t.Errorf("the list came as %.80q", got.values[c])
	}
	if got.messages < 10 {
		t.Errorf("%d messages", got.messages)
	}
	seen := map[model.Change]bool{}
	for _, c := range got.order {
		if seen[c] {
			t.Errorf("%v twice", c)
		}
		seen[c] = true
	}
	if len(seen) != 30*20 {
		t.Errorf("%d values", len(seen))
	}
	h.things[1].size = 2000
	got = h.read(t, s, readMessage(false, nil, nil, 0, path(1, testCluster, 6)))
	if got.statuses[model.Change{Endpoint: 1, Cluster: testCluster, Attribute: 6}] != model.ResourceExhausted {
		t.Errorf("a value over the size of a message: %v", got.statuses)
	}
}

func TestReadStopsWhenTheControllerDoes(t *testing.T) {
	h := newHouse(t, 30, nil)
	x := h.begin(newSession(1, 1), OpReadRequest, readMessage(false, nil, nil, 0, AttributePath{}))
	x.next(t)
	x.in <- statusMessage(model.ResourceExhausted)
	if m := x.next(t); m.opcode != 0 {
		t.Errorf("it goes on with %#x", m.opcode)
	}
}

func TestReadEvents(t *testing.T) {
	h := newHouse(t, 2, nil)
	h.access.set(acl.Entry{Fabric: 1, Auth: model.CASE, Privilege: model.Administer},
		acl.Entry{Fabric: 2, Auth: model.CASE, Privilege: model.View, Targets: []acl.Target{{Endpoint: ptr[uint16](1)}}})
	h.things[0].Emit(0, 0, nil)
	h.things[1].Emit(0, 0, nil)
	h.things[1].Emit(1, 1, nil)
	h.things[1].Emit(1, 2, nil)
	admin, viewer := newSession(1, 1), newSession(2, 2)
	any1 := func(e uint16, ev uint32) EventPath {
		return EventPath{Endpoint: &e, Cluster: ptr[uint32](testCluster), Event: &ev}
	}
	tests := map[string]struct {
		who    *session
		least  uint64
		path   EventPath
		want   int
		status model.Status
	}{
		"all, the admin":               {admin, 0, EventPath{}, 3, 0},
		"all, a viewer of one":         {viewer, 0, EventPath{}, 2, 0},
		"from the third on":            {admin, 2, EventPath{}, 1, 0},
		"one kind":                     {admin, 0, any1(1, 0), 1, 0},
		"a kind that is not":           {admin, 0, any1(1, 9), 0, model.UnsupportedEvent},
		"an endpoint that is not":      {admin, 0, any1(9, 0), 0, model.UnsupportedEndpoint},
		"where the viewer may not see": {viewer, 0, any1(0, 0), 0, model.UnsupportedAccess},
	}
	for name, tt := range tests {
		got := h.read(t, tt.who, readMessage(true, nil, []EventPath{tt.path}, tt.least))
		status := model.Success
		for _, s := range got.statuses {
			status = s
		}
		if len(got.events) != tt.want || status != tt.status {
			t.Errorf("%s: %v %v", name, got.events, got.statuses)
		}
	}
}

func TestMalformed(t *testing.T) {
	h := newHouse(t, 1, nil)
	one := path(0, testCluster, 0)
	tests := map[string]message{
		"no TLV":              {OpReadRequest, []byte{0xFF}},
		"empty":               {OpReadRequest, nil},
		"no flag for fabrics": {OpReadRequest, struc(func(w *tlv.Writer) { w.Array(tlv.Context(0)); w.End() })},
		"a path that is a structure": {OpReadRequest, struc(func(w *tlv.Writer) {
			w.Array(tlv.Context(0))
			w.Struct(tlv.Anonymous())
			w.End()
			w.End()
			w.Bool(tlv.Context(3), true)
		})},
		"an attribute of all clusters":   {OpReadRequest, readMessage(true, nil, nil, 0, AttributePath{Attribute: ptr[uint32](1)})},
		"too many paths":                 {OpReadRequest, readMessage(true, nil, nil, 0, make([]AttributePath, maxPaths+1)...)},
		"an unknown message":             {0x33, struc(func(*tlv.Writer) {})},
		"a subscription to nothing":      {OpSubscribeRequest, subscribeMessage(false, 0, 10)},
		"least over greatest":            {OpSubscribeRequest, subscribeMessage(false, 11, 10, one)},
		"an invoke of nothing":           {OpInvokeRequest, invokeMessage(false, false)},
		"a write without a cluster":      {OpWriteRequest, writeMessage(false, false, writeItem{Path: AttributePath{Endpoint: one.Endpoint}})},
		"a timed request without a time": {OpTimedRequest, struc(func(*tlv.Writer) {})},
	}
	for name, m := range tests {
		x := h.begin(newSession(1, 1), m.opcode, m.payload)
		if s := statusOf(t, x.next(t)); s != model.InvalidAction {
			t.Errorf("%s: %v", name, s)
		}
	}
}
