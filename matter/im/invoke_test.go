package im

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

func command(endpoint uint16, id uint32) invokeItem {
	return invokeItem{Path: CommandPath{Endpoint: &endpoint, Cluster: testCluster, Command: id}}
}

func invokeMessage(timed, suppress bool, items ...invokeItem) []byte {
	return struc(func(w *tlv.Writer) {
		w.Bool(tlv.Context(0), suppress)
		w.Bool(tlv.Context(1), timed)
		w.Array(tlv.Context(2))
		for _, item := range items {
			w.Struct(tlv.Anonymous())
			w.List(tlv.Context(0))
			if item.Path.Endpoint != nil {
				w.Uint(tlv.Context(0), uint64(*item.Path.Endpoint))
			}
			w.Uint(tlv.Context(1), uint64(item.Path.Cluster))
			w.Uint(tlv.Context(2), uint64(item.Path.Command))
			w.End()
			if item.Fields.Type() != tlv.TypeNone {
				w.Element(tlv.Context(1), item.Fields)
			}
			if item.Ref != nil {
				w.Uint(tlv.Context(2), uint64(*item.Ref))
			}
			w.End()
		}
		w.End()
	})
}

// answers reads an invoke response: for each command its status, or 0x100 + the id of the command that answers it.
func answers(t *testing.T, m message) (out []int, more bool) {
	t.Helper()
	if m.opcode != OpInvokeResponse {
		t.Fatalf("opcode %#x, want an invoke response", m.opcode)
	}
	e, err := tlv.Decode(m.payload)
	if err != nil {
		t.Fatal(err)
	}
	f := tlv.OpenStruct(e)
	for r := range f.Array(1).Members() {
		o := tlv.OpenStruct(r)
		if o.Has(0) {
			p, err := parseCommandPath(o.Struct(0).Element(0))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, 0x100+int(p.Command))
			continue
		}
		out = append(out, int(o.Struct(1).Struct(1).Uint8(0)))
		if o.Err() != nil {
			t.Fatal(o.Err())
		}
	}
	return out, f.OptionalBool(2, false)
}

func TestInvoke(t *testing.T) {
	h := newHouse(t, 3, nil)
	admin, viewer := newSession(1, 1), newSession(2, 2)
	pase := newSession(0, 0)
	pase.caller.Auth = model.PASE
	number := func(v uint64) tlv.Element {
		return element(t, func(w *tlv.Writer) { w.Struct(tlv.Anonymous()); w.Uint(tlv.Context(0), v); w.End() })
	}
	with := func(item invokeItem, fields tlv.Element, ref ...uint16) invokeItem {
		item.Fields = fields
		if len(ref) > 0 {
			item.Ref = &ref[0]
		}
		return item
	}
	all := invokeItem{Path: CommandPath{Cluster: testCluster, Command: 1}, Fields: number(1)}
	tests := map[string]struct {
		who   *session
		items []invokeItem
		want  []int
	}{
		"with a response":                {admin, []invokeItem{with(command(1, 1), number(3))}, []int{0x102}},
		"a field missing":                {admin, []invokeItem{command(1, 1)}, []int{int(model.InvalidCommand)}},
		"a field too large":              {admin, []invokeItem{with(command(1, 1), number(2000))}, []int{int(model.ConstraintError)}},
		"untimed":                        {admin, []invokeItem{command(1, 0)}, []int{int(model.NeedsTimedInteraction)}},
		"no such command":                {admin, []invokeItem{command(1, 9)}, []int{int(model.UnsupportedCommand)}},
		"no such endpoint":               {admin, []invokeItem{command(9, 1)}, []int{int(model.UnsupportedEndpoint)}},
		"a viewer":                       {viewer, []invokeItem{command(1, 1)}, []int{int(model.UnsupportedAccess)}},
		"scoped, without a fabric":       {pase, []invokeItem{command(1, 3)}, []int{int(model.UnsupportedAccess)}},
		"scoped":                         {admin, []invokeItem{command(1, 3)}, []int{0}},
		"the cluster's own status":       {admin, []invokeItem{command(1, 4)}, []int{int(model.Failure)}},
		"every endpoint":                 {admin, []invokeItem{all}, []int{0x102, 0x102, 0x102}},
		"every endpoint, a viewer":       {viewer, []invokeItem{all}, nil},
		"a batch":                        {admin, []invokeItem{with(command(1, 1), number(3), 1), with(command(2, 1), number(3), 2)}, []int{0x102, 0x102}},
		"a batch with a wrong one":       {admin, []invokeItem{with(command(1, 9), number(3), 1), with(command(2, 1), number(3), 2)}, []int{int(model.UnsupportedCommand), 0x102}},
		"a batch without references":     {admin, []invokeItem{with(command(1, 1), number(3)), with(command(2, 1), number(3), 2)}, []int{-1}},
		"a batch of the same":            {admin, []invokeItem{with(command(1, 1), number(3), 1), with(command(1, 1), number(3), 2)}, []int{-1}},
		"a batch with a reference twice": {admin, []invokeItem{with(command(1, 1), number(3), 1), with(command(2, 1), number(3), 1)}, []int{-1}},
		"a batch with a wildcard":        {admin, []invokeItem{with(command(1, 1), number(3), 1), with(all, number(3), 2)}, []int{-1}},
	}
	for name, tt := range tests {
		x := h.begin(tt.who, OpInvokeRequest, invokeMessage(false, false, tt.items...))
		m := x.next(t)
		if len(tt.want) == 1 && tt.want[0] == -1 {
			if s := statusOf(t, m); s != model.InvalidAction {
				t.Errorf("%s: %v", name, s)
			}
			continue
		}
		if got, _ := answers(t, m); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %#x, want %#x", name, got, tt.want)
		}
	}
}

func TestInvokeAnswersInChunks(t *testing.T) {
	h := newHouse(t, 3, nil)
	var items []invokeItem
	for i := range uint16(3) {
		item := command(i, 1)
		item.Ref = ptr(i)
		item.Fields = element(t, func(w *tlv.Writer) { w.Struct(tlv.Anonymous()); w.Uint(tlv.Context(0), 700); w.End() })
		items = append(items, item)
	}
	x := h.begin(newSession(1, 1), OpInvokeRequest, invokeMessage(false, false, items...))
	for i := range 3 {
		got, more := answers(t, x.next(t))
		if len(got) != 1 || more != (i < 2) {
			t.Fatalf("message %d: %v, more %t", i, got, more)
		}
		if more {
			x.in <- statusMessage(model.Success)
		}
	}
}

func TestTimed(t *testing.T) {
	timedMessage := struc(func(w *tlv.Writer) { w.Uint(tlv.Context(0), 500) })
	label := writeItem{Path: path(1, testCluster, 2), Value: element(t, func(w *tlv.Writer) { w.Uint(tlv.Anonymous(), 5) })}
	tests := map[string]struct {
		wait   time.Duration
		next   message
		status model.Status // of a status response, if want is nil
		want   []int
		ran    int32
	}{
		"in time":               {400 * time.Millisecond, message{OpInvokeRequest, invokeMessage(true, false, command(1, 0))}, 0, []int{0}, 1},
		"late":                  {600 * time.Millisecond, message{OpInvokeRequest, invokeMessage(true, false, command(1, 0))}, model.Timeout, nil, 0},
		"without the flag":      {0, message{OpInvokeRequest, invokeMessage(false, false, command(1, 0))}, model.TimedRequestMismatch, nil, 0},
		"a read":                {0, message{OpReadRequest, readMessage(true, nil, nil, 0)}, model.InvalidAction, nil, 0},
		"a write":               {0, message{OpWriteRequest, writeMessage(true, false, label)}, 0, []int{0}, 0},
		"a write, late":         {time.Second, message{OpWriteRequest, writeMessage(true, false, label)}, model.Timeout, nil, 0},
		"a write, no flag":      {0, message{OpWriteRequest, writeMessage(false, false, label)}, model.TimedRequestMismatch, nil, 0},
		"not announced is late": {0, message{OpTimedRequest, timedMessage}, model.InvalidAction, nil, 0},
	}
	for name, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, 2, nil)
			x := h.begin(newSession(1, 1), OpTimedRequest, timedMessage)
			if s := statusOf(t, x.next(t)); s != model.Success {
				t.Fatal(s)
			}
			time.Sleep(tt.wait)
			x.in <- tt.next
			m := x.next(t)
			switch {
			case tt.want == nil:
				if s := statusOf(t, m); s != tt.status {
					t.Errorf("%s: %v, want %v", name, s, tt.status)
				}
			case m.opcode == OpWriteResponse:
				if got := statuses(t, m); len(got) != 1 || got[0] != 0 {
					t.Errorf("%s: %v", name, got)
				}
			default:
				if got, _ := answers(t, m); !slices.Equal(got, tt.want) {
					t.Errorf("%s: %v", name, got)
				}
			}
			if got := h.things[1].invoked.Load(); got != tt.ran {
				t.Errorf("%s: ran %d times", name, got)
			}
		})
	}
	h := newHouse(t, 2, nil)
	x := h.begin(newSession(1, 1), OpInvokeRequest, invokeMessage(true, false, command(1, 0)))
	if s := statusOf(t, x.next(t)); s != model.TimedRequestMismatch {
		t.Errorf("the flag alone: %v", s)
	}
}
