package config

import (
	"errors"
	"reflect"
	"slices"
)

// Part is a section that belongs to a driver. It stays as written until somebody who has the
// driver's own struct decodes it.
type Part struct {
	Driver       string `yaml:"-"`
	Line, Column int    `yaml:"-"` // where the section names its driver, 1-based; 0 for a configuration built in code

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
// is strict: all unknown fields and wrong values are reported with their places, as Errors.
func (p *Part) Decode(into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return errors.New("config: Decode needs a pointer to a struct")
	}
	d := decoder{src: p.src}
	d.decodeFields(p.node, v.Elem(), p.path, append([]string{"driver"}, p.own...))
	d.found.sort()
	return d.found.errors()
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

func joinPath(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}
