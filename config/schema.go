package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"
)

const (
	idRegexp       = `^[a-z0-9][a-z0-9-]{0,31}$`
	lineRegexp     = `^!?[a-z0-9-]+:.+$`
	durationRegexp = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^[0-9]+d$`
)

// Schema is the JSON Schema (draft 2020-12) of a configuration for this build, for editors: fields,
// their descriptions, and the settings of every driver.
func Schema(catalog Catalog) ([]byte, error) {
	w := schemaWriter{catalog: catalog}
	root := w.object(reflect.TypeFor[Config]())
	root.Version = jsonschema.Version
	root.Title = "loquet"
	root.Description = "What stands in a house: its doors, locks, contacts and keypads."
	for section := range catalog.Absent {
		root.Properties.Delete(section)
	}
	root.Definitions = jsonschema.Definitions{}
	for _, kind := range []string{"opener", "bolt", "sensor"} {
		root.Definitions[kind] = w.oneOf(kind, &jsonschema.Schema{Properties: jsonschema.NewProperties()})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("configuration schema: %w", err)
	}
	return b.Bytes(), nil
}

type schemaWriter struct{ catalog Catalog }

func (w schemaWriter) drivers(part string) []Driver {
	switch part {
	case "opener":
		return w.catalog.Openers
	case "bolt":
		return w.catalog.Bolts
	case "sensor":
		return w.catalog.Sensors
	case "keypad":
		return w.catalog.Keypads
	case "board":
		return w.catalog.Boards
	}
	return nil
}

// object is the schema of a struct's section.
func (w schemaWriter) object(t reflect.Type) *jsonschema.Schema {
	reflector := jsonschema.Reflector{
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, DoNotReference: true, Anonymous: true,
		Mapper: w.special,
	}
	s := reflector.ReflectFromType(t)
	s.Version = ""
	if s.Properties == nil {
		s.Properties = jsonschema.NewProperties()
	}
	for _, f := range fieldsOf(t) {
		switch {
		case f.inline && t.Field(f.index).Type == partType:
			return w.oneOf(f.part, s)
		case f.part != "":
			if p, ok := s.Properties.Get(f.name); ok {
				p.Ref = "#/$defs/" + f.part
			}
		}
	}
	return s
}

// special are the types that are written in a way of their own.
func (w schemaWriter) special(t reflect.Type) *jsonschema.Schema {
	switch {
	case t == durationType:
		return &jsonschema.Schema{Type: "string", Pattern: durationRegexp}
	case t == reflect.TypeFor[Line]():
		return &jsonschema.Schema{Type: "string", Pattern: lineRegexp}
	case t == partType:
		return &jsonschema.Schema{} // refers to the drivers, see object
	case reflect.PointerTo(t).Implements(textType):
		return &jsonschema.Schema{Type: "string"}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && t.Elem().PkgPath() == reflect.TypeFor[Config]().PkgPath():
		return &jsonschema.Schema{
			Type:                 "object",
			PropertyNames:        &jsonschema.Schema{Pattern: idRegexp},
			AdditionalProperties: w.object(t.Elem()),
		}
	}
	return nil
}

// oneOf is a section whose driver decides what else stands in it. Beside are the fields that it has
// whatever the driver.
func (w schemaWriter) oneOf(part string, beside *jsonschema.Schema) *jsonschema.Schema {
	drivers := w.drivers(part)
	if len(drivers) == 0 {
		return &jsonschema.Schema{Not: &jsonschema.Schema{}, Description: "this build has no drivers for this"}
	}
	out := &jsonschema.Schema{Type: "object", Required: []string{"driver"}}
	for _, d := range drivers {
		s := &jsonschema.Schema{Title: d.Name, Description: d.Doc, Type: "object", Properties: jsonschema.NewProperties(),
			Required: append([]string{"driver"}, beside.Required...), AdditionalProperties: jsonschema.FalseSchema}
		s.Properties.Set("driver", &jsonschema.Schema{Const: d.Name, Description: d.Doc})
		for p := beside.Properties.Oldest(); p != nil; p = p.Next() {
			s.Properties.Set(p.Key, p.Value)
		}
		if d.Config != nil {
			own := w.object(d.Config)
			for p := own.Properties.Oldest(); p != nil; p = p.Next() {
				s.Properties.Set(p.Key, p.Value)
			}
			for _, r := range own.Required {
				if !slices.Contains(s.Required, r) {
					s.Required = append(s.Required, r)
				}
			}
		}
		out.OneOf = append(out.OneOf, s)
	}
	return out
}
