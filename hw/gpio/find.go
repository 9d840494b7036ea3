package gpio

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/loquet/loquet/hw"
)

// place is where a line is.
type place struct {
	found
	offset uint32
	name   string // the kernel's name for it; many lines have none
	twin   bool   // another chip has the same label
}

// found is a chip at the moment it was looked at.
type found struct {
	path  string
	name  string // gpiochipN: of this start only
	label string
	lines uint32
}

// String is the one name of a line: label/offset, or chip/offset where the label does not tell.
func (p place) String() string {
	if p.twin {
		return fmt.Sprintf("%s/%d", p.found.name, p.offset)
	}
	return fmt.Sprintf("%s/%d", p.label, p.offset)
}

// scan looks at all chips. denied is what kept it from opening some.
func scan(k kernel) (chips []found, denied, err error) {
	paths, err := k.paths()
	if err != nil {
		return nil, nil, err
	}
	for _, path := range paths {
		c, err := k.open(path)
		if errors.Is(err, fs.ErrPermission) {
			denied = err
			continue
		}
		if err != nil {
			continue // it went between the listing and now
		}
		info, err := c.info()
		_ = c.Close()
		if err == nil {
			chips = append(chips, found{path: path, name: text(info.Name), label: text(info.Label), lines: info.Lines})
		}
	}
	return chips, denied, nil
}

// find resolves what the configuration calls a line.
func (b *Board) find(ref string) (place, error) {
	chips, denied, err := scan(b.kernel)
	if err != nil {
		return place{}, remedy("find line "+ref, err)
	}
	label, line, ok := hw.Line{Name: ref}.Chip()
	if !ok {
		label = b.config.Chip
	}
	fit := chips
	if label != "" {
		fit = slices.DeleteFunc(slices.Clone(chips), func(c found) bool { return c.label != label && c.name != label })
	}
	where, err := b.search(fit, line)
	if err == nil && len(where) == 0 {
		err = missing(ref, label, chips, fit)
	}
	if errors.Is(err, hw.ErrNoLine) && denied != nil {
		err = denied
	}
	if err != nil {
		return place{}, remedy("find line "+ref, err)
	}
	p, ok := only(where)
	if !ok {
		return place{}, ambiguous(ref, where)
	}
	p.twin = twins(chips, p.label) > 1
	if p.name == "" {
		p.name, err = b.lineName(p)
	}
	return p, remedy("find line "+ref, err)
}

// search finds the places on these chips that a line may mean: an offset, or a name of the kernel.
func (b *Board) search(chips []found, line string) ([]place, error) {
	var where []place
	offset, err := strconv.ParseUint(line, 10, 32)
	for _, c := range chips {
		if err == nil {
			if offset < uint64(c.lines) {
				where = append(where, place{found: c, offset: uint32(offset)})
			}
			continue
		}
		named, err := b.named(c, line)
		if err != nil {
			return nil, err
		}
		where = append(where, named...)
	}
	return where, nil
}

// named finds the lines of a chip with a name.
func (b *Board) named(c found, name string) ([]place, error) {
	open, err := b.kernel.open(c.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = open.Close() }()
	var where []place
	for offset := range c.lines {
		info, err := open.line(offset)
		if err != nil {
			return nil, err
		}
		if text(info.Name) == name {
			where = append(where, place{found: c, offset: offset, name: name})
		}
	}
	return where, nil
}

func (b *Board) lineName(p place) (string, error) {
	open, err := b.kernel.open(p.path)
	if err != nil {
		return "", err
	}
	defer func() { _ = open.Close() }()
	info, err := open.line(p.offset)
	return text(info.Name), err
}

// only is the place that is meant: the processor's own pins come before those of other chips.
func only(where []place) (place, bool) {
	if len(where) == 1 {
		return where[0], true
	}
	own := slices.DeleteFunc(slices.Clone(where), func(p place) bool { return !strings.HasPrefix(p.label, "pinctrl-") })
	if len(own) == 1 {
		return own[0], true
	}
	return place{}, false
}

func twins(chips []found, label string) int {
	n := 0
	for _, c := range chips {
		if c.label == label {
			n++
		}
	}
	return n
}

// again finds a place after its chip went and came back. Nothing but the same label, offset and name will
// do: a line of another chip may hold another door.
func (b *Board) again(was place) (place, bool) {
	chips, _, err := scan(b.kernel)
	if err != nil || (!was.twin && twins(chips, was.label) != 1) {
		return place{}, false
	}
	for _, c := range chips {
		if c.label != was.label || c.lines <= was.offset || (was.twin && c.name != was.found.name) {
			continue
		}
		p := place{found: c, offset: was.offset, twin: was.twin}
		if p.name, err = b.lineName(p); err == nil && p.name == was.name {
			return p, true
		}
	}
	return place{}, false
}

func missing(ref, label string, chips, fit []found) error {
	var have []string
	for _, c := range chips {
		have = append(have, fmt.Sprintf("%s (%d lines)", c.label, c.lines))
	}
	switch {
	case len(chips) == 0:
		return fmt.Errorf("%w %q: this machine has no GPIO chip", hw.ErrNoLine, ref)
	case len(fit) == 0:
		return fmt.Errorf("%w %q: there is no chip %q, have %s", hw.ErrNoLine, ref, label, strings.Join(have, ", "))
	}
	return fmt.Errorf("%w %q, have %s", hw.ErrNoLine, ref, strings.Join(have, ", "))
}

func ambiguous(ref string, where []place) error {
	var all []string
	for _, p := range where {
		p.twin = slices.ContainsFunc(where, func(o place) bool { return o.label == p.label && o.found.name != p.found.name })
		all = append(all, p.String())
	}
	return &hw.OpError{Op: "find line " + ref, Err: fmt.Errorf("%w: %q is on more than one chip", hw.ErrRef, ref),
		Hint: "write which one is meant: " + strings.Join(all, ", ")}
}
