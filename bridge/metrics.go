package bridge

import (
	"bytes"
	"fmt"
	"io"
)

// metrics adds what only the program as a whole knows.
func (a *App) metrics(w io.Writer) {
	var b bytes.Buffer
	if stats, err := a.store.Journal().Stats(a.work.Context()); err == nil {
		fmt.Fprintf(&b, "loquet_journal_rows %d\nloquet_journal_last_seq %d\nloquet_journal_durable_seq %d\n", stats.Rows, stats.Last, stats.Durable)
	}
	for _, c := range a.faces.Controllers() {
		fmt.Fprintf(&b, "loquet_homekit_sessions{bridge=%q,controller=%q} %d\n", c.Bridge, c.ID, c.Sessions)
	}
	if m := a.matter.Status(); m.Addr != "" {
		fmt.Fprintf(&b, "loquet_matter_fabrics %d\nloquet_matter_sessions %d\nloquet_matter_subscriptions %d\n", len(m.Fabrics), m.Sessions, m.Subscriptions)
	}
	for _, d := range a.Devices() {
		up := 0
		if d.Available {
			up = 1
		}
		fmt.Fprintf(&b, "loquet_device_available{device=%q} %d\n", d.ID, up)
	}
	_, _ = b.WriteTo(w) // whoever asked went away
}
