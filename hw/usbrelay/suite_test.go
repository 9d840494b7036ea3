package usbrelay

import (
	"testing"

	"github.com/loquet/loquet/hw/board/boardtest"
)

func TestBoards(t *testing.T) {
	for name, kind := range kinds() {
		t.Run(name, func(t *testing.T) {
			suite := boardtest.Test
			if name == "lcus" {
				suite = boardtest.TestLines // it says nothing, so that no answer can be lost
			}
			suite(t, func(t *testing.T) boardtest.Rig { return newRig(t, kind.config, kind.serve).common(kind.first + 1) })
		})
	}
}
