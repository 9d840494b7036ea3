package homekit

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/characteristic"
	"github.com/brutella/hap/service"
)

// MaxAccessories is how many accessories one server may have, the bridge included (HAP R2 2.5.3.2).
const MaxAccessories = 150

const maxServices = 100

// unit is one accessory: its place in the queue of writes and whether it answers. It outlives a change of structure.
type unit struct {
	aid         uint64
	turn        chan struct{} // holds a token while a handler runs
	unreachable atomic.Bool
}

func newUnit(aid uint64) *unit { return &unit{aid: aid, turn: make(chan struct{}, 1)} }

// structure is everything about the accessories but the values, encoded. It never changes; SetAccessories makes
// another one.
type structure struct {
	units map[uint64]*unit
	attrs map[ID]*attribute
	parts []part // GET /accessories: text and the value that follows it
	size  int    // bytes of all texts
	hash  [32]byte
}

type part struct {
	text  []byte
	value *attribute // nil after the last text
}

// buildStructure checks and encodes the accessories. They are ordered by id, so that the order in which an owner lists
// devices changes neither the answer nor c#.
func buildStructure(as []*accessory.A, old *structure) (*structure, error) {
	if len(as) == 0 || len(as) > MaxAccessories {
		return nil, fmt.Errorf("%d accessories: between 1 and %d are possible", len(as), MaxAccessories)
	}
	as = slices.Clone(as)
	if slices.Contains(as, nil) {
		return nil, fmt.Errorf("an accessory is nil")
	}
	slices.SortFunc(as, func(a, b *accessory.A) int { return cmp.Compare(a.Id, b.Id) })
	if as[0].Id != 1 {
		return nil, fmt.Errorf("the first accessory has id %d: it must be 1", as[0].Id)
	}
	st := &structure{units: map[uint64]*unit{}, attrs: map[ID]*attribute{}}
	e := &encoder{st: st, text: []byte(`{"accessories":[`), known: map[string][]byte{}}
	for i, a := range as {
		if st.units[a.Id] != nil {
			return nil, fmt.Errorf("accessory id %d is used twice", a.Id)
		}
		u := newUnit(a.Id)
		if old != nil && old.units[a.Id] != nil {
			u = old.units[a.Id]
		}
		st.units[a.Id] = u
		if i > 0 {
			e.text = append(e.text, ',')
		}
		if err := e.accessory(u, a); err != nil {
			return nil, fmt.Errorf("accessory %d: %w", a.Id, err)
		}
	}
	e.text = append(e.text, "]}"...)
	e.cut(nil)

	h := sha256.New()
	for _, p := range st.parts {
		st.size += len(p.text)
		h.Write(p.text)
		h.Write([]byte{0})
	}
	h.Sum(st.hash[:0])
	return st, nil
}

// encoder writes the answer of GET /accessories with holes for the values.
type encoder struct {
	st    *structure
	text  []byte
	ids   map[uint64]bool   // of the present accessory
	known map[string][]byte // a house has many devices of few kinds, and what is said of them is kept once
}

func (e *encoder) cut(value *attribute) {
	e.st.parts = append(e.st.parts, part{e.keep(e.text), value})
	e.text = e.text[:0]
}

// keep returns bytes that stay as they are: those of an equal text before, or a copy.
func (e *encoder) keep(text []byte) []byte {
	b, ok := e.known[string(text)]
	if !ok {
		b = slices.Clone(text)
		e.known[string(b)] = b
	}
	return b
}

func (e *encoder) claim(id uint64) error {
	if id == 0 {
		return fmt.Errorf("an instance id is 0")
	}
	if e.ids[id] {
		return fmt.Errorf("instance id %d is used twice", id)
	}
	e.ids[id] = true
	return nil
}

func (e *encoder) accessory(u *unit, a *accessory.A) error {
	e.ids = map[uint64]bool{}
	ss := slices.Clone(a.Ss)
	if len(ss) > maxServices || slices.Contains(ss, nil) {
		return fmt.Errorf("%d services, or one of them nil", len(ss))
	}
	slices.SortFunc(ss, func(a, b *service.S) int { return cmp.Compare(a.Id, b.Id) })
	if len(ss) == 0 || shortType(ss[0].Type) != typeInformation || ss[0].Id != 1 {
		return fmt.Errorf("the service with instance id 1 must be AccessoryInformation")
	}
	e.text = fmt.Appendf(e.text, `{"aid":%d,"services":[`, a.Id)
	for i, s := range ss {
		if i > 0 {
			e.text = append(e.text, ',')
		}
		if err := e.service(u, s); err != nil {
			return fmt.Errorf("service %s: %w", s.Type, err)
		}
	}
	for _, s := range ss {
		for _, l := range s.Linked {
			if l == s || !slices.Contains(ss, l) {
				return fmt.Errorf("service %s links a service of another accessory", s.Type)
			}
		}
	}
	e.text = append(e.text, "]}"...)
	return e.information(u)
}

func (e *encoder) service(u *unit, s *service.S) error {
	if err := e.claim(s.Id); err != nil {
		return err
	}
	typ := shortType(s.Type)
	if typ == "" || checkText(typ, 36) != nil {
		return fmt.Errorf("type %q", s.Type)
	}
	e.text = fmt.Appendf(e.text, `{"iid":%d,"type":`, s.Id)
	e.text = appendString(e.text, typ)
	if s.Primary {
		e.text = append(e.text, `,"primary":true`...)
	}
	if s.Hidden {
		e.text = append(e.text, `,"hidden":true`...)
	}
	linked := make([]uint64, 0, len(s.Linked))
	for _, l := range s.Linked {
		linked = append(linked, l.Id)
	}
	slices.Sort(linked)
	for i, id := range linked {
		e.text = append(e.text, []string{`,"linked":[`, ","}[min(i, 1)]...)
		e.text = strconv.AppendUint(e.text, id, 10)
	}
	if len(linked) > 0 {
		e.text = append(e.text, ']')
	}
	e.text = append(e.text, `,"characteristics":[`...)
	cs := slices.Clone(s.Cs)
	if slices.Contains(cs, nil) {
		return fmt.Errorf("a characteristic is nil")
	}
	slices.SortFunc(cs, func(a, b *characteristic.C) int { return cmp.Compare(a.Id, b.Id) })
	for i, c := range cs {
		if i > 0 {
			e.text = append(e.text, ',')
		}
		if err := e.claim(c.Id); err != nil {
			return err
		}
		a, err := newAttribute(u, typ, c)
		if err != nil {
			return fmt.Errorf("characteristic %d (type %s): %w", c.Id, c.Type, err)
		}
		a.typeJSON, a.permsJSON, a.metaJSON, a.value = e.keep(a.typeJSON), e.keep(a.permsJSON), e.keep(a.metaJSON), e.keep(a.value)
		e.st.attrs[a.ID] = a
		e.characteristic(a)
	}
	e.text = append(e.text, "]}"...)
	return nil
}

func (e *encoder) characteristic(a *attribute) {
	e.text = append(e.text, `{"iid":`...)
	e.text = strconv.AppendUint(e.text, a.IID, 10)
	e.text = append(append(append(e.text, a.typeJSON...), a.permsJSON...), a.metaJSON...)
	if a.can(permRead) {
		e.text = append(e.text, `,"value":`...)
		e.cut(a)
	}
	e.text = append(e.text, '}')
}

// information checks what Apple Home refuses to do without (HAP R2 8.1): a name, a maker, a model, a serial number of
// at least two bytes, a firmware revision and Identify.
func (e *encoder) information(u *unit) error {
	least := map[string]int{"14": 0, "20": 1, "21": 1, "23": 1, "30": 2, "52": 1}
	names := map[string]string{"14": "Identify", "20": "Manufacturer", "21": "Model", "23": "Name", "30": "SerialNumber", "52": "FirmwareRevision"}
	for _, a := range e.st.attrs {
		if n, ok := least[a.typ]; ok && a.info && a.AID == u.aid {
			if n > 0 && len(a.value) < n+2 {
				return fmt.Errorf("%s is %s: at least %d bytes are needed", names[a.typ], a.value, n)
			}
			delete(least, a.typ)
		}
	}
	for typ := range least {
		return fmt.Errorf("AccessoryInformation lacks %s", names[typ])
	}
	return nil
}
