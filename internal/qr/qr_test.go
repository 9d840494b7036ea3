package qr_test

import (
	"bytes"
	"strings"
	"testing"

	rsc "rsc.io/qr"

	"github.com/loquet/loquet/internal/qr"
)

// TestMatrix reads the characters back into modules and compares them with the code's.
func TestMatrix(t *testing.T) {
	for _, text := range []string{"X-HM://0023ISYWYABCD", "MT:Y.K9042C00KA0648G00", "http://raspberrypi.local:8480/?claim=abc"} {
		want, err := rsc.Encode(text, rsc.M)
		if err != nil {
			t.Fatal(err)
		}
		for _, colour := range []bool{true, false} {
			var b bytes.Buffer
			if err := qr.Write(&b, text, colour); err != nil {
				t.Fatal(err)
			}
			got := modules(t, b.String(), colour)
			size := want.Size + 8
			if len(got) < size {
				t.Fatalf("%d rows, want at least %d", len(got), size)
			}
			for y, row := range got {
				if len(row) != size {
					t.Fatalf("row %d has %d modules, want %d", y, len(row), size)
				}
				for x, black := range row {
					if black != want.Black(x-4, y-4) {
						t.Fatalf("%q, colour %v: module %d,%d is %v", text, colour, x, y, black)
					}
				}
			}
		}
	}
}

func modules(t *testing.T, drawn string, colour bool) [][]bool {
	t.Helper()
	var rows [][]bool
	for line := range strings.Lines(drawn) {
		line = strings.TrimSuffix(line, "\n")
		if colour {
			const begin, end = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
			if !strings.HasPrefix(line, begin) || !strings.HasSuffix(line, end) {
				t.Fatalf("line without its own colours: %q", line)
			}
			line = strings.TrimSuffix(strings.TrimPrefix(line, begin), end)
		}
		var upper, lower []bool
		for _, r := range line {
			u, l := r == '█' || r == '▀', r == '█' || r == '▄'
			if colour {
				upper, lower = append(upper, u), append(lower, l)
			} else {
				upper, lower = append(upper, !u), append(lower, !l)
			}
		}
		rows = append(rows, upper, lower)
	}
	return rows
}

func TestTooLong(t *testing.T) {
	if err := qr.Write(&bytes.Buffer{}, strings.Repeat("x", 5000), true); err == nil {
		t.Error("5000 characters fit")
	}
}
