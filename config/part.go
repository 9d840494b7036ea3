package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"
)

// Part is a section that belongs to a driver. It stays as written until somebody who has the
// driver's own struct decodes it.
type Part struct {
	Driver       string
	Line, Column int // where the section names its driver, 1-based; 0 for a configuration built in code

	node *node
	src  *source
	path string
	own  []string // fields beside the driver's, which belong to the device
}

// NewPart is a section for a configuration built in code. Settings is the driver's config struct,
// or nil; fields that are zero are left out.
func NewPart(driver string, settings any) Part {
	n := &node{shape: shapeMap}
	if settings != nil {
		if e := encode(reflect.ValueOf(settings)); e != nil && e.shape == shapeMap {
			n = e
		}
	}
	return Part{Driver: driver, node: n}
}

// Decode reads the section into a driver's config struct, which holds the defaults beforehand. It
// is strict: all unknown fields and wrong values are reported with their places, as Errors. A
// struct with a method Validate() error is asked afterwards; if its error has a method Field() string,
// that is the field the caret shows.
func (p *Part) Decode(into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return errors.New("config: Decode needs a pointer to a struct")
	}
	d := decoder{src: p.src}
	d.decodeFields(p.node, v.Elem(), p.path, append([]string{"driver"}, p.own...))
	if len(d.found) > 0 {
		d.found.sort()
		return d.found.errors()
	}
	if check, ok := into.(interface{ Validate() error }); ok {
		if err := check.Validate(); err != nil {
			return Errors{p.invalid(err)}
		}
	}
	return nil
}

func (p *Part) invalid(err error) Finding {
	f := Finding{Severity: SeverityError, Rule: "driver-settings", Path: p.path, What: err.Error(),
		Remedy: "see `loquet drivers " + p.Driver + "` for what this driver takes"}
	var hinted interface{ Remedy() string }
	if errors.As(err, &hinted) && hinted.Remedy() != "" {
		f.Remedy = hinted.Remedy()
	}
	line, column := p.Line, p.Column
	var named interface{ Field() string }
	if errors.As(err, &named) && named.Field() != "" {
		f.Path += "." + named.Field()
		if k := p.node.key(named.Field()); k != nil {
			line, column = k.value.line, k.value.column
		}
	}
	p.src.locate(&f, line, column)
	return f
}

// Same reports whether two sections say the same.
func (p *Part) Same(q *Part) bool {
	if p == nil || q == nil {
		return p == q
	}
	return p.Driver == q.Driver && p.settings().same(q.settings())
}

// settings are the driver's fields alone.
func (p *Part) settings() *node {
	out := &node{shape: shapeMap}
	if p.node == nil {
		return out
	}
	for _, k := range p.node.keys {
		if k.name != "driver" && !slices.Contains(p.own, k.name) {
			out.keys = append(out.keys, k)
		}
	}
	return out
}

// at is the place of a field of the section, or of the section.
func (p *Part) at(field string) (line, column int) {
	if k := p.node.key(field); k != nil {
		return k.value.line, k.value.column
	}
	return p.Line, p.Column
}

func joinPath(path, field string) string {
	if path == "" {
		return field
	}
	return strings.Join([]string{path, field}, ".")
}
