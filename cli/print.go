package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// printJSON prints v, indented, as one document.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.streams.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printLine prints v on one line, for lists that have no end.
func (a *app) printLine(v any) error { return json.NewEncoder(a.streams.Out).Encode(v) }

// say prints a line. A line that is lost (a full disk, say) makes the command fail in the end.
func (a *app) say(format string, args ...any) {
	if _, err := fmt.Fprintf(a.streams.Out, format+"\n", args...); err != nil && a.lost == nil {
		a.lost = err
	}
}

// table prints rows in aligned columns, the heads first; a column that is empty in all rows is left
// out. Nothing follows the last cell.
func (a *app) table(heads []string, rows [][]string) {
	widths := make([]int, len(heads))
	for _, row := range rows {
		for i, cell := range row {
			if n := utf8.RuneCountInString(cell); n > 0 {
				widths[i] = max(widths[i], n, utf8.RuneCountInString(heads[i]))
			}
		}
	}
	a.tableLine(widths, heads)
	for _, row := range rows {
		a.tableLine(widths, row)
	}
}

func (a *app) tableLine(widths []int, cells []string) {
	var b strings.Builder
	for i, cell := range cells {
		if widths[i] > 0 {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
	}
	a.say("%s", strings.TrimRight(b.String(), " "))
}

// terminal reports whether a person looks at what is written.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	_, err = unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS) // /dev/null is a character device too
	return err == nil
}
