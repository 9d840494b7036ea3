package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// source is the text of a configuration, kept so that a message can show the line it is about.
type source struct {
	name  string
	text  string
	lines []string

	layouts layouts // of what is read from it
}

func newSource(name string, data []byte) *source {
	text := strings.TrimPrefix(string(data), "\ufeff") // some editors put a byte order mark first
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return &source{name: name, text: text, lines: strings.Split(text, "\n")}
}

// layout is how the YAML sees a struct. It must not be changed.
func (s *source) layout(t reflect.Type) *layout {
	if s == nil { // of a configuration built in code
		return new(layouts).layout(t)
	}
	return s.layouts.layout(t)
}

// readable checks what must hold before a parser sees the text.
func (s *source) readable() *Finding {
	if len(s.text) > maxSize {
		f := s.finding("too-large", 1, 1, fmt.Sprintf("the file has %d KiB", len(s.text)>>10),
			fmt.Sprintf("a configuration has at most %d KiB: is this the right file?", maxSize>>10))
		return &f
	}
	for i, line := range s.lines {
		column := 0
		for rest := line; rest != ""; {
			column++
			r, size := utf8.DecodeRuneInString(rest)
			if r == utf8.RuneError && size == 1 {
				f := s.finding("not-text", i+1, column, "this is not UTF-8 text", "save the file as UTF-8 in your editor")
				return &f
			}
			if (r < ' ' && r != '\t') || r == 0x7f {
				f := s.finding("not-text", i+1, column, fmt.Sprintf("a control character (%U) stands here", r), "remove it")
				return &f
			}
			rest = rest[size:]
		}
	}
	return nil
}

// bounded refuses more than a parser should be given, and directives.
func (s *source) bounded() *Finding {
	parts := 0
	for i, line := range s.lines {
		if strings.HasPrefix(line, "%") {
			f := s.finding("no-directives", i+1, 1, "directives (%) are not used here", "remove the line")
			return &f
		}
		parts++
		for at := range len(line) {
			switch line[at] {
			case ',', '[', '{', ':':
				parts++
			}
			if parts > maxParts {
				f := s.finding("too-large", i+1, utf8.RuneCountInString(line[:at])+1, "the file has more parts than any house",
					"a configuration has at most 65536 lines, fields and entries of lists")
				return &f
			}
		}
	}
	return nil
}

func (s *source) finding(rule string, line, column int, what, remedy string) Finding {
	f := Finding{Severity: SeverityError, Rule: rule, What: what, Remedy: remedy}
	s.locate(&f, line, column)
	return f
}

func (s *source) locate(f *Finding, line, column int) {
	if s == nil {
		return
	}
	f.File = s.name
	if line < 1 {
		return
	}
	f.Line, f.Column = line, column
	f.Excerpt = s.excerpt(line, column)
}

// excerpt shows the line before, the line, and a caret under the column.
func (s *source) excerpt(line, column int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	const wide = 160 // a longer line is cut, so that a message stays a message
	width := len(fmt.Sprint(line))
	var b strings.Builder
	if line > 1 && strings.TrimSpace(s.lines[line-2]) != "" {
		fmt.Fprintf(&b, "  %*d | %s\n", width, line-1, show(s.lines[line-2], wide))
	}
	fmt.Fprintf(&b, "> %*d | %s\n", width, line, show(s.lines[line-1], wide))
	fmt.Fprintf(&b, "  %s   %s^", strings.Repeat(" ", width), strings.Repeat(" ", min(max(column, 1), wide)-1))
	return b.String()
}

// A password in an address is not shown: the stars keep the caret in its place.
var inAddress = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`//[^/@\s"']*@`) })

func show(line string, wide int) string {
	line = inAddress().ReplaceAllStringFunc(line, func(s string) string {
		return "//" + strings.Repeat("*", utf8.RuneCountInString(s)-3) + "@"
	})
	line = strings.ReplaceAll(strings.TrimRight(line, " \t\r"), "\t", " ")
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, line)
	if r := []rune(line); len(r) > wide {
		return string(r[:wide-1]) + "…"
	}
	return line
}
