package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a configuration. The YAML parser is recursive and looks keys up by walking, so that
// depth and count are bounded before it runs.
const (
	maxSize   = 640 << 10 // bytes
	maxTokens = 128 << 10
	maxDepth  = 24
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
	tokens := lexer.Tokenize(src.text)
	if f := bounded(src, tokens); f != nil {
		return nil, findings{*f}
	}
	file, err := parseTokens(tokens)
	if err != nil {
		return nil, findings{syntaxFinding(src, err)}
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	if len(bodies) == 0 {
		return &node{shape: shapeMap, line: 1, column: 1}, nil
	}
	if len(bodies) > 1 {
		line, column := place(bodies[1])
		return nil, findings{src.finding("one-document", line, column,
			"a second document begins here", "put everything in one document: remove the line \"---\"")}
	}
	b := builder{src: src}
	root = b.build(bodies[0], 0)
	return root, b.found
}

// parseTokens runs the YAML parser. A panic of it on some input nobody thought of is one more
// syntax error, not the end of a running bridge that reloads.
func parseTokens(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, errors.New("this is not YAML that can be read")
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// bounded refuses what would make the parser deep or slow, and the parts of YAML that a
// configuration of doors has no use for: they hide what a line means.
func bounded(src *source, tokens token.Tokens) *Finding {
	refuse := func(t *token.Token, rule, what, remedy string) *Finding {
		f := src.finding(rule, t.Position.Line, t.Position.Column, what, remedy)
		return &f
	}
	if len(tokens) > maxTokens {
		return refuse(tokens[maxTokens], "too-large", "the file has more parts than any house",
			"a configuration has at most 131072 words, numbers and marks")
	}
	depth, line, dashes := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth = max(0, depth-1)
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return refuse(t, "no-anchors", "anchors, aliases and merges (&, *, <<) are not used here",
				"write the lines out for each device; text that begins with & or * goes in quotes")
		case token.TagType:
			return refuse(t, "no-tags", fmt.Sprintf("a tag %q is not used here", clip(t.Value)),
				"an active-low line goes in quotes: \""+clip(t.Value)+"\"; remove any other tag")
		case token.DirectiveType:
			return refuse(t, "no-directives", "directives (%) are not used here", "remove the line")
		default: // words, quotes and marks that make nothing deeper
		}
		if depth > maxDepth || dashes > maxDepth {
			return refuse(t, "too-deep", "this is nested too deeply", fmt.Sprintf("at most %d levels are read", maxDepth))
		}
	}
	return nil
}

func syntaxFinding(src *source, err error) Finding {
	var at yaml.Error
	line, column, what := 1, 1, "this is not YAML: "+firstLine(err.Error())
	if errors.As(err, &at) {
		what = "this is not YAML: " + firstLine(at.GetMessage())
		if t := at.GetToken(); t != nil && t.Position != nil {
			line, column = t.Position.Line, t.Position.Column
		}
	}
	return src.finding("syntax", line, column, what,
		"check the indentation (spaces, the same for all fields of a section), the colon and space after a field, and the quotes")
}

type builder struct {
	src   *source
	found findings
}

func (b *builder) build(n ast.Node, depth int) *node {
	line, column := place(n)
	out := &node{line: line, column: column}
	if depth > maxDepth {
		b.found = append(b.found, b.src.finding("too-deep", line, column, "this is nested too deeply",
			fmt.Sprintf("at most %d levels are read", maxDepth)))
		return out
	}
	switch v := n.(type) {
	case *ast.NullNode:
		out.shape = shapeNull
	case *ast.StringNode:
		out.shape, out.text = shapeText, v.Value
	case *ast.LiteralNode:
		out.shape = shapeText
		if v.Value != nil {
			out.text = v.Value.Value
		}
	case *ast.IntegerNode:
		out.shape, out.text = shapeInt, v.Token.Value
	case *ast.FloatNode:
		out.shape, out.text = shapeFloat, v.Token.Value
	case *ast.InfinityNode, *ast.NanNode:
		out.shape, out.text = shapeFloat, n.GetToken().Value
	case *ast.BoolNode:
		out.shape, out.text = shapeBool, v.Token.Value
	case *ast.SequenceNode:
		out.shape, out.list = shapeList, make([]*node, 0, len(v.Values))
		for _, e := range v.Values {
			out.list = append(out.list, b.build(e, depth+1))
		}
	case *ast.MappingNode:
		out.shape, out.keys = shapeMap, make([]key, 0, len(v.Values))
		for _, e := range v.Values {
			b.entry(out, e, depth)
		}
	case *ast.MappingValueNode:
		out.shape, out.keys = shapeMap, make([]key, 0, 1)
		b.entry(out, v, depth)
	default:
		b.found = append(b.found, b.src.finding("syntax", line, column, "this kind of YAML is not used here",
			"write plain text, numbers, lists and sections"))
	}
	return out
}

func (b *builder) entry(m *node, e *ast.MappingValueNode, depth int) {
	line, column := place(e.Key)
	name, ok := keyName(e.Key)
	if !ok {
		b.found = append(b.found, b.src.finding("syntax", line, column, "a field's name must be one word",
			"write it as in the examples: name, colon, space, value"))
		return
	}
	value := &node{line: line, column: column}
	if e.Value != nil {
		value = b.build(e.Value, depth+1)
	}
	if first := m.key(name); first != nil {
		b.found = append(b.found, b.src.finding("duplicate-key", line, column,
			fmt.Sprintf("%q is given twice, first in line %d", clip(name), first.line),
			"keep the one that is meant and remove the other"))
		return
	}
	m.keys = append(m.keys, key{name: name, line: line, column: column, value: value})
}

func keyName(k ast.MapKeyNode) (string, bool) {
	switch v := k.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return k.GetToken().Value, true
	}
	return "", false
}

// place is where a piece of YAML begins. A section begins at its first field, not at the colon
// which the parser takes for its token.
func place(n ast.Node) (line, column int) {
	switch v := n.(type) {
	case *ast.MappingNode:
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return place(v.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return place(v.Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return 1, 1
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
