package conformance

import (
	"slices"
	"strings"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// access is what the data model's shorthand says, such as "RW F VA T" (Matter 1.4 section 7.6).
type access struct {
	read, write                      model.Privilege
	writable, fabric, timed, sensive bool
}

// parse reads the shorthand. The privileges that are not stated are View to read and Operate to write and invoke.
func parse(s string) access {
	a := access{read: model.View, write: model.Operate}
	privileges := map[rune]model.Privilege{'V': model.View, 'O': model.Operate, 'M': model.Manage, 'A': model.Administer}
	for i, word := range strings.Fields(s) {
		switch {
		case i == 0 && strings.HasPrefix(word, "R"):
			a.writable = word == "RW"
		case word == "F":
			a.fabric = true
		case word == "S":
			a.sensive = true
		case word == "T":
			a.timed = true
		default:
			letters := []rune(word)
			a.read = privileges[letters[0]]
			a.write = privileges[letters[len(letters)-1]]
		}
	}
	return a
}

func (k *checker) attributes(where string, c model.Cluster, m *cluster, is func(string) bool) {
	class := c.Class()
	for i := range m.Attributes {
		a := &m.Attributes[i]
		have, ok := class.Attribute(a.ID)
		k.judge(where, "attribute "+a.Name, evaluate(a.Conformance, m.Revision, is), ok)
		if !ok {
			continue
		}
		k.attribute(where+" "+a.Name, have, a)
		k.value(where+" "+a.Name, c, a)
	}
	for _, have := range class.Attributes {
		if !slices.ContainsFunc(m.Attributes, func(a attribute) bool { return a.ID == have.ID }) {
			k.bad("%s: attribute 0x%04x is not in the data model", where, have.ID)
		}
	}
}

func (k *checker) attribute(where string, have model.Attribute, a *attribute) {
	want := parse(a.Access)
	optional := strings.Contains(a.Access, "[W]")
	switch {
	case have.Read != want.read:
		k.bad("%s: read with privilege %d, not %d", where, have.Read, want.read)
	case want.writable && have.Write == 0:
		k.bad("%s: cannot be written", where)
	case !want.writable && !optional && have.Write != 0:
		k.bad("%s: can be written", where)
	case have.Write != 0 && have.Write != want.write:
		k.bad("%s: written with privilege %d, not %d", where, have.Write, want.write)
	}
	k.quality(where, have.Quality, model.Timed, want.timed, "timed")
	k.quality(where, have.Quality, model.FabricScoped, want.fabric, "fabric-scoped")
	k.quality(where, have.Quality, model.Fixed, strings.Contains(a.Quality, "F"), "fixed")
	k.quality(where, have.Quality, model.ChangesOmitted, strings.Contains(a.Quality, "C"), "without reports of changes")
}

func (k *checker) quality(where string, have, bit model.Quality, want bool, name string) {
	if (have&bit != 0) != want {
		k.bad("%s: %s is %t, not %t", where, name, !want, want)
	}
}

func (k *checker) commands(where string, class *model.Class, m *cluster, is func(string) bool) {
	known := map[uint32]bool{}
	for _, e := range m.Commands {
		if e.Direction != "request" {
			continue
		}
		known[e.ID] = true
		have, ok := class.Command(e.ID)
		k.judge(where, "command "+e.Name, evaluate(e.Conformance, m.Revision, is), ok)
		if !ok {
			continue
		}
		want := parse(e.Access)
		response := model.NoResponse
		if e.Response != nil {
			response = *e.Response
		}
		if have.Response != response {
			k.bad("%s: command %s is answered by %#x, not %#x", where, e.Name, have.Response, response)
		}
		if have.Invoke != want.write {
			k.bad("%s: command %s with privilege %d, not %d", where, e.Name, have.Invoke, want.write)
		}
		k.quality(where+" command "+e.Name, have.Quality, model.Timed, want.timed, "timed")
		k.quality(where+" command "+e.Name, have.Quality, model.FabricScoped, want.fabric, "fabric-scoped")
	}
	for _, have := range class.Commands {
		if !known[have.ID] {
			k.bad("%s: command 0x%02x is not in the data model", where, have.ID)
		}
	}
}

func (k *checker) event(where string, have model.EventKind, e element) {
	want := parse(e.Access)
	if !strings.ContainsAny(strings.TrimPrefix(e.Access, "RW"), "VOMA") {
		want.read = model.View
	}
	if have.Read != want.read {
		k.bad("%s: read with privilege %d, not %d", where, have.Read, want.read)
	}
	if names := [...]string{"debug", "info", "critical"}; names[have.Priority] != e.Priority {
		k.bad("%s: priority %s, not %s", where, names[have.Priority], e.Priority)
	}
	k.quality(where, have.Quality, model.FabricSensitive, want.sensive, "fabric-sensitive")
}

// value reads an attribute and holds what it gets against its shape.
func (k *checker) value(where string, c model.Cluster, a *attribute) {
	w := tlv.NewWriter(nil)
	if err := model.Read(c, &model.Caller{}, a.ID, w, tlv.Anonymous()); err != nil {
		k.bad("%s: cannot be read: %v", where, err)
		return
	}
	b, err := w.Finish()
	if err != nil {
		k.bad("%s: %v", where, err)
		return
	}
	e, err := tlv.Decode(b)
	if err != nil {
		k.bad("%s: %v", where, err)
		return
	}
	k.shape(where, e, &a.shape)
}

func (k *checker) shape(where string, e tlv.Element, s *shape) {
	if e.IsNull() {
		if !s.Nullable {
			k.bad("%s: null", where)
		}
		return
	}
	var want tlv.Type
	length := int64(-1)
	switch {
	case s.Type == "bool":
		want = tlv.TypeBool
	case s.Type == "string":
		want = tlv.TypeText
		t, _ := e.Text()
		length = int64(len(t))
	case s.Type == "octstr":
		want = tlv.TypeOctets
		o, _ := e.Octets()
		length = int64(len(o))
	case s.Type == "list":
		want, length = tlv.TypeArray, int64(e.Count())
	case s.Type == "struct":
		want = tlv.TypeStruct
	case strings.HasPrefix(s.Type, "uint"):
		want = tlv.TypeUint
		n, _ := e.Uint()
		length = int64(min(n, 1<<62))
		if len(s.Values) > 0 && !slices.Contains(s.Values, n) {
			k.bad("%s: %d is none of %v", where, n, s.Values)
		}
	case strings.HasPrefix(s.Type, "int"):
		want = tlv.TypeInt
	default:
		return
	}
	if e.Type() != want {
		k.bad("%s: %s, not %s", where, e.Type(), want)
		return
	}
	if length >= 0 && (s.Min != nil && length < *s.Min || s.Max != nil && length > *s.Max) {
		k.bad("%s: %d is out of bounds", where, length)
	}
	k.inside(where, e, s)
}

// inside looks into a list or a structure.
func (k *checker) inside(where string, e tlv.Element, s *shape) {
	if s.Entry != nil {
		for m := range e.Members() {
			k.shape(where+" entry", m, s.Entry)
		}
	}
	if s.Type != "struct" {
		return
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		m, ok := e.Member(tlv.Context(f.ID))
		switch {
		case ok:
			k.shape(where+" "+f.Name, m, &f.shape)
		case f.Conformance == "M":
			k.bad("%s: field %s is missing", where, f.Name)
		}
	}
	for m := range e.Members() {
		n, ok := m.Tag().ContextNumber()
		if !ok || n != 0xFE && !slices.ContainsFunc(s.Fields, func(f field) bool { return f.ID == n }) {
			k.bad("%s: field %s is not in the data model", where, m.Tag())
		}
	}
}
