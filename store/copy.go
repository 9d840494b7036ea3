package store

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Copied says what a copy holds.
type Copied struct {
	Install string
	Whole   bool  // false: records were damaged or lost before, and are in the copy as well
	Last    int64 // the last row of history; 0 if there is none
}

// copyLeap is how far the numbers of rows go on in a copy: the original used up more of them since, and a
// number is never used twice.
const copyLeap = 1_000_000

// Files are the names of what Copy leaves in its folder, in the order in which they are to be put into
// another: without the database no store opens, with it nothing that was acknowledged is missing.
func Files() []string { return []string{fileJournal, fileDatabase, fileIdentityB, fileIdentityA} }

// Copy writes a copy of the state into an empty folder, while everything goes on. Opened, the copy is
// the same install, with a row that says where it came from. A degraded store is not copied: what it
// has is not all there was.
func (s *Store) Copy(ctx context.Context, dir string) (Copied, error) {
	if err := s.state.refuse(); err != nil {
		return Copied{}, err
	}
	c, lost, err := s.database.content()
	if err == nil {
		err = lost
	}
	if err != nil {
		return Copied{}, err
	}
	// The database before the journal: what it says of the journal is then in the journal.
	out := Copied{Install: c.install, Whole: !c.loose}
	for _, space := range c.spaces {
		out.Whole = out.Whole && space.whole()
	}
	if err := copyDatabase(ctx, c, s.options, dir); err != nil {
		return Copied{}, diskProblem(dir, err)
	}
	if out.Last, err = s.journal.copy(ctx, filepath.Join(dir, fileJournal)); err != nil {
		return Copied{}, diskProblem(dir, err)
	}
	return out, nil
}

// copyDatabase writes loquet.db and both generations of the identity.
func copyDatabase(ctx context.Context, c *content, o Options, dir string) error {
	p, err := decodePrior(c)
	if err != nil {
		return err
	}
	mark := c
	if p.known { // else the one who opens the copy leaps anyway
		own, err := encode(map[string]any{keyRun: run{Copy: true}, keyReserved: p.reserved + copyLeap})
		if err != nil {
			return err
		}
		mark = c.with(spaceJournal, c.space(spaceJournal).with(own))
	}
	d := &database{path: filepath.Join(dir, fileDatabase), by: o.Version, disk: *o.disk}
	defer d.disconnect()
	if err := d.connect(ctx); err != nil {
		return err
	}
	if err := d.fill(ctx, mark); err != nil {
		return err
	}
	return readGenerations(*o.disk, dir).write(c.identity())
}

// copy writes the rows that are there now, through a reader of its own: no row waits for it.
func (j *Journal) copy(ctx context.Context, path string) (last int64, err error) {
	if err := errors.Join(j.settled(ctx), createPrivate(path)); err != nil {
		return 0, err
	}
	db, err := openReaders(j.path, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	// It writes nothing into the journal itself, but SQLite takes it for a write.
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = 0"); err != nil {
		return 0, err
	}
	if _, err := conn.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return 0, err
	}
	return lastRow(ctx, path)
}

func lastRow(ctx context.Context, path string) (last int64, err error) {
	db, err := openReaders(path, true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&last)
	return last, err
}

// CopyStopped copies the files of a store that nobody has open into an empty folder, where they can be
// opened without touching the original. It fails with ErrLocked when somebody has.
func CopyStopped(dir, into string) error {
	unlock, err := Lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	for _, name := range append(Files(), fileAhead) {
		for _, tail := range []string{"", "-wal"} {
			err := duplicate(filepath.Join(dir, name+tail), filepath.Join(into, name+tail))
			if ignoreMissing(err) != nil {
				return diskProblem(dir, err)
			}
		}
	}
	return nil
}

func duplicate(from, to string) error {
	in, err := os.OpenFile(from, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Lock keeps every store out of a folder, which is made where it is missing. It fails with ErrLocked
// when one is open.
func Lock(dir string) (unlock func(), err error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	return func() { _ = f.close() }, nil
}
