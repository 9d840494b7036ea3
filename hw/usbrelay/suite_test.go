package usbrelay

import (
	"strconv"
	"testing"

	"github.com/loquet/loquet/hw/hwtest"
)

func TestBoards(t *testing.T) {
	for name, kind := range kinds() {
		t.Run(name, func(t *testing.T) {
			hwtest.TestBoard(t, func(t *testing.T) hwtest.BoardRig {
				r := newRig(t, kind.config, kind.serve)
				return hwtest.BoardRig{
					Board: lent{r.board, r.fake}, Out: strconv.Itoa(kind.first + 1),
					High:   func() bool { return r.get(kind.first + 1) },
					Clicks: r.count, Close: r.board.Close, Wire: r.wire,
				}
			})
		})
	}
}
