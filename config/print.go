package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Print writes the configuration as YAML that parses to the same. Fields that are not set are left
// out; comments of a file it came from are not kept.
func (c *Config) Print() []byte {
	var b strings.Builder
	if n := encode(reflect.ValueOf(c).Elem()); n != nil {
		printFields(&b, n, 0)
	}
	return []byte(b.String())
}

// encode is the inverse of decode. A zero value is nil: it is not written.
func encode(v reflect.Value) *node {
	if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		if n := encode(v.Elem()); n != nil {
			return n
		}
		return zero(v.Elem())
	}
	if v.Type() == durationType {
		return nonEmpty(printDuration(time.Duration(v.Int())))
	}
	if v.Type() == partType {
		p := v.Interface().(Part)
		return p.encode()
	}
	if t, ok := v.Interface().(encoding.TextMarshaler); ok {
		if v.IsZero() {
			return nil
		}
		if text, err := t.MarshalText(); err == nil {
			return nonEmpty(string(text))
		}
	}
	switch {
	case v.Kind() == reflect.Struct:
		return encodeFields(v)
	case v.Kind() == reflect.Slice:
		return encodeList(v)
	case v.Kind() == reflect.String:
		return nonEmpty(v.String())
	case v.IsZero():
		return nil
	}
	return zero(v)
}

// zero writes a value even if it is the zero value: a pointer to false says something.
func zero(v reflect.Value) *node {
	switch {
	case v.Kind() == reflect.Struct:
		return &node{shape: shapeMap}
	case v.Kind() == reflect.String:
		return &node{shape: shapeText, text: v.String()}
	case v.Kind() == reflect.Bool:
		return &node{shape: shapeBool, text: strconv.FormatBool(v.Bool())}
	case v.CanInt():
		return &node{shape: shapeInt, text: strconv.FormatInt(v.Int(), 10)}
	case v.CanUint():
		return &node{shape: shapeInt, text: strconv.FormatUint(v.Uint(), 10)}
	case v.CanFloat():
		text := strconv.FormatFloat(v.Float(), 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return &node{shape: shapeFloat, text: text}
	}
	return nil
}

func nonEmpty(text string) *node {
	if text == "" {
		return nil
	}
	return &node{shape: shapeText, text: text}
}

func (p Part) encode() *node {
	if p.Driver == "" && p.node == nil {
		return nil
	}
	out := &node{shape: shapeMap, keys: []key{{name: "driver", value: &node{shape: shapeText, text: p.Driver}}}}
	out.keys = append(out.keys, p.settings().keys...)
	return out
}

func encodeFields(v reflect.Value) *node {
	out := &node{shape: shapeMap}
	for _, f := range fieldsOf(v.Type()) {
		into := v.Field(f.index)
		if f.keyed {
			if n := encodeKeyed(into); n != nil {
				out.keys = append(out.keys, key{name: f.name, value: n})
			}
			continue
		}
		n := encode(into)
		switch {
		case n == nil:
		case f.inline:
			out.keys = append(n.keys, out.keys...) // the driver comes first
		default:
			out.keys = append(out.keys, key{name: f.name, value: n})
		}
	}
	if len(out.keys) == 0 {
		return nil
	}
	return out
}

func encodeKeyed(v reflect.Value) *node {
	if v.Len() == 0 {
		return nil
	}
	out := &node{shape: shapeMap}
	for i := range v.Len() {
		n := encode(v.Index(i))
		if n == nil {
			n = &node{shape: shapeMap}
		}
		out.keys = append(out.keys, key{name: v.Index(i).FieldByName("ID").String(), value: n})
	}
	return out
}

func encodeList(v reflect.Value) *node {
	if v.Len() == 0 {
		return nil
	}
	out := &node{shape: shapeList}
	for i := range v.Len() {
		n := encode(v.Index(i))
		if n == nil {
			n = zero(v.Index(i))
		}
		if n != nil {
			out.list = append(out.list, n)
		}
	}
	return out
}

func printDuration(t time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case t == 0:
		return ""
	case t >= day && t%day == 0:
		return fmt.Sprintf("%dd", t/day)
	}
	s := t.String()
	if short, ok := strings.CutSuffix(s, "m0s"); ok {
		s = short + "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}

// printFields writes the fields of a section, one a line. A driver's section stands on one line.
func printFields(b *strings.Builder, n *node, depth int) {
	for _, k := range n.keys {
		b.WriteString(strings.Repeat("  ", depth) + quote(k.name) + ":")
		if k.value.shape == shapeMap && len(k.value.keys) > 0 && (depth < 2 && k.value.key("driver") == nil) {
			b.WriteByte('\n')
			printFields(b, k.value, depth+1)
			continue
		}
		b.WriteByte(' ')
		printInline(b, k.value)
		b.WriteByte('\n')
	}
}

func printInline(b *strings.Builder, n *node) {
	switch n.shape {
	case shapeNull:
		b.WriteString("null")
	case shapeText:
		b.WriteString(quote(n.text))
	case shapeMap:
		b.WriteByte('{')
		for i, k := range n.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quote(k.name) + ": ")
			printInline(b, k.value)
		}
		b.WriteByte('}')
	case shapeList:
		b.WriteByte('[')
		for i, e := range n.list {
			if i > 0 {
				b.WriteString(", ")
			}
			printInline(b, e)
		}
		b.WriteByte(']')
	case shapeInt, shapeFloat, shapeBool:
		b.WriteString(n.text)
	}
}

// quote writes text so that it is read as text: bare if it is plain words, else in quotes.
func quote(s string) string {
	if plainWords(s) {
		return s
	}
	return strconv.Quote(s)
}

// plainWords reports whether every reader of YAML takes the text for text. A duration begins with a
// digit and is text as well.
func plainWords(s string) bool {
	switch strings.ToLower(s) {
	case "", "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		return false
	}
	if strings.TrimSpace(s) != s {
		return false
	}
	if t, ok := parseDuration(s); ok && t != 0 && unicode.IsLetter(rune(s[len(s)-1])) && unicode.IsDigit(rune(s[0])) {
		return true
	}
	for i, r := range s {
		letter := (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		if !letter && (i == 0 || !strings.ContainsRune("0123456789-_ ", r)) {
			return false
		}
	}
	return true
}
