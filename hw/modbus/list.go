package modbus

import (
	"strconv"

	"github.com/loquet/loquet/hw"
)

var _ hw.ListingBoard = (*Board)(nil)

// Lines implements hw.ListingBoard, from the configuration: Modbus has no question for it.
func (b *Board) Lines() ([]hw.LineInfo, error) {
	var all []hw.LineInfo
	for n := range b.c.Relays {
		all = append(all, hw.LineInfo{Name: relayLine + strconv.Itoa(n+1), Output: true})
	}
	for n := range b.c.Inputs {
		all = append(all, hw.LineInfo{Name: inputLine + strconv.Itoa(n+1), Input: true})
	}
	return all, nil
}
