package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
)

// The rows of a device are found by the table by_device up to a row that meta names, and by looking at
// each row after that one. So a row that a relay waits for is one page in the log and not two.
const (
	indexStep  = 256 // rows at a time: the next row waits for less than a millisecond
	keyIndexed = "indexed"
)

// indexed returns the row up to which by_device is complete; 0 where it is not there at all, as in a
// journal of an older loquet that nobody can write.
func indexed(ctx context.Context, q querier) (int64, error) {
	text, err := meta(ctx, q, keyIndexed)
	if err != nil || text == "" {
		return 0, err
	}
	upto, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, damaged("", "how far its rows are indexed", err)
	}
	return upto, nil
}

// index notes which rows are a device's, some at a time, and reports whether more are left. Whoever calls
// it has the turn, when no door is owed anything. A journal in which nothing happens is not asked: that
// would be all that a house at rest asks of its databases.
func (j *Journal) index(ctx context.Context) (more bool, err error) {
	if j.conn == nil || j.aside.Load() != nil || j.lastSeq-j.indexed < indexStep {
		return false, nil
	}
	from, err := indexed(ctx, j.conn)
	if err != nil {
		return false, err
	}
	j.indexed = from
	if j.lastSeq-from < indexStep {
		return false, nil // a few rows are looked through faster than they are written
	}
	var upto sql.NullInt64
	err = j.conn.QueryRowContext(ctx, "SELECT max(seq) FROM (SELECT seq FROM events WHERE seq > ? ORDER BY seq LIMIT ?)", from, indexStep).Scan(&upto)
	if err != nil || !upto.Valid {
		return false, err
	}
	err = inTx(ctx, j.conn, func() error {
		_, err := j.conn.ExecContext(ctx, "INSERT OR IGNORE INTO by_device SELECT device, seq FROM events WHERE seq > ? AND seq <= ? AND device <> ''",
			from, upto.Int64)
		if err != nil {
			return err
		}
		_, err = j.conn.ExecContext(ctx, "INSERT OR REPLACE INTO meta VALUES (?, ?)", keyIndexed, strconv.FormatInt(upto.Int64, 10))
		return err
	})
	if err != nil {
		return false, err
	}
	j.indexed = upto.Int64
	return j.lastSeq-j.indexed >= indexStep, nil
}

// storedOf returns rows of one device: those that are indexed, and those that are not yet.
func (j *Journal) storedOf(ctx context.Context, q Query, limit int) ([]Row, error) {
	upto, err := indexed(ctx, j.readers)
	if err != nil {
		return nil, err
	}
	early, late := q, q
	early.BeforeSeq = upto + 1
	if q.BeforeSeq > 0 {
		early.BeforeSeq = min(q.BeforeSeq, early.BeforeSeq)
	}
	late.AfterSeq = max(q.AfterSeq, upto)
	order := []func(int) ([]Row, error){
		func(n int) ([]Row, error) { return j.page(ctx, late, selectRow, "seq", n) },
		func(n int) ([]Row, error) {
			if upto == 0 {
				return nil, nil
			}
			return j.page(ctx, early, selectIndexed, "by_device.seq", n)
		},
	}
	if q.OldestFirst {
		order[0], order[1] = order[1], order[0]
	}
	rows, err := order[0](limit)
	if err != nil || len(rows) >= limit {
		return rows, err
	}
	rest, err := order[1](limit - len(rows))
	return append(rows, rest...), err
}

// selectIndexed goes through the rows of a device in order and stops when there are enough.
const selectIndexed = `SELECT e.seq, e.at, e.utc, e.trust, e.boot, e.mono, e.kind, e.device, e.action, e.cause, e.actor, e.place,
	e.intent, e.outcome, e.code, e.confirmed, e.detail, e.state, e.prev, e.hash
	FROM by_device CROSS JOIN events e ON e.seq = by_device.seq AND e.device = by_device.device `

// forget takes rows up to a number out of by_device, before they are dropped.
func (j *Journal) forget(ctx context.Context, upto int64) error {
	rows, err := j.conn.QueryContext(ctx, "SELECT DISTINCT device FROM events WHERE seq <= ?", upto)
	if err != nil {
		return err
	}
	var devices []string
	for rows.Next() {
		var d string
		if err := rows.Scan(&d); err != nil {
			return errors.Join(err, rows.Close())
		}
		devices = append(devices, d)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, d := range devices {
		if _, err := j.conn.ExecContext(ctx, "DELETE FROM by_device WHERE device = ? AND seq <= ?", d, upto); err != nil {
			return err
		}
	}
	return nil
}
