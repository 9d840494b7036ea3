package bridge

import (
	"bytes"
	"fmt"
	"io"
)

// metrics adds what only the program as a whole knows.
func (a *App) metrics(w io.Writer) {
	var b bytes.Buffer
	if stats, err := a.store.Journal().Stats(a.work.ctx); err == nil {
		fmt.Fprintf(&b, "loquet_journal_rows %d\nloquet_journal_last_seq %d\nloquet_journal_durable_seq %d\n", stats.Rows, stats.Last, stats.Durable)
	}
	for _, c := range a.faces.Controllers() {
		fmt.Fprintf(&b, "loquet_homekit_sessions{bridge=%q,controller=%q} %d\n", c.Bridge, c.ID, c.Sessions)
	}
	for _, u := range a.allUnits() {
		up := 0
		if u.View(a.zone.Load()).Available {
			up = 1
		}
		fmt.Fprintf(&b, "loquet_device_available{device=%q} %d\n", u.ID, up)
	}
	_, _ = b.WriteTo(w) // whoever asked went away
}
