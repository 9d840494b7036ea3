// Package history shows the journal of the store as the API does.
package history

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/store"
)

// History implements api.Historian.
type History struct {
	Journal *store.Journal
	Name    func(api.Cause) string // the owner's name for whoever is a cause
	Zone    func() *time.Location  // of the house
	Board   *health.Board          // is told when the chain is broken; nil: nobody is
}

// History implements api.Historian.
func (h *History) History(ctx context.Context, q api.HistoryQuery) ([]api.Row, error) {
	find := store.Query{Device: q.Device, Since: q.Since, Until: q.Until, AfterSeq: q.After, Limit: q.Limit}
	rows, err := h.Journal.History(ctx, find)
	if err != nil {
		return nil, err
	}
	if q.OldestFirst {
		if rows, err = h.oldestFirst(ctx, find, rows); err != nil {
			return nil, err
		}
	}
	out := make([]api.Row, len(rows))
	for i, r := range rows {
		out[i] = h.Row(r)
	}
	return out, nil
}

// oldestFirst goes back page by page to the oldest row that matches and returns the first ones from there.
func (h *History) oldestFirst(ctx context.Context, find store.Query, page []store.Row) ([]store.Row, error) {
	all := slices.Clone(page)
	for find.Limit > 0 && len(page) == find.Limit {
		find.BeforeSeq = page[len(page)-1].Seq
		var err error
		if page, err = h.Journal.History(ctx, find); err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	slices.Reverse(all)
	if find.Limit > 0 {
		all = all[:min(len(all), find.Limit)]
	}
	return all, nil
}

// Row is a row of the store as the API shows it.
func (h *History) Row(r store.Row) api.Row {
	action, _ := api.ParseAction(r.Action)
	cause := api.Cause{Kind: r.Cause.Kind, Actor: r.Cause.Actor, Place: r.Cause.Place}
	cause.Name = h.Name(cause)
	return api.Row{
		Seq: r.Seq, At: r.At.In(h.Zone()), Trust: r.Trust, Device: r.Device, Kind: r.Kind, Cause: cause, Action: r.Action,
		Target: api.EntryRow(device.Entry{Action: action}).Target, Intent: r.Intent, Outcome: r.Outcome, Code: r.Code, State: r.State,
		Confirmed: r.Confirmed, Detail: r.Detail, Prev: r.Prev, Hash: r.Hash,
	}
}

// VerifyHistory implements api.Historian.
func (h *History) VerifyHistory(ctx context.Context) (api.Verdict, error) {
	v, err := h.Journal.Verify(ctx)
	if err != nil {
		return api.Verdict{}, err
	}
	out := api.Verdict{OK: v.OK(), Rows: v.Rows, First: v.First, Last: v.Last, Limits: v.Limits}
	for _, b := range v.Breaks {
		out.Faults = append(out.Faults, fmt.Sprintf("row %d: %s", b.Seq, b.What))
	}
	if h.Board != nil && !out.OK {
		h.Board.Raise(health.JournalTampered, "", out.Faults[0])
	} else if h.Board != nil {
		h.Board.Clear(health.JournalTampered, "")
	}
	return out, nil
}

// When the chain is checked without being asked for: not while a house starts, and then once a day.
const (
	firstCheck = 10 * time.Minute
	checkEvery = 24 * time.Hour
)

// Check checks the chain from time to time until ctx ends. What it finds is told on the board; a journal that
// cannot be read is told by the store.
func (h *History) Check(ctx context.Context) {
	for wait := firstCheck; ; wait = checkEvery {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			_, _ = h.VerifyHistory(ctx)
		}
	}
}

// Follow hands every row that is written from now on to see, in order, until ctx ends.
func (h *History) Follow(ctx context.Context, see func(api.Row)) error {
	stats, err := h.Journal.Stats(ctx)
	if err != nil {
		return err
	}
	for r := range h.Journal.Subscribe(ctx, stats.Last) {
		see(h.Row(r))
	}
	return ctx.Err()
}
