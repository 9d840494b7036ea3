package modbus

import (
	"testing"

	"github.com/loquet/loquet/hw/board/boardtest"
)

func TestBoards(t *testing.T) {
	for name, v := range variants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			boardtest.Test(t, func(t *testing.T) boardtest.Rig { return newRig(t, v.scheme, v.kind).common() })
		})
	}
}
