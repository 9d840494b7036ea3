package disk

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/store"
)

// verdict is what is wrong with what a disk has left; empty if nothing is.
type verdict []string

func (v *verdict) add(format string, args ...any) { *v = append(*v, fmt.Sprintf(format, args...)) }

// options are those that an image is opened with.
func options(runtime string) store.Options {
	return store.Options{RuntimeDir: runtime, Log: zerolog.New(io.Discard), Version: "1.0"}
}

// open opens what a power cut has left and holds it against the books. It leaves the house open, nil if it
// does not open at all.
func open(ctx context.Context, dir, runtime string, b *books) (h *house, v verdict) {
	h, err := openHouse(ctx, dir, options(runtime))
	if err != nil {
		v.add("the house does not open: %v", err)
		return nil, v
	}
	if reason, bad := h.store.Degraded(); bad {
		v.add("degraded: %s", reason)
	}
	for _, n := range h.store.Notes() {
		// What has to be put right was damaged: nothing that was synced is, and what was not does not count.
		// Only a house that was never finished may have had a file begun.
		if b.install != "" {
			v.add("put right: %v", n)
		}
	}
	h.identity(b, &v)
	for _, name := range []string{spaceSettings, spaceNumbers} {
		rows, err := h.store.Space(name).List("")
		if err != nil {
			v.add("space %s cannot be read: %v", name, err)
			continue
		}
		v = append(v, b.space(name, rows)...)
	}
	h.history(ctx, b, &v)
	return h, v
}

// identity holds the bridge and its pairings against the books.
func (h *house) identity(b *books, v *verdict) {
	if b.install == "" {
		return // nothing was promised yet: it may be a new one
	}
	if h.store.Install() != b.install {
		v.add("a new install: %s was %s", h.store.Install(), b.install)
	}
	if h.server.DeviceID() != b.bridge {
		v.add("a new identity: %s was %s", h.server.DeviceID(), b.bridge)
	}
	if damaged := h.server.Damaged(); len(damaged) > 0 {
		v.add("records of HomeKit are damaged: %v", damaged)
	}
	*v = append(*v, b.controllers(h.controllers())...)
	if b.paired() && h.server.Pairable() {
		v.add("it can be paired by a stranger")
	}
}

// history holds the journal against the books.
func (h *house) history(ctx context.Context, b *books, v *verdict) {
	j := h.store.Journal()
	proof, err := j.Verify(ctx)
	if err != nil {
		v.add("the history cannot be verified: %v", err)
		return
	}
	for _, br := range proof.Breaks {
		v.add("the chain is broken at %d: %s", br.Seq, br.What)
	}
	rows, err := allRows(ctx, j)
	if err != nil {
		v.add("the history cannot be read: %v", err)
		return
	}
	var last int64
	for seq, r := range rows {
		if was, ok := b.rows[seq]; ok {
			last = max(last, seq)
			if was.Device != r.Device || was.Kind != r.Kind {
				v.add("row %d is %s of %s, acknowledged was %s of %s", seq, r.Kind, r.Device, was.Kind, was.Device)
			}
		}
	}
	missing := false
	for seq, was := range b.rows {
		_, there := rows[seq]
		switch {
		case there || seq <= proof.DroppedUpto:
		case seq < last:
			v.add("row %d (%s) is missing between others", seq, was.Device)
		case b.due[seq]:
			v.add("row %d (%s) was acknowledged more than %v before and is lost", seq, was.Device, grace)
		default:
			missing = true
		}
	}
	if missing && !slices.ContainsFunc(proof.Gaps, func(r store.Row) bool { return r.Seq > last }) {
		v.add("rows after %d are missing and the history does not say so", last)
	}
	h.goesOn(ctx, b, rows, v)
}

// goesOn requires that nothing is done twice, and that what comes now is kept.
func (h *house) goesOn(ctx context.Context, b *books, rows map[int64]store.Row, v *verdict) {
	devices := map[string]int64{}
	for seq, r := range rows {
		if r.Device == "" || b.real {
			continue
		}
		if other, twice := devices[r.Device]; twice {
			v.add("rows %d and %d are the same event %s", seq, other, r.Device)
		}
		devices[r.Device] = seq
	}
	if n := h.pulses.Load(); n != 0 {
		v.add("%d pulses at the start", n)
	}
	for _, u := range h.store.Unfinished() {
		if r, ok := rows[u.Row.Seq]; !ok || r.Kind != device.EntryIntent.String() {
			v.add("%d is not an intent of the journal", u.Row.Seq)
		}
	}
	seq, err := h.store.Journal().Record(ctx, device.Entry{Kind: device.EntryNote, Detail: "after the power cut"})
	if err != nil {
		v.add("a row is not taken: %v", err)
	}
	if seq <= b.highest {
		v.add("the number %d is used again: %d was given before", seq, b.highest)
	}
	if err := h.store.Space(spaceSettings).Apply(changeAfter()); err != nil {
		v.add("a change is not taken: %v", err)
	}
}

// changeAfter is what goesOn asks of the settings.
func changeAfter() map[string][]byte { return map[string][]byte{"after": []byte("the power cut")} }

func allRows(ctx context.Context, j *store.Journal) (map[int64]store.Row, error) {
	out := map[int64]store.Row{}
	for after := int64(0); ; {
		page, err := j.History(ctx, store.Query{AfterSeq: after, OldestFirst: true, Limit: 10_000})
		if err != nil || len(page) == 0 {
			return out, err
		}
		for _, r := range page {
			out[r.Seq] = r
		}
		after = page[len(page)-1].Seq
	}
}

func (v verdict) String() string { return strings.Join(v, "\n  ") }
