package config

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Bounds of a configuration. Size and count are looked at before the YAML parser runs.
const (
	maxSize  = 640 << 10 // bytes
	maxParts = 64 << 10
	maxDepth = 24
)

type shape uint8

const (
	shapeNull shape = iota
	shapeText       // quoted, or plain and neither number nor truth value
	shapeInt
	shapeFloat
	shapeBool
	shapeMap
	shapeList
)

func (s shape) String() string {
	switch s {
	case shapeNull:
		return "nothing"
	case shapeText:
		return "text"
	case shapeInt, shapeFloat:
		return "a number"
	case shapeBool:
		return "true or false"
	case shapeMap:
		return "a section"
	case shapeList:
		return "a list"
	}
	return fmt.Sprintf("shape(%d)", uint8(s))
}

// node is a piece of YAML with its place: what the decoder, the rules and the printer work on.
type node struct {
	shape        shape
	text         string // scalars, as written
	keys         []key  // maps, in the order of the file
	list         []*node
	line, column int // 1-based; 0 where the configuration was built in code
}

type key struct {
	name         string
	line, column int
	value        *node
}

func (n *node) child(name string) *node {
	if k := n.key(name); k != nil {
		return k.value
	}
	return nil
}

func (n *node) key(name string) *key {
	if n == nil {
		return nil
	}
	for i := range n.keys {
		if n.keys[i].name == name {
			return &n.keys[i]
		}
	}
	return nil
}

// same reports whether two pieces say the same, wherever they stand.
func (n *node) same(m *node) bool {
	if n == nil || m == nil {
		return n == m
	}
	if n.shape != m.shape || n.text != m.text || len(n.keys) != len(m.keys) || len(n.list) != len(m.list) {
		return false
	}
	for i := range n.list {
		if !n.list[i].same(m.list[i]) {
			return false
		}
	}
	for i := range n.keys {
		if !n.keys[i].value.same(m.child(n.keys[i].name)) {
			return false
		}
	}
	return true
}

// parseTree turns YAML into nodes. Everything wrong with the YAML itself is in the findings; the
// root is nil when there is nothing to go on with.
func parseTree(src *source) (root *node, found findings) {
	if f := src.readable(); f != nil {
		return nil, findings{*f}
	}
	if f := src.bounded(); f != nil {
		return nil, findings{*f}
	}
	docs, err := parseDocuments(src.text)
	if err != nil {
		return nil, findings{syntaxFinding(src, err)}
	}
	b := builder{src: src}
	switch len(docs) {
	case 0:
		return &node{shape: shapeMap, line: 1, column: 1}, nil
	case 1:
		root = b.build(docs[0], 0)
	default:
		f := src.finding("one-document", docs[1].Line, docs[1].Column,
			"a second document begins here", "put everything in one document: remove the line \"---\"")
		b.refused = &f
	}
	if b.refused != nil {
		return nil, findings{*b.refused}
	}
	return root, b.found
}

// parseDocuments runs the YAML parser and leaves out documents with nothing in them. A panic of it on some input
// nobody thought of is one more syntax error, not the end of a running bridge that reloads.
func parseDocuments(text string) (docs []*yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			docs, err = nil, errors.New("this is not YAML that can be read")
		}
	}()
	var all []yaml.Node
	if err := yaml.Load([]byte(text), &all, yaml.WithAllDocuments()); err != nil {
		return nil, err
	}
	for i := range all {
		n := &all[i]
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			n = n.Content[0]
		}
		if n.Kind != 0 && !absent(n) {
			docs = append(docs, n)
		}
	}
	return docs, nil
}

// absent reports whether nothing stands where a value could.
func absent(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 && n.Anchor == "" && n.Tag == "!!null"
}

type builder struct {
	src     *source
	found   findings
	refused *Finding // the first part of YAML that hides what a line means: a configuration of doors has no use for it
}

// plain refuses what hides what a line means.
func (b *builder) plain(n *yaml.Node) {
	if b.refused != nil {
		return
	}
	switch {
	case n.Kind == yaml.AliasNode, n.Anchor != "", n.Tag == "!!merge":
		f := anchorFinding(b.src, n.Line, n.Column)
		b.refused = &f
	case n.Style&yaml.TaggedStyle != 0:
		f := b.src.finding("no-tags", n.Line, n.Column, fmt.Sprintf("a tag %q is not used here", clip(n.Tag)),
			"an active-low line goes in quotes: \""+clip(n.Tag)+"\"; remove any other tag")
		b.refused = &f
	}
}

func (b *builder) build(n *yaml.Node, depth int) *node {
	b.plain(n)
	out := &node{line: n.Line, column: n.Column}
	if depth > maxDepth {
		f := deepFinding(b.src, n.Line, n.Column)
		b.refused = cmp.Or(b.refused, &f)
		return out
	}
	switch n.Kind {
	case yaml.ScalarNode:
		out.shape, out.text = shapeOf(n.ShortTag()), n.Value
		if out.shape == shapeNull {
			out.text = ""
		}
	case yaml.SequenceNode:
		out.shape, out.list = shapeList, make([]*node, 0, len(n.Content))
		for _, e := range n.Content {
			out.list = append(out.list, b.build(e, depth+1))
		}
	case yaml.MappingNode:
		out.shape, out.keys = shapeMap, make([]key, 0, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			b.entry(out, n.Content[i], n.Content[i+1], depth)
		}
	default: // an alias, which is refused
	}
	return out
}

func shapeOf(tag string) shape {
	switch tag {
	case "!!null":
		return shapeNull
	case "!!int":
		return shapeInt
	case "!!float":
		return shapeFloat
	case "!!bool":
		return shapeBool
	}
	return shapeText // also what looks like a date
}

func (b *builder) entry(m *node, k, v *yaml.Node, depth int) {
	b.plain(k)
	if k.Kind != yaml.ScalarNode {
		b.found = append(b.found, b.src.finding("syntax", k.Line, k.Column, "a field's name must be one word",
			"write it as in the examples: name, colon, space, value"))
		return
	}
	value := b.build(v, depth+1)
	if first := m.key(k.Value); first != nil {
		b.found = append(b.found, b.src.finding("duplicate-key", k.Line, k.Column,
			fmt.Sprintf("%q is given twice, first in line %d", clip(k.Value), first.line),
			"keep the one that is meant and remove the other"))
		return
	}
	m.keys = append(m.keys, key{name: k.Value, line: k.Line, column: k.Column, value: value})
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// clip keeps a message readable, whatever stands in the file: control characters are shown as ?.
func clip(s string) string {
	if len(s) <= 48 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 48 {
		return string(r[:47]) + "…"
	}
	return s
}
