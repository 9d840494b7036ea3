package hw

import (
	"fmt"
	"maps"
	"slices"
)

// LineInfo is one line of a board, as an owner sees it before anything is wired.
type LineInfo struct {
	Name   string // as a Ref names it behind the board: "pinctrl-bcm2711/17", "relay-1"
	Label  string // the kernel's name for it, where there is one
	User   string // who holds it now; empty if it is free
	Output bool   // it may be energised
	Input  bool   // it may be read
}

// ListingBoard is a Board that can say which lines it has. Listing changes nothing.
type ListingBoard interface {
	Lines() ([]LineInfo, error)
}

// Boards returns the names of the boards in the house, sorted.
func (e *Env) Boards() []string {
	e.house.mu.Lock()
	defer e.house.mu.Unlock()
	return slices.Sorted(maps.Keys(e.house.boards))
}

// Lines lists the lines of a board; none where the board cannot say.
func (e *Env) Lines(board string) ([]LineInfo, error) {
	e.house.mu.Lock()
	b, ok := e.house.boards[board]
	e.house.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("%w: there is no board %q", ErrNoLine, board)
	}
	if l, ok := b.(ListingBoard); ok {
		return l.Lines()
	}
	return nil, nil
}
