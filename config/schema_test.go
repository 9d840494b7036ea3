package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/loquet/loquet/config"
)

func TestSchemaAgreesWithTheDecoder(t *testing.T) {
	text, err := config.Schema(catalog())
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	// What an editor can see without the rules: the spelling, the kinds of values, the words allowed.
	shape := []string{"good", "unknown-field", "wrong-type", "missing-driver", "unknown-driver", "bad-kind", "bad-id",
		"bad-duration", "bad-remote-close", "bad-timed-writes", "bad-matter", "absent", "missing-opener", "missing-bolt", "bad-value"}
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		rule, _, _ := strings.Cut(filepath.Base(file), ".")
		if !slices.Contains(shape, rule) || strings.HasSuffix(file, "bad-value.yaml") {
			continue
		}
		seen++
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := yaml.Unmarshal(data, &doc); err != nil {
			t.Fatal(file, err)
		}
		err = validate(root, root, doc, "")
		if (rule == "good") != (err == nil) {
			t.Errorf("%s: the schema says %v", file, err)
		}
	}
	if seen < 20 {
		t.Errorf("%d files compared", seen)
	}
}

func TestSchemaDescribesEveryField(t *testing.T) {
	text, err := config.Schema(config.Catalog{})
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	fields := 0
	var walk func(at string, v any)
	walk = func(at string, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		if properties, ok := m["properties"].(map[string]any); ok {
			for name, p := range properties {
				fields++
				if d, _ := p.(map[string]any)["description"].(string); d == "" {
					t.Errorf("%s.%s has no description", at, name)
				}
			}
		}
		for name, child := range m {
			walk(at+"."+name, child)
		}
	}
	walk("", root["properties"])
	if fields < 40 {
		t.Errorf("only %d fields found", fields)
	}
	again, _ := config.Schema(config.Catalog{})
	if string(again) != string(text) {
		t.Error("two calls give two schemas")
	}
}

// validate knows as much of JSON Schema as the schema uses.
func validate(root, s map[string]any, v any, at string) error {
	for word := range s {
		known := []string{"$schema", "$defs", "$ref", "title", "description", "type", "const", "enum", "pattern", "properties",
			"required", "additionalProperties", "propertyNames", "items", "oneOf", "not"}
		if !slices.Contains(known, word) {
			return fmt.Errorf("%s: the test does not know %q", at, word)
		}
	}
	if ref, ok := s["$ref"].(string); ok {
		defs := root["$defs"].(map[string]any)
		if err := validate(root, defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any), v, at); err != nil {
			return err
		}
	}
	if _, ok := s["not"]; ok {
		return fmt.Errorf("%s: nothing may stand here", at)
	}
	if all, ok := s["oneOf"].([]any); ok {
		var errs []error
		for _, one := range all {
			errs = append(errs, validate(root, one.(map[string]any), v, at))
		}
		if n := len(slices.DeleteFunc(slices.Clone(errs), func(e error) bool { return e != nil })); n != 1 {
			return fmt.Errorf("%s: %d of the alternatives: %w", at, n, errors.Join(errs...))
		}
	}
	if want, ok := s["const"]; ok && want != v {
		return fmt.Errorf("%s: %v, want %v", at, v, want)
	}
	if words, ok := s["enum"].([]any); ok && !slices.Contains(words, v) {
		return fmt.Errorf("%s: %v, want one of %v", at, v, words)
	}
	if p, ok := s["pattern"].(string); ok {
		if text, ok := v.(string); ok && !regexp.MustCompile(p).MatchString(text) {
			return fmt.Errorf("%s: %q does not match %s", at, text, p)
		}
	}
	return validateType(root, s, v, at)
}

func validateType(root, s map[string]any, v any, at string) error {
	ok := true
	switch s["type"] {
	case "string":
		_, ok = v.(string)
	case "boolean":
		_, ok = v.(bool)
	case "integer":
		_, ok = v.(int)
	case "array":
		var list []any
		list, ok = v.([]any)
		for i, e := range list {
			if items, has := s["items"].(map[string]any); has {
				if err := validate(root, items, e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
					return err
				}
			}
		}
	case "object":
		var m map[string]any
		if m, ok = v.(map[string]any); ok {
			return validateObject(root, s, m, at)
		}
	}
	if !ok {
		return fmt.Errorf("%s: %T is no %v", at, v, s["type"])
	}
	return nil
}

func validateObject(root, s map[string]any, m map[string]any, at string) error {
	required, _ := s["required"].([]any)
	for _, r := range required {
		if _, ok := m[r.(string)]; !ok {
			return fmt.Errorf("%s: %v is missing", at, r)
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for name, e := range m {
		if names, ok := s["propertyNames"].(map[string]any); ok {
			if err := validate(root, names, name, at+"."+name); err != nil {
				return err
			}
		}
		if p, ok := properties[name].(map[string]any); ok {
			if err := validate(root, p, e, at+"."+name); err != nil {
				return err
			}
			continue
		}
		switch more := s["additionalProperties"].(type) {
		case bool:
			if !more {
				return fmt.Errorf("%s: unknown field %q", at, name)
			}
		case map[string]any:
			if err := validate(root, more, e, at+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}
