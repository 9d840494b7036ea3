package cluster

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// entry is an access entry as a controller writes it.
type entry struct {
	privilege, auth uint64
	subjects        []uint64
	endpoint        *uint16
}

func writeEntries(entries ...entry) func(w *tlv.Writer) {
	return func(w *tlv.Writer) {
		w.Array(tlv.Anonymous())
		for _, e := range entries {
			w.Struct(tlv.Anonymous())
			w.Uint(tlv.Context(1), e.privilege)
			w.Uint(tlv.Context(2), e.auth)
			w.Array(tlv.Context(3))
			for _, s := range e.subjects {
				w.Uint(tlv.Anonymous(), s)
			}
			w.End()
			if e.endpoint == nil {
				w.Null(tlv.Context(4))
			} else {
				w.Array(tlv.Context(4))
				w.Struct(tlv.Anonymous())
				w.Null(tlv.Context(0))
				w.Uint(tlv.Context(1), uint64(*e.endpoint))
				w.Null(tlv.Context(2))
				w.End()
				w.End()
			}
			w.End()
		}
		w.End()
	}
}

func TestAccessList(t *testing.T) {
	store := memory.New()
	h := newHouse(t, store)
	index := h.commission(t, testRoot(t), 1)
	c := onFabric(index)
	endpoint := uint16(3)
	admin := entry{5, 2, []uint64{7}, nil}
	tests := map[string]struct {
		entries []entry
		want    error
	}{
		"two":              {[]entry{admin, {3, 2, []uint64{8, 9}, &endpoint}}, nil},
		"PASE":             {[]entry{{5, 1, nil, nil}}, model.ConstraintError},
		"proxy view":       {[]entry{{2, 2, nil, nil}}, model.ConstraintError},
		"too many":         {make([]entry, maxEntries+1), model.ResourceExhausted},
		"too many of them": {[]entry{{5, 2, make([]uint64, maxSubjects+1), nil}}, model.ResourceExhausted},
		"node 0":           {[]entry{{5, 2, []uint64{0}, nil}}, model.ConstraintError},
	}
	for name, tt := range tests {
		if err := h.write(t, c, AccessControlID, accessList, writeEntries(tt.entries...)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if err := h.write(t, c, AccessControlID, accessList, func(w *tlv.Writer) { w.Uint(tlv.Anonymous(), 1) }); !errors.Is(err, model.InvalidDataType) {
		t.Errorf("a number: %v", err)
	}
	if f, _ := h.table.Get(index); len(f.ACL) != 2 || *f.ACL[1].Targets[0].Endpoint != 3 {
		t.Fatalf("%+v", f.ACL)
	}
	before := h.log.Next()
	must(t, h.write(t, c, AccessControlID, accessList, writeEntries(admin, entry{4, 2, []uint64{8}, nil})))
	must(t, h.write(t, c, AccessControlID, accessList, writeEntries(admin)))
	must(t, h.write(t, c, AccessControlID, accessList, writeEntries(admin)))
	var kinds []uint64
	for _, r := range h.log.Since(before) {
		e, err := tlv.Decode(r.Data)
		must(t, err)
		kinds = append(kinds, tlv.OpenStruct(e).Uint64(3))
	}
	if len(kinds) != 2 || kinds[0] != entryChanged || kinds[1] != entryRemoved {
		t.Errorf("events %v", kinds)
	}
	if got := newHouse(t, store); len(got.table.All()[0].ACL) != 1 {
		t.Error("not kept")
	}
	second := h.commission(t, testRoot(t), 2)
	all := h.read(t, &model.Caller{Auth: model.CASE, Fabric: second}, AccessControlID, accessList)
	for m := range all.Members() {
		f := tlv.OpenStruct(m)
		if own := f.Uint8(0xFE) == second; own != f.Has(3) {
			t.Errorf("an entry of fabric %d shows its subjects: %t", f.Uint8(0xFE), f.Has(3))
		}
	}
	if all.Count() != 2 {
		t.Errorf("%d entries", all.Count())
	}
}

func TestAccessExtension(t *testing.T) {
	h := newHouse(t, memory.New())
	c := onFabric(h.commission(t, testRoot(t), 1))
	list := func(items ...[]byte) func(w *tlv.Writer) {
		return func(w *tlv.Writer) {
			w.Array(tlv.Anonymous())
			for _, b := range items {
				w.Struct(tlv.Anonymous())
				w.Octets(tlv.Context(1), b)
				w.End()
			}
			w.End()
		}
	}
	good := []byte{0x17, 0xD0, 0xF1, 0xFF, 0xED, 0xDE, 0x01, 0x00, 0x48, 0x18}
	w := tlv.NewWriter(nil)
	w.List(tlv.Anonymous())
	w.Bool(tlv.FullyQualified(0xFFF1, 1, 1), true)
	w.End()
	if b, err := w.Finish(); err == nil {
		good = b
	}
	tests := map[string]struct {
		items [][]byte
		want  error
	}{
		"an empty list":      {[][]byte{{0x17, 0x18}}, nil},
		"a maker's value":    {[][]byte{good}, nil},
		"two":                {[][]byte{good, good}, model.ConstraintError},
		"a structure":        {[][]byte{{0x15, 0x18}}, model.ConstraintError},
		"no TLV":             {[][]byte{{0xFF}}, model.ConstraintError},
		"without a profile":  {[][]byte{{0x17, 0x28, 0x01, 0x18}}, model.ConstraintError},
		"larger than may be": {[][]byte{make([]byte, 129)}, tlv.ErrType},
	}
	for name, tt := range tests {
		if err := h.write(t, c, AccessControlID, accessExtension, list(tt.items...)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func openFields(timeout uint64, verifier int, iterations uint64, salt int) func(w *tlv.Writer) {
	return func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), timeout)
		w.Octets(tlv.Context(1), make([]byte, verifier))
		w.Uint(tlv.Context(2), 0xABC)
		w.Uint(tlv.Context(3), iterations)
		w.Octets(tlv.Context(4), make([]byte, salt))
	}
}

func TestCommissioningWindow(t *testing.T) {
	own := func(code uint8) string { return (&model.ClusterStatus{Status: model.Failure, Code: code}).Error() }
	tests := map[string]struct {
		command uint32
		fill    func(w *tlv.Writer)
		want    string
	}{
		"enhanced":         {openWindow, openFields(180, 97, 1000, 16), ""},
		"basic":            {openBasicWindow, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 900) }, ""},
		"too short":        {openWindow, openFields(179, 97, 1000, 16), model.InvalidCommand.Error()},
		"too long":         {openWindow, openFields(901, 97, 1000, 16), model.InvalidCommand.Error()},
		"a short verifier": {openWindow, openFields(180, 96, 1000, 16), own(windowParameter)},
		"few iterations":   {openWindow, openFields(180, 97, 999, 16), own(windowParameter)},
		"little salt":      {openWindow, openFields(180, 97, 1000, 15), own(windowParameter)},
		"much salt":        {openWindow, openFields(180, 97, 1000, 33), own(windowParameter)},
		"revoke nothing":   {revoke, nil, own(windowNotOpen)},
	}
	for name, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, memory.New())
			c := onFabric(h.commission(t, testRoot(t), 1))
			_, err := h.invoke(t, c, AdministratorID, tt.command, tt.fill)
			if got := errorText(err); got != tt.want || h.door.open != (tt.want == "") {
				t.Fatalf("%s: %q, open %t", name, got, h.door.open)
			}
			if !h.door.open {
				return
			}
			if v, _ := h.read(t, c, AdministratorID, adminFabric).Uint(); v != uint64(c.Fabric) {
				t.Errorf("%s: opened by %d", name, v)
			}
			if _, err := h.invoke(t, c, AdministratorID, openBasicWindow, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 300) }); errorText(err) != own(windowBusy) {
				t.Errorf("%s: opened twice: %v", name, err)
			}
			if s := h.arm(t, c, 60); s != commissioningBusy {
				t.Errorf("%s: armed over CASE while it is open: %d", name, s)
			}
			h.adopted = 0
			if s := h.arm(t, h.pase(), 60); s != commissioningOK {
				t.Errorf("%s: arm over PASE: %d", name, s)
			}
			_, err = h.invoke(t, c, AdministratorID, revoke, nil)
			if err != nil || h.door.open || h.failsafe.Armed() {
				t.Errorf("%s: revoked: %v, open %t, fail-safe %t", name, err, h.door.open, h.failsafe.Armed())
			}
			_, err = h.invoke(t, c, AdministratorID, tt.command, tt.fill)
			must(t, err)
			time.Sleep(commissioning.MostTime)
			synctest.Wait()
			if h.door.open || !h.read(t, c, AdministratorID, adminFabric).IsNull() {
				t.Errorf("%s: open for ever", name)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func keySet(id uint64, policy uint64, epochs ...uint64) func(w *tlv.Writer) {
	return func(w *tlv.Writer) {
		w.Struct(tlv.Context(0))
		w.Uint(tlv.Context(0), id)
		w.Uint(tlv.Context(1), policy)
		for i := range uint8(3) {
			if int(i) < len(epochs) && epochs[i] != 0 {
				w.Octets(tlv.Context(2+2*i), bytes.Repeat([]byte{i + 1}, 16))
				w.Uint(tlv.Context(3+2*i), epochs[i])
			} else {
				w.Null(tlv.Context(2 + 2*i))
				w.Null(tlv.Context(3 + 2*i))
			}
		}
		w.End()
	}
}

func TestGroupKeys(t *testing.T) {
	h := newHouse(t, memory.New())
	index := h.commission(t, testRoot(t), 1)
	c := onFabric(index)
	tests := map[string]struct {
		fill func(w *tlv.Writer)
		want error
	}{
		"one":          {keySet(1, 0, 5), nil},
		"three":        {keySet(1, 0, 5, 6, 7), nil},
		"none":         {keySet(1, 0), model.InvalidCommand},
		"a hole":       {keySet(1, 0, 5, 0, 7), model.InvalidCommand},
		"out of order": {keySet(1, 0, 5, 4), model.InvalidCommand},
		"the policy":   {keySet(1, 1, 5), model.InvalidCommand},
	}
	for name, tt := range tests {
		if _, err := h.invoke(t, c, GroupKeyManagementID, keySetWrite, tt.fill); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []uint64{2, 3} {
		_, err := h.invoke(t, c, GroupKeyManagementID, keySetWrite, keySet(id, 0, 5))
		must(t, err)
	}
	if _, err := h.invoke(t, c, GroupKeyManagementID, keySetWrite, keySet(9, 0, 5)); !errors.Is(err, model.ResourceExhausted) {
		t.Errorf("one too many: %v", err)
	}
	old := h.table.All()[0].IPKs[0]
	_, err := h.invoke(t, c, GroupKeyManagementID, keySetWrite, keySet(0, 0, 5))
	must(t, err)
	if bytes.Equal(old, h.table.All()[0].IPKs[0]) {
		t.Error("a new identity protection key is not used")
	}
	id := func(n uint64) func(w *tlv.Writer) { return func(w *tlv.Writer) { w.Uint(tlv.Context(0), n) } }
	f, err := h.invoke(t, c, GroupKeyManagementID, keySetRead, id(2))
	must(t, err)
	if set := f.Struct(0); set.Uint16(0) != 2 || !set.Element(2).IsNull() || set.Uint64(3) != 5 {
		t.Error("read")
	}
	mapping := func(pairs ...uint64) func(w *tlv.Writer) {
		return func(w *tlv.Writer) {
			w.Array(tlv.Anonymous())
			for i := 0; i < len(pairs); i += 2 {
				w.Struct(tlv.Anonymous())
				w.Uint(tlv.Context(1), pairs[i])
				w.Uint(tlv.Context(2), pairs[i+1])
				w.End()
			}
			w.End()
		}
	}
	for name, tt := range map[string]struct {
		pairs []uint64
		want  error
	}{"set 0": {[]uint64{1, 0}, model.ConstraintError}, "group 0": {[]uint64{0, 2}, model.ConstraintError}, "twice": {[]uint64{1, 2, 1, 3}, model.ConstraintError},
		"too many": {make([]uint64, 2*maxGroups+2), model.ResourceExhausted}} {
		if err := h.write(t, c, GroupKeyManagementID, groupKeyMap, mapping(tt.pairs...)); !errors.Is(err, tt.want) {
			t.Errorf("map, %s: %v", name, err)
		}
	}
	must(t, h.write(t, c, GroupKeyManagementID, groupKeyMap, mapping(1, 2, 5, 3)))
	for n, want := range map[uint64]error{0: model.InvalidCommand, 77: model.NotFound, 2: nil} {
		if _, err := h.invoke(t, c, GroupKeyManagementID, keySetRemove, id(n)); !errors.Is(err, want) {
			t.Errorf("remove %d: %v", n, err)
		}
	}
	if f, _ := h.table.Get(index); len(f.KeyMap) != 1 || f.KeyMap[0].Group != 5 {
		t.Errorf("%+v", f.KeyMap)
	}
	f, err = h.invoke(t, c, GroupKeyManagementID, keySetReadAll, nil)
	if err != nil || f.Array(0).Count() != 3 {
		t.Errorf("all: %v", err)
	}
}

func TestIdentify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shows []bool
		i := NewIdentify(IdentifyActuator, func(on bool) { shows = append(shows, on) })
		call := func(s uint64) {
			e, err := tlv.Decode(model.Structure(func(w *tlv.Writer) { w.Uint(tlv.Context(0), s) }))
			must(t, err)
			_, err = i.Invoke(t.Context(), nil, 0, e)
			must(t, err)
		}
		left := func() uint64 {
			w := tlv.NewWriter(nil)
			must(t, i.ReadAttribute(nil, identifyTime, w, tlv.Anonymous()))
			b, _ := w.Finish()
			e, err := tlv.Decode(b)
			must(t, err)
			v, _ := e.Uint()
			return v
		}
		call(0)
		call(10)
		time.Sleep(4 * time.Second)
		if left() != 6 {
			t.Errorf("%d s left", left())
		}
		time.Sleep(7 * time.Second)
		synctest.Wait()
		call(10)
		call(0)
		if left() != 0 || len(shows) != 4 || shows[0] != true || shows[1] || !shows[2] || shows[3] {
			t.Errorf("left %d, shown %v", left(), shows)
		}
	})
}

func TestLabelsAreKept(t *testing.T) {
	store := memory.New()
	h := newHouse(t, store)
	if s, _ := h.read(t, h.pase(), BasicInformationID, basicNodeLabel).Text(); s != "Villa" {
		t.Errorf("at first %q", s)
	}
	must(t, h.write(t, h.pase(), BasicInformationID, basicNodeLabel, func(w *tlv.Writer) { w.Text(tlv.Anonymous(), "Rose") }))
	if err := h.write(t, h.pase(), BasicInformationID, basicNodeLabel, func(w *tlv.Writer) { w.Text(tlv.Anonymous(), string(make([]byte, 33))) }); !errors.Is(err, model.ConstraintError) {
		t.Errorf("too long: %v", err)
	}
	if err := h.write(t, h.pase(), BasicInformationID, basicLocation, func(w *tlv.Writer) { w.Text(tlv.Anonymous(), "F") }); !errors.Is(err, model.ConstraintError) {
		t.Errorf("one letter: %v", err)
	}
	if s, _ := newHouse(t, store).read(t, h.pase(), BasicInformationID, basicNodeLabel).Text(); s != "Rose" {
		t.Errorf("after a restart %q", s)
	}
	var told []string
	b := NewBridged(BridgedDevice{Label: "Gate", UniqueID: "g", SetLabel: func(s string) error { told = append(told, s); return nil }})
	e, err := tlv.Decode([]byte{0x0C, 1, 'x'})
	must(t, err)
	must(t, b.WriteAttribute(t.Context(), nil, basicNodeLabel, e))
	if len(told) != 1 || told[0] != "x" {
		t.Errorf("told %v", told)
	}
}

func TestDiagnostics(t *testing.T) {
	h := newHouse(t, memory.New())
	f, err := h.invoke(t, h.pase(), GeneralDiagnosticsID, timeSnapshot, nil)
	if err != nil || f.Uint64(1) != 5 {
		t.Errorf("time: %v", err)
	}
	_, err = h.invoke(t, h.pase(), GeneralDiagnosticsID, testEventTrigger, func(w *tlv.Writer) { w.Octets(tlv.Context(0), make([]byte, 16)); w.Uint(tlv.Context(1), 1) })
	if !errors.Is(err, model.ConstraintError) {
		t.Errorf("test event: %v", err)
	}
}
