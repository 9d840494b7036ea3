package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// retain drops the days that are older than keep, whole, behind a signed stub. Whoever calls it has
// the turn, when no door is owed anything. A clock that is not trusted drops nothing.
func (j *Journal) retain(ctx context.Context, keep time.Duration) (dropped int64, err error) {
	if keep <= 0 || j.conn == nil || j.aside.Load() != nil {
		return 0, nil
	}
	now, trust := j.now()
	if trust == "floor" {
		return 0, nil
	}
	before, err := j.firstToKeep(ctx, day(now.Add(-keep)), day(now.Add(24*time.Hour)))
	if err != nil || before == 0 {
		return 0, err
	}
	err = inTx(ctx, j.conn, func() error {
		dropped, err = j.drop(ctx, before, now)
		return err
	})
	return dropped, err
}

// firstToKeep returns the first row that stays, 0 if all do. A run of rows that was written under a
// clock nobody trusted belongs to the trusted days around it: it goes when the next trusted one goes.
func (j *Journal) firstToKeep(ctx context.Context, oldest, tomorrow string) (int64, error) {
	rows, err := j.conn.QueryContext(ctx, "SELECT first, day, trusted FROM segments ORDER BY first")
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	var keep int64
	gone := false
	for rows.Next() {
		var first, trusted int64
		var day string
		if err := rows.Scan(&first, &day, &trusted); err != nil {
			return 0, err
		}
		if gone {
			keep = first
		}
		if trusted == 1 && day >= oldest && day <= tomorrow {
			return keep, rows.Err()
		}
		gone = trusted == 1 && day < oldest
	}
	return keep, rows.Err()
}

// drop removes every row before first and writes the stub that stands for them.
func (j *Journal) drop(ctx context.Context, first int64, now time.Time) (int64, error) {
	old := stub{}
	if err := readStub(ctx, j.conn, &old); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	next := stub{Rows: old.Rows, At: now.UTC()}
	var hash []byte
	err := j.conn.QueryRowContext(ctx, "SELECT seq, hash FROM events WHERE seq < ? ORDER BY seq DESC LIMIT 1", first).
		Scan(&next.Upto, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(hash) != len(next.Hash) {
		return 0, damaged(j.path, "a row's place in the chain", nil)
	}
	next.Hash = digest(hash)
	if err := j.forget(ctx, next.Upto); err != nil {
		return 0, err
	}
	res, err := j.conn.ExecContext(ctx, "DELETE FROM events WHERE seq <= ?", next.Upto)
	if err != nil {
		return 0, err
	}
	count, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	next.Rows += count
	next.Sig = j.seal.sign(next.message(j.seal.install))
	if next.Sig == nil {
		next.Sig = []byte{}
	}
	if _, err := j.conn.ExecContext(ctx, "DELETE FROM segments WHERE first < ?", first); err != nil {
		return 0, err
	}
	_, err = j.conn.ExecContext(ctx, "INSERT OR REPLACE INTO stub VALUES (1, ?, ?, ?, ?, ?)",
		next.Upto, next.Rows, next.Hash[:], next.At.UnixNano(), next.Sig)
	return count, err
}
