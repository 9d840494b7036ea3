package gpio

import (
	"fmt"

	"github.com/loquet/loquet/hw"
)

var _ hw.ListingBoard = (*Board)(nil)

// Lines implements hw.ListingBoard: every line of every chip that may be opened, with who holds it.
func (b *Board) Lines() ([]hw.LineInfo, error) {
	chips, denied, err := scan(b.kernel)
	if err != nil {
		return nil, remedy("list the lines", err)
	}
	var all []hw.LineInfo
	for _, c := range chips {
		if b.config.Chip != "" && b.config.Chip != c.label && b.config.Chip != c.name {
			continue
		}
		lines, err := b.linesOf(c, twins(chips, c.label) > 1)
		if err != nil {
			continue // it went between the listing and now
		}
		all = append(all, lines...)
	}
	if len(all) == 0 && denied != nil {
		return nil, remedy("list the lines", denied)
	}
	return all, nil
}

func (b *Board) linesOf(c found, twin bool) ([]hw.LineInfo, error) {
	open, err := b.kernel.open(c.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = open.Close() }()
	lines := make([]hw.LineInfo, 0, c.lines)
	for offset := range c.lines {
		info, err := open.line(offset)
		if err != nil {
			return nil, err
		}
		line := hw.LineInfo{Name: place{found: c, offset: offset, twin: twin}.String(), Label: text(info.Name), Output: true, Input: true}
		if info.Flags&flagUsed != 0 {
			if line.User = text(info.Consumer); line.User == "" {
				line.User = fmt.Sprintf("the kernel (%s)", c.name)
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}
