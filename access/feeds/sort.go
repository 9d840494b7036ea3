package feeds

import (
	"cmp"
	"slices"
	"strings"
)

func sortStays(stays []Stay) {
	slices.SortStableFunc(stays, func(a, b Stay) int {
		return cmp.Or(cmp.Compare(a.Arrives.Sub(b.Arrives), 0), strings.Compare(a.ID, b.ID))
	})
}
