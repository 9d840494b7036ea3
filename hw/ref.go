package hw

import (
	"errors"
	"fmt"
	"strings"
)

// Ref names a line in the configuration: "gpio:17", "!gpio:pinctrl-bcm2835/27", "sim:garage/relay".
// An empty Ref is a line that is not there.
type Ref string

// Line is a parsed Ref.
type Line struct {
	Board     string // the driver or the board of the configuration that provides it
	Name      string // the board's own name for it, chip/offset included
	ActiveLow bool   // active when the voltage is low
}

// ErrRef is wrapped by every error of Ref.Parse.
var ErrRef = errors.New("not a line")

const (
	maxBoardName = 32
	maxLineName  = 96 // a chip label and a line name of the kernel are 31 bytes each; other boards use paths
)

// Parse splits the reference. Errors wrap ErrRef and say how it should read.
func (r Ref) Parse() (Line, error) {
	s := string(r)
	if s == "" {
		return Line{}, refError(s, "it is empty: write board:line, for example gpio:17")
	}
	rest, low := strings.CutPrefix(s, "!")
	board, name, found := strings.Cut(rest, ":")
	switch {
	case !found:
		return Line{}, refError(s, "it names no board: write board:line, for example gpio:17")
	case !isBoardName(board):
		return Line{}, refError(s, "the board in front of the colon is 1 to 32 of a-z, 0-9 and -")
	case name == "":
		return Line{}, refError(s, "there is no line behind the colon: write board:line, for example gpio:17")
	case len(name) > maxLineName:
		return Line{}, refError(s[:maxLineName]+"...", fmt.Sprintf("the line's name is longer than %d bytes", maxLineName))
	case !isLineName(name):
		return Line{}, refError(s, "a line's name is printable ASCII without spaces, and no / at either end")
	}
	return Line{Board: board, Name: name, ActiveLow: low}, nil
}

// String writes the line as a reference again.
func (l Line) String() string {
	if l.ActiveLow {
		return "!" + l.Board + ":" + l.Name
	}
	return l.Board + ":" + l.Name
}

// Chip splits a name of the form chip/offset. The name alone is the offset where there is no chip.
func (l Line) Chip() (chip, offset string, ok bool) {
	i := strings.LastIndexByte(l.Name, '/')
	if i < 0 {
		return "", l.Name, false
	}
	return l.Name[:i], l.Name[i+1:], true
}

func refError(ref, why string) error {
	return fmt.Errorf("%w: %q: %s", ErrRef, ref, why)
}

func isBoardName(s string) bool {
	if s == "" || len(s) > maxBoardName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func isLineName(s string) bool {
	if s[0] == '/' || s[len(s)-1] == '/' {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
