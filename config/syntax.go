package config

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// syntaxFinding says why a text is not YAML, and where.
func syntaxFinding(src *source, err error) Finding {
	line, column, what := 1, 1, firstLine(err.Error())
	var at *yaml.LoadError
	if errors.As(err, &at) {
		what = firstLine(at.Message)
		line, column = at.Mark.Line, at.Mark.Column
		if strings.Contains(what, "unknown anchor") {
			return anchorFinding(src, line, column)
		}
		if strings.Contains(what, "max depth") { // the parser's own, which is far beyond ours
			return deepFinding(src, line, column)
		}
	}
	line, column = max(1, min(line, len(src.lines))), max(1, column)
	if text := []rune(src.lines[line-1]); column <= len(text) && text[column-1] == '\t' {
		what = "found a tab character"
	}
	return src.finding("syntax", line, column, "this is not YAML: "+inWords(what),
		"check the indentation (spaces, the same for all fields of a section), the colon and space after a field, and the quotes")
}

// inWords says the parser's commonest complaints in words of the file; others stay as they are.
func inWords(what string) string {
	for _, known := range [][2]string{
		{"mapping values are not allowed", "a second colon stands where one value is expected"},
		{"did not find expected key", "a field is expected here, or the end of its section"},
		{"did not find expected ',' or ']'", "a comma or ] is expected here"},
		{"did not find expected ',' or '}'", "a comma or } is expected here"},
		{"could not find expected ':'", "the colon after a field is missing"},
		{"cannot start any token", "this character cannot begin a value: text that begins with it goes in quotes"},
		{"tab character", "a tab stands where spaces belong"},
		{"end of stream", "the file ends in the middle of a quoted text"},
	} {
		if strings.Contains(what, known[0]) {
			return known[1]
		}
	}
	return what
}

func deepFinding(src *source, line, column int) Finding {
	return src.finding("too-deep", max(1, line), max(1, column), "this is nested too deeply", fmt.Sprintf("at most %d levels are read", maxDepth))
}

func anchorFinding(src *source, line, column int) Finding {
	return src.finding("no-anchors", max(1, line), max(1, column), "anchors, aliases and merges (&, *, <<) are not used here",
		"write the lines out for each device; text that begins with & or * goes in quotes")
}
