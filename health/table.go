package health

import (
	"fmt"
	"io"
	"strings"
)

// WriteTable writes every declared problem as a Markdown table, for the documentation.
func WriteTable(w io.Writer) error {
	if _, err := fmt.Fprint(w, "| code | severity | what it means | what to do |\n|---|---|---|---|\n"); err != nil {
		return err
	}
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	for _, d := range All() {
		_, err := fmt.Fprintf(w, "| `%s` | %s | **%s.** %s | %s |\n", d.Code, d.Severity,
			cell.Replace(d.Title), cell.Replace(d.Text), cell.Replace(d.Remedy))
		if err != nil {
			return err
		}
	}
	return nil
}
