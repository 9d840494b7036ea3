package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	partType     = reflect.TypeFor[Part]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// decoder fills structs from nodes. It goes on after a mistake, so that all of them are reported.
type decoder struct {
	src   *source
	found findings
}

func (d *decoder) report(rule, path string, line, column int, what, remedy string) {
	f := Finding{Severity: SeverityError, Rule: rule, Path: path, What: what, Remedy: remedy}
	d.src.locate(&f, line, column)
	d.found = append(d.found, f)
}

// field is a struct field as the YAML names it.
type field struct {
	name   string
	index  int
	keyed  bool   // a slice of structs with an ID, written as a map
	inline bool   // a Part whose fields stand beside the struct's own
	part   string // what the driver of a Part moves: opener, bolt ...
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		out = append(out, field{
			name: name, index: i, part: f.Tag.Get("part"),
			keyed:  strings.Contains(options, "keyed"),
			inline: strings.Contains(options, "inline"),
		})
	}
	return out
}

// layout is a struct as the YAML sees it.
type layout struct {
	fields []field
	names  []string // of the fields, and of those of inlined structs
}

// layouts remembers those of the structs that a file fills: a house has many sections of few kinds.
type layouts struct {
	mu sync.Mutex
	of map[reflect.Type]*layout
}

// layout is that of a struct; it must not be changed.
func (ls *layouts) layout(t reflect.Type) *layout {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.find(t)
}

func (ls *layouts) find(t reflect.Type) *layout {
	if l := ls.of[t]; l != nil {
		return l
	}
	l := &layout{fields: fieldsOf(t)}
	for _, f := range l.fields {
		switch {
		case !f.inline:
			l.names = append(l.names, f.name)
		case t.Field(f.index).Type == partType:
			l.names = append(l.names, "driver")
		default:
			l.names = append(l.names, ls.find(t.Field(f.index).Type).names...)
		}
	}
	if ls.of == nil {
		ls.of = make(map[reflect.Type]*layout)
	}
	ls.of[t] = l
	return l
}

func (d *decoder) decode(n *node, v reflect.Value, path string) {
	switch {
	case v.Type() == durationType:
		d.duration(n, v, path)
		return
	case v.Type() == partType:
		d.part(n, v, path, nil)
		return
	case v.CanAddr() && v.Addr().Type().Implements(textType):
		if text, ok := d.text(n, path); ok {
			if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
				d.report("bad-value", path, n.line, n.column, err.Error(), "change the value")
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.decode(n, v.Elem(), path)
	case reflect.Struct:
		d.decodeFields(n, v, path, nil)
	case reflect.Slice:
		d.slice(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.String:
		if text, ok := d.text(n, path); ok {
			v.SetString(text)
		}
	default:
		d.scalar(n, v, path)
	}
}

// decodeFields fills a struct from a section. Skip are fields that belong to somebody else.
func (d *decoder) decodeFields(n *node, v reflect.Value, path string, skip []string) {
	if n == nil || n.shape == shapeNull {
		return
	}
	if n.shape != shapeMap {
		d.wrong(n, path, "a section with fields", "write the fields under it, indented, or in braces: {field: value}")
		return
	}
	known := d.src.layout(v.Type())
	fields, own := known.fields, known.names
	var inline []field
	for _, f := range fields {
		if f.inline {
			inline = append(inline, f)
		}
	}
	var rest []key
	for _, k := range n.keys {
		if slices.Contains(skip, k.name) {
			continue
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == k.name && !f.inline })
		if i < 0 {
			rest = append(rest, k)
			continue
		}
		into, at := v.Field(fields[i].index), joinPath(path, k.name)
		if fields[i].keyed {
			d.keyed(k.value, into, at)
			continue
		}
		d.decode(k.value, into, at)
	}
	for _, f := range inline {
		if into := v.Field(f.index); into.Type() == partType {
			d.part(n, into, path, slices.DeleteFunc(slices.Clone(own), func(s string) bool { return s == "driver" }))
			return // what is left belongs to the driver
		}
		rest = d.embedded(rest, v.Field(f.index), path)
	}
	if len(rest) == 0 {
		return
	}
	own = slices.Clone(own)
	for _, beside := range skip {
		if beside != "driver" {
			own = append(own, beside) // the device's, which may have been meant
		}
	}
	for _, k := range rest {
		d.unknown(k, path, own)
	}
}

// embedded gives an inlined struct the fields that are its own, and returns the others.
func (d *decoder) embedded(keys []key, v reflect.Value, path string) (rest []key) {
	own := d.src.layout(v.Type()).names
	mine := &node{shape: shapeMap}
	for _, k := range keys {
		if slices.Contains(own, k.name) {
			mine.keys = append(mine.keys, k)
		} else {
			rest = append(rest, k)
		}
	}
	d.decodeFields(mine, v, path, nil)
	return rest
}

func (d *decoder) unknown(k key, path string, known []string) {
	remedy := "nothing can be set here: remove it"
	if len(known) > 0 {
		slices.Sort(known)
		remedy = "remove it, or use one of: " + strings.Join(known, ", ")
	}
	if s, ok := suggest(k.name, known); ok {
		remedy = fmt.Sprintf("did you mean %q?", s)
	}
	d.report("unknown-field", joinPath(path, clip(k.name)), k.line, k.column,
		fmt.Sprintf("unknown field %q", clip(k.name)), remedy)
}

// keyed fills a slice of structs with an ID from a map of sections.
func (d *decoder) keyed(n *node, v reflect.Value, path string) {
	if n.shape == shapeNull {
		return // all entries commented out
	}
	if n.shape != shapeMap {
		d.wrong(n, path, "sections by id", "write an id, a colon, and its fields under it")
		return
	}
	if len(n.keys) > 0 {
		v.Set(reflect.MakeSlice(v.Type(), len(n.keys), len(n.keys)))
	}
	for i, k := range n.keys {
		item := v.Index(i)
		item.FieldByName("ID").SetString(k.name)
		d.decode(k.value, item, joinPath(path, clip(k.name)))
	}
}

// part keeps a driver's section as it is, and takes only the driver's name out of it.
func (d *decoder) part(n *node, v reflect.Value, path string, own []string) {
	if n.shape == shapeNull {
		n = &node{shape: shapeMap, line: n.line, column: n.column}
	}
	if n.shape != shapeMap {
		d.wrong(n, path, "a section with a driver", "write it as {driver: name, ...}")
		return
	}
	p := Part{node: n, src: d.src, path: path, own: own, Line: n.line, Column: n.column}
	k := n.key("driver")
	if k == nil {
		d.report("missing-driver", path, n.line, n.column, "the driver is missing",
			"add driver: and the name of one; `loquet drivers` lists them")
	} else if name, ok := d.text(k.value, joinPath(path, "driver")); ok {
		p.Driver, p.Line, p.Column = name, k.value.line, k.value.column
	}
	v.Set(reflect.ValueOf(p))
}

func (d *decoder) slice(n *node, v reflect.Value, path string) {
	if n.shape != shapeList {
		d.wrong(n, path, "a list", "write it in brackets: [one, two]")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.list), len(n.list))
	for i, e := range n.list {
		d.decode(e, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(out)
}

func (d *decoder) mapping(n *node, v reflect.Value, path string) {
	if n.shape != shapeMap || v.Type().Key().Kind() != reflect.String {
		d.wrong(n, path, "a section with fields", "write the fields under it, indented, or in braces: {field: value}")
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.keys))
	for _, k := range n.keys {
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(k.value, item, joinPath(path, clip(k.name)))
		out.SetMapIndex(reflect.ValueOf(k.name).Convert(v.Type().Key()), item)
	}
	v.Set(out)
}

func (d *decoder) text(n *node, path string) (string, bool) {
	if n.shape == shapeText {
		return n.text, true
	}
	remedy := "give it a value, or remove the line"
	if n.shape == shapeInt || n.shape == shapeFloat || n.shape == shapeBool {
		remedy = fmt.Sprintf("if it is meant as text, put it in quotes: %q", clip(n.text))
	}
	d.wrong(n, path, "text", remedy)
	return "", false
}

func (d *decoder) duration(n *node, v reflect.Value, path string) {
	const remedy = "write a number with its unit: 400ms, 15s, 10m, 2h, 90d"
	if n.shape != shapeText {
		if n.shape == shapeInt || n.shape == shapeFloat {
			d.report("bad-duration", path, n.line, n.column, fmt.Sprintf("the unit of %s is missing", clip(n.text)), remedy)
			return
		}
		d.wrong(n, path, "a duration", remedy)
		return
	}
	t, ok := parseDuration(n.text)
	if !ok {
		d.report("bad-duration", path, n.line, n.column, fmt.Sprintf("%q is not a duration", clip(n.text)), remedy)
		return
	}
	v.SetInt(int64(t))
}

// parseDuration reads a Go duration, or whole days ("90d"), which retention is counted in.
func parseDuration(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok && isDigits(days) {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n <= 100_000
	}
	t, err := time.ParseDuration(s)
	return t, err == nil
}

func (d *decoder) scalar(n *node, v reflect.Value, path string) {
	switch {
	case v.Kind() == reflect.Bool:
		if n.shape != shapeBool {
			d.wrong(n, path, "true or false", "write true or false, without quotes")
			return
		}
		v.SetBool(strings.EqualFold(n.text, "true"))
	case v.CanInt(), v.CanUint():
		if n.shape != shapeInt {
			d.wrong(n, path, "a whole number", "write a whole number, without quotes")
			return
		}
		d.integer(n, v, path)
	case v.CanFloat():
		f, err := strconv.ParseFloat(n.text, 64)
		if (n.shape != shapeInt && n.shape != shapeFloat) || err != nil || v.OverflowFloat(f) || f != f {
			d.wrong(n, path, "a number", "write a number, without quotes")
			return
		}
		v.SetFloat(f)
	default:
		d.report("wrong-type", path, n.line, n.column, "this cannot be set in a configuration", "remove it")
	}
}

func (d *decoder) integer(n *node, v reflect.Value, path string) {
	if v.CanInt() {
		if i, err := strconv.ParseInt(n.text, 0, 64); err == nil && !v.OverflowInt(i) {
			v.SetInt(i)
			return
		}
	} else if u, err := strconv.ParseUint(n.text, 0, 64); err == nil && !v.OverflowUint(u) {
		v.SetUint(u)
		return
	}
	d.report("out-of-range", path, n.line, n.column, fmt.Sprintf("%s is out of range", clip(n.text)), "write a smaller number, 0 or more if it counts something")
}

func (d *decoder) wrong(n *node, path, want, remedy string) {
	got := n.shape.String()
	if n.shape != shapeNull && n.shape != shapeMap && n.shape != shapeList {
		got = fmt.Sprintf("%q", clip(n.text))
	}
	d.report("wrong-type", path, n.line, n.column, fmt.Sprintf("%s is expected here, not %s", want, got), remedy)
}
