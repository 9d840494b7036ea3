package store

import (
	"context"
	"os"
)

// The write-ahead log of the journal.
const (
	rowInLog = (24 + 4096) * 3 / 2 // what a row takes of it: a page with its head, and some more where a page is full
)

// turn empties the write-ahead log and begins it anew. The first write into a log that was begun anew
// syncs its header; this one is not a row, so no door waits for that sync.
func (j *Journal) turn(ctx context.Context, mode string) error {
	if _, err := checkpoint(ctx, j.conn, mode); err != nil {
		return err
	}
	if err := j.disk.commit(j.path); err != nil {
		return err
	}
	_, err := j.conn.ExecContext(ctx, "UPDATE meta SET value = value + 1 WHERE key = 'turn'")
	if err != nil {
		return err
	}
	j.used.Store(0)
	return nil
}

// crowded reports whether the log has grown beyond a size. The file does not get shorter when it is begun
// anew: what rows have taken of it since says whether that is due again.
func (j *Journal) crowded(size int64) bool { return j.used.Load() > size/2 && j.logSize() > size }

// logSize is how long the write-ahead log is.
func (j *Journal) logSize() int64 {
	st, err := os.Stat(j.path + "-wal")
	if err != nil {
		return 0
	}
	return st.Size()
}
