package clock

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/internal/gpiolab"
)

// mistakes hands a mistake on to the bridge, which tests keep such words from.
func mistakes() []string { return []string{envMistake + "=" + os.Getenv(envMistake)} }

// span is a time in which a line was driven high.
type span struct{ from, to time.Duration }

func (s span) width() time.Duration { return s.to - s.from }

// spans are those of one line since they were last asked for; everything is at rest then.
func spans(t *testing.T, edges []gpiolab.Edge, line int) []span {
	t.Helper()
	var all []span
	on := false
	for _, e := range edges {
		switch {
		case e.Line != line || e.High == on:
		case e.High:
			all, on = append(all, span{from: e.At}), true
		default:
			all[len(all)-1].to, on = e.At, false
		}
	}
	if on {
		t.Errorf("line %d is still driven", line)
	}
	return all
}

// driven is what the outputs did since this was last asked, by the number of the line on the chip. Any edge of a
// line that is not an output of the house is a mistake.
func (h *house) driven() map[int][]span {
	h.t.Helper()
	first := h.chip.First()
	edges := h.trace.Take()
	outputs := []int{lineOpener, lineLight, lineBeeper, lineStrike}
	all := map[int][]span{}
	for _, line := range outputs {
		all[line] = spans(h.t, edges, first+line)
	}
	return all
}

// lasts requires that a line was driven so often, each time for so long.
func (h *house) lasts(what string, all []span, times int, want time.Duration) {
	h.t.Helper()
	if len(all) != times {
		h.t.Errorf("%s was energised %d times, want %d", what, len(all), times)
	}
	for _, s := range all {
		if off := s.width() - want; off.Abs() > slack {
			h.t.Errorf("%s was energised for %v, want %v", what, s.width(), want)
		}
	}
}

// targetOf is the value of a characteristic in an event, if it is in there.
func targetOf(t *testing.T, body []byte, id haptest.ID) string {
	t.Helper()
	items, err := haptest.Results(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if i.AID == id.AID && i.IID == id.IID {
			return string(i.Value)
		}
	}
	return ""
}

// ends requires that the history is whole and in order, and stops the bridge.
func (h *house) ends() {
	h.t.Helper()
	h.t.Log(strings.TrimSpace(h.cli("history", "verify")))
	last := map[string]int64{}
	for _, r := range h.Since(h.t, 0) {
		if r.Seq <= last[""] {
			h.t.Errorf("row %d comes after row %d", r.Seq, last[""])
		}
		last[""] = r.Seq
	}
	h.Stop(h.t)
	for _, line := range []int{lineOpener, lineLight, lineBeeper, lineStrike} {
		if h.chip.High(line) {
			h.t.Errorf("line %d is energised after the stop", line)
		}
	}
}
