package config

import "strings"

// Line refers to one input or output: "gpio:17" by the driver that lends it, "barn:relay-3" by the
// id of a board, "gpio:pinctrl-bcm2711/17" with the chip's label. A "!" in front means active-low.
type Line string

const maxLine = 96

// Board is the driver or the board that lends the line.
func (l Line) Board() string {
	board, _, _ := strings.Cut(strings.TrimPrefix(string(l), "!"), ":")
	return board
}

// Name is the line's name at its board.
func (l Line) Name() string {
	_, name, _ := strings.Cut(string(l), ":")
	return name
}

// ActiveLow reports whether the line is active while its level is low.
func (l Line) ActiveLow() bool { return strings.HasPrefix(string(l), "!") }

// wire is the line without its polarity: two references to one wire are one wire.
func (l Line) wire() string { return strings.TrimPrefix(string(l), "!") }

// wrong says what is wrong with the spelling, or nothing.
func (l Line) wrong() (what, remedy string) {
	const shape = `write driver-or-board:name, such as "gpio:17" or "!gpio:17" (active-low)`
	board, name, found := strings.Cut(l.wire(), ":")
	switch {
	case len(l) > maxLine:
		return "this line's name is too long", shape
	case !found && isDigits(board):
		return "a number alone does not say on which chip or board the line is", `write it as "gpio:` + board + `"`
	case !found:
		return "this does not name a line", shape
	case !idPattern(board):
		return "the part before the colon names no driver or board", shape
	case name == "":
		return "the line's name is missing after the colon", shape
	case strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '!' }) >= 0:
		return "a line's name has letters, digits and signs, but no spaces or accents", shape
	case name[0] == '/' || name[len(name)-1] == '/':
		return "a line's name neither begins nor ends with /", shape
	}
	return "", ""
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
