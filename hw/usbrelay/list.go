package usbrelay

import (
	"strconv"

	"github.com/loquet/loquet/hw"
)

var _ hw.ListingBoard = (*Board)(nil)

// Lines implements hw.ListingBoard.
func (b *Board) Lines() ([]hw.LineInfo, error) {
	var all []hw.LineInfo
	for n := b.first; n <= b.last; n++ {
		all = append(all, hw.LineInfo{Name: strconv.Itoa(n), Output: true})
	}
	return all, nil
}
