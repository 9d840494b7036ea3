package figures

import (
	"testing"
	"time"
)

func TestFigures(t *testing.T) {
	var ds []time.Duration
	for i := 200; i > 0; i-- {
		ds = append(ds, time.Duration(i)*time.Millisecond)
	}
	if f := Of(ds); f != (Figure{N: 200, P50: 100, P99: 198, Max: 200}) {
		t.Errorf("%+v", f)
	}
	for want, values := range map[float64][]float64{3: {5, 1, 3}, 2.5: {4, 1, 2, 3}, 7: {7}} {
		if got := Median(values); got != want {
			t.Errorf("median of %v is %v, want %v", values, got, want)
		}
	}
}
