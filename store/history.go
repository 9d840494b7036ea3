package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"
)

// Query says which rows of history are wanted. The zero value of a field does not restrict.
type Query struct {
	Device    string
	Since     time.Time // rows at or after
	Until     time.Time // rows before
	AfterSeq  int64     // rows with a higher number
	BeforeSeq int64     // rows with a lower number, for the next page
	Limit     int       // 100 when 0, at most 10,000
	// OldestFirst returns the oldest rows that match, in order, instead of the newest.
	OldestFirst bool
}

const (
	defaultLimit = 100
	mostRows     = 10_000
)

func (q Query) limit() int {
	if q.Limit <= 0 {
		return defaultLimit
	}
	return min(q.Limit, mostRows)
}

func (q Query) wants(r Row) bool {
	return (q.Device == "" || r.Device == q.Device) &&
		(q.Since.IsZero() || !r.At.Before(q.Since)) &&
		(q.Until.IsZero() || r.At.Before(q.Until)) &&
		r.Seq > q.AfterSeq &&
		(q.BeforeSeq <= 0 || r.Seq < q.BeforeSeq)
}

// History returns rows, newest first unless the query says otherwise. Rows that are kept aside while the
// disk fails are among them.
func (j *Journal) History(ctx context.Context, q Query) ([]Row, error) {
	if j.closed.Load() {
		return nil, ErrClosed
	}
	if err := j.settled(ctx); err != nil {
		return nil, err
	}
	held, _ := j.aside.Load().list()
	aside := slices.DeleteFunc(slices.Clone(held), func(r Row) bool { return !q.wants(r) })
	limit := q.limit()
	if q.OldestFirst {
		rows, err := j.stored(ctx, q, held, limit)
		rows = append(rows, aside...)
		return rows[:min(limit, len(rows))], err
	}
	slices.Reverse(aside)
	aside = aside[:min(limit, len(aside))]
	rows, err := j.stored(ctx, q, held, limit-len(aside))
	return append(aside, rows...), err
}

// stored returns rows of journal.db. Those that are held aside too are left out.
func (j *Journal) stored(ctx context.Context, q Query, held []Row, limit int) ([]Row, error) {
	if j.readers == nil || limit == 0 {
		return nil, nil
	}
	if len(held) > 0 && (q.BeforeSeq <= 0 || held[0].Seq < q.BeforeSeq) {
		q.BeforeSeq = held[0].Seq
	}
	if q.Device != "" {
		return j.storedOf(ctx, q, limit)
	}
	return j.page(ctx, q, selectRow, "seq", limit)
}

// page asks for rows that match, by a column with their numbers.
func (j *Journal) page(ctx context.Context, q Query, sel, seq string, limit int) ([]Row, error) {
	where, args, err := j.where(ctx, q, seq)
	if err != nil {
		return nil, err
	}
	tail := "ORDER BY " + seq + " DESC LIMIT ?"
	if q.OldestFirst {
		tail = "ORDER BY " + seq + " LIMIT ?"
	}
	return selectRows(ctx, j.readers, sel+where+" "+tail, append(args, limit)...)
}

// where translates the query. Times are not in order by number where the clock was set, so a bound on
// time is first turned into one on numbers by the days the rows were written on.
func (j *Journal) where(ctx context.Context, q Query, seq string) (string, []any, error) {
	var terms []string
	var args []any
	add := func(term string, arg any) {
		terms = append(terms, term)
		args = append(args, arg)
	}
	if q.Device != "" {
		add(strings.TrimSuffix(seq, "seq")+"device = ?", q.Device)
	}
	if q.AfterSeq > 0 {
		add(seq+" > ?", q.AfterSeq)
	}
	if q.BeforeSeq > 0 {
		add(seq+" < ?", q.BeforeSeq)
	}
	if !q.Since.IsZero() {
		var first sql.NullInt64
		err := j.readers.QueryRowContext(ctx, "SELECT min(first) FROM segments WHERE day >= ?", day(q.Since)).Scan(&first)
		if err != nil {
			return "", nil, err
		}
		if !first.Valid {
			add(seq+" < ?", 0)
		}
		add(seq+" >= ?", first.Int64)
		add("at >= ?", q.Since.UnixNano())
	}
	if !q.Until.IsZero() {
		add("at < ?", q.Until.UnixNano())
	}
	if len(terms) == 0 {
		return "", nil, nil
	}
	return "WHERE " + strings.Join(terms, " AND "), args, nil
}

const selectRow = `SELECT seq, at, utc, trust, boot, mono, kind, device, action, cause, actor, place, intent, outcome, code,
	confirmed, detail, state, prev, hash FROM events `

func queryRows(ctx context.Context, q querier, where, tail string, args ...any) ([]Row, error) {
	return selectRows(ctx, q, selectRow+where+" "+tail, args...)
}

func selectRows(ctx context.Context, q querier, query string, args ...any) ([]Row, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Row
	for rows.Next() {
		r, _, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// scanRow reads a row, with the time for people as it is on the disk.
func scanRow(rows *sql.Rows) (r Row, written string, err error) {
	var at, mono, confirmed int64
	var prev, hash []byte
	err = rows.Scan(&r.Seq, &at, &written, &r.Trust, &r.Boot, &mono, &r.Kind, &r.Device, &r.Action, &r.Cause.Kind,
		&r.Cause.Actor, &r.Cause.Place, &r.Intent, &r.Outcome, &r.Code, &confirmed, &r.Detail, &r.State, &prev, &hash)
	r.At, r.Mono, r.Confirmed = time.Unix(0, at).UTC(), time.Duration(mono), confirmed == 1
	r.Prev, r.Hash = hex.EncodeToString(prev), hex.EncodeToString(hash)
	if err == nil && confirmed != number(r.Confirmed) {
		err = damaged("", "a row's flag", nil)
	}
	return r, written, err
}

// Subscribe delivers every row after a number, in order and without a gap, those that are there first
// and then each new one. A slow reader holds nothing up: it gets the rows later. The channel is closed
// when the context ends, the journal closes or it cannot be read.
func (j *Journal) Subscribe(ctx context.Context, after int64) <-chan Row {
	out := make(chan Row)
	go func() {
		defer close(out)
		err := j.deliver(ctx, after, out)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			j.log.Error().Err(err).Msg("a follower of the journal was lost")
		}
	}()
	return out
}

func (j *Journal) deliver(ctx context.Context, after int64, out chan<- Row) error {
	for {
		rows, all, more := j.recent.after(after)
		if !all {
			old, err := j.rowsAfter(ctx, after)
			if err != nil {
				return err
			}
			if len(old) > 0 || len(rows) == 0 {
				rows = old
			}
		}
		for _, r := range rows {
			select {
			case out <- r:
				after = r.Seq
			case <-ctx.Done():
				return ctx.Err()
			case <-j.stopped:
				return ErrClosed
			}
		}
		if len(rows) > 0 {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		case <-j.stopped:
			return ErrClosed
		}
	}
}

// rowsAfter returns a page of rows after a number, oldest first.
func (j *Journal) rowsAfter(ctx context.Context, after int64) ([]Row, error) {
	var rows []Row
	if j.readers != nil {
		var err error
		if rows, err = queryRows(ctx, j.readers, "WHERE seq > ?", "ORDER BY seq LIMIT 500", after); err != nil {
			return nil, err
		}
	}
	if len(rows) > 0 {
		return rows, nil
	}
	aside, _ := j.aside.Load().list()
	for _, r := range aside {
		if r.Seq > after {
			rows = append(rows, r)
		}
	}
	return rows, nil
}
