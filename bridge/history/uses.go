package history

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access/tally"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/store"
)

// usesPage is how many rows are read at a time.
const usesPage = 1000

// usesKept is how often the counts are written down.
const usesKept = time.Hour

// uses returns the intents of codes after a row.
func (h *History) uses(ctx context.Context, after int64) (out []tally.Intent, through int64, err error) {
	rows, err := h.Journal.History(ctx, store.Query{AfterSeq: after, Limit: usesPage, OldestFirst: true})
	through = after
	for _, r := range rows {
		through = r.Seq
		if e := r.Entry(); e.Kind == device.EntryIntent && e.Cause.Kind == device.CauseCode {
			out = append(out, tally.Intent{Seq: r.Seq, Code: e.Cause.Actor, Place: e.Cause.Place, Door: e.Device, At: r.At})
		}
	}
	return out, through, err
}

// CountUses counts how often codes were used until ctx ends, and keeps the counts of those that are there.
func (h *History) CountUses(ctx context.Context, t *tally.Tally, there func(codeID string) bool, log zerolog.Logger) {
	keep := func() {
		if err := t.Keep(there); err != nil {
			log.Warn().Err(err).Msg("how often codes were used was not kept")
		}
	}
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := t.Load(ctx, h.uses)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			log.Error().Err(err).Msg("how often codes were used")
		}
		if t.Uses("").Known {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
	every := time.NewTicker(usesKept)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			keep()
			return
		case <-every.C:
			keep()
		}
	}
}
