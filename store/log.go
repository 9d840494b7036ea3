package store

import (
	"context"
	"io"
	"os"
)

// The write-ahead log of the journal.
const (
	rowInLog = (24 + 4096) * 3 / 2 // what a row takes of it: a page with its head, and some more where a page is full
	// logAhead is how much of the log is written with zeros ahead of the rows. A row that lies in what the
	// file has already needs no block and no new length from the file system: it is written sooner, and its
	// sync has nothing to say to the journal of the file system, which others would wait for.
	logAhead = 256 << 10
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
	j.lay(ctx)
	return nil
}

// lay writes zeros behind the end of the log, if rows have come near it. SQLite takes them for what they are:
// frames that no commit ever wrote. Whoever calls it has the turn, and it takes the writer's lock: nobody, not
// even another program, may write behind that end meanwhile. A disk that takes no zeros is no reason for
// anything.
func (j *Journal) lay(ctx context.Context) {
	if j.conn == nil || j.aside.Load() != nil {
		return
	}
	f, err := os.OpenFile(j.path+"-wal", os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if _, err := j.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size-j.used.Load() < logAhead {
		_, _ = f.WriteAt(make([]byte, logAhead), size)
	}
	if _, err := j.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); err != nil {
		j.stepAside(diskProblem(j.path, err)) // a row would not be committed any more
	}
}

// laid reports whether there is room ahead of the rows.
func (j *Journal) laid() bool { return j.logSize()-j.used.Load() >= logAhead/2 }

// crowded reports whether the log has grown beyond a size. The file does not get shorter when it is begun
// anew: what rows have taken of it since says whether that is due again.
func (j *Journal) crowded(size int64) bool { return j.logSize() > size && j.used.Load() > size/2 }

// logSize is how long the write-ahead log is.
func (j *Journal) logSize() int64 {
	st, err := os.Stat(j.path + "-wal")
	if err != nil {
		return 0
	}
	return st.Size()
}
