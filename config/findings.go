package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding stops the bridge from starting.
type Severity string

// Severities. A warning is something the owner should know; it stops nothing.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Finding is one thing that is wrong with a configuration, or worth knowing about it. Its JSON is
// what `loquet check --json` prints.
type Finding struct {
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule"` // a stable word for scripts: "unknown-field"
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"` // 1-based; 0 if the configuration was built in code
	Column   int      `json:"column,omitempty"`
	Path     string   `json:"path,omitempty"` // "doors.garage.travel"
	What     string   `json:"what"`
	Remedy   string   `json:"remedy"` // one line: what to do
	Excerpt  string   `json:"excerpt,omitempty"`
}

// String is the finding as a person reads it: file, line, column and what is wrong, the line with a
// caret, and what to do.
func (f Finding) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File + ":")
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", f.Line, f.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if f.Severity == SeverityWarning {
		b.WriteString("warning: ")
	}
	if f.Line == 0 && f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.What)
	if f.Excerpt != "" {
		b.WriteString("\n" + f.Excerpt)
	}
	if f.Remedy != "" {
		b.WriteString("\n" + f.Remedy)
	}
	return b.String()
}

// Errors are all the errors of a configuration, in the order of the file. It is the error that
// Parse, Load and Check return; take it out with errors.As.
type Errors []Finding

// Error is every finding, with an empty line between.
func (e Errors) Error() string {
	parts := make([]string, len(e))
	for i, f := range e {
		parts[i] = f.String()
	}
	return strings.Join(parts, "\n\n")
}

type findings []Finding

// errors are the findings of SeverityError as an error, or nil.
func (fs findings) errors() error {
	var out Errors
	for _, f := range fs {
		if f.Severity == SeverityError {
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (fs findings) warnings() []Finding {
	var out []Finding
	for _, f := range fs {
		if f.Severity == SeverityWarning {
			out = append(out, f)
		}
	}
	return out
}

func (fs findings) sort() {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
