package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Sentinels. Open and the methods wrap them in a Problem, which adds the file and what to do.
var (
	// ErrLocked: another process uses the state folder.
	ErrLocked = errors.New("the state folder is in use")
	// ErrUnwritable: this user may not write the state folder, or it holds no identity that could be served.
	ErrUnwritable = errors.New("the state folder cannot be written")
	// ErrNewer: a file was written by a newer loquet that this one cannot read.
	ErrNewer = errors.New("written by a newer loquet")
	// ErrDamaged: a file or a record does not say what was once written.
	ErrDamaged = errors.New("damaged")
	// ErrDatabaseLost: the identity is there, loquet.db is not.
	ErrDatabaseLost = errors.New("the database is lost")
	// ErrIdentityLost: no readable identity is left, and no database it could be made from.
	ErrIdentityLost = errors.New("the identity is lost")
	// ErrDegraded: nothing can be changed now; Degraded says why.
	ErrDegraded = errors.New("the store is degraded, nothing can be changed")
	// ErrDiskFull: no room is left for the state folder.
	ErrDiskFull = errors.New("the disk is full")
	// ErrReadOnly: the state folder is on a disk that cannot be written.
	ErrReadOnly = errors.New("the disk is read-only")
	// ErrDisk: the disk failed to keep what was written.
	ErrDisk = errors.New("the disk failed")
	// ErrHeld: another program has a database open and does not let go of it.
	ErrHeld = errors.New("another program holds the file")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// Problem is an error for the owner: what is wrong, with which file, and what to do about it.
type Problem struct {
	Kind   error  // one of the sentinels
	Path   string // the file or folder
	Detail string // more words on what is wrong; may be empty
	Remedy string // one line: what to do
	Err    error  // the cause underneath; may be nil
}

func (p *Problem) Error() string {
	s := p.Kind.Error()
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	if p.Err != nil {
		s += ": " + p.Err.Error()
	}
	return s
}

// Unwrap returns the sentinel and the cause.
func (p *Problem) Unwrap() []error {
	if p.Err == nil {
		return []error{p.Kind}
	}
	return []error{p.Kind, p.Err}
}

// Hint returns what to do about it, in one line.
func (p *Problem) Hint() string { return p.Remedy }

// beforeTheStart is the hint for a store that was not opened: it does not go on by itself.
func (p *Problem) beforeTheStart() string {
	if errors.Is(p.Kind, ErrDiskFull) {
		return "make room on the disk and start loquet again"
	}
	return p.Remedy
}

// Remedies that more than one place needs.
const (
	remedyRoom     = "make room on the disk; loquet goes on by itself when there is"
	remedyReadOnly = "find out why the disk is read-only (a worn SD card does that by itself), mount it for writing and restart loquet"
	remedyOwner    = "give the state folder and everything in it to the user that runs loquet (chown -R), and restart loquet"
	remedyDisk     = "copy the state folder to another disk, start loquet from there, and replace this one"
	remedyHeld     = "end the program that has the file open (a database browser, sqlite3, a backup), then restart loquet"
	remedyBackup   = "stop loquet, put the last backup back with `loquet restore`, and start it again; " +
		"paired controllers work meanwhile"
)

// remedies are those for what the disk itself can tell.
func remedies() map[error]string {
	return map[error]string{ErrDiskFull: remedyRoom, ErrReadOnly: remedyReadOnly, ErrDamaged: remedyBackup,
		ErrHeld: remedyHeld, ErrUnwritable: remedyOwner, ErrDisk: remedyDisk}
}

// diskProblem turns an error of the disk or of SQLite into a Problem.
func diskProblem(path string, err error) *Problem {
	kind := diskKind(err)
	if errors.Is(kind, ErrDisk) {
		kind = moreOf(path, err)
	}
	return &Problem{Kind: kind, Path: path, Remedy: remedies()[kind], Err: err}
}

// moreOf asks the disk itself why it does not take anything: SQLite knows one error only for all writes
// that fail, and one for all files that it may not write.
func moreOf(path string, err error) error {
	dir, denied := path, error(nil)
	if st, err := os.Stat(path); err != nil || !st.IsDir() {
		dir, denied = filepath.Dir(path), unix.Access(path, unix.W_OK)
	}
	for _, why := range []error{tryWriting(dir), denied} {
		if kind := diskKind(why); why != nil && !errors.Is(kind, ErrDisk) {
			return kind
		}
	}
	if sqliteCode(err) == sqlite3.SQLITE_READONLY {
		return ErrDamaged // the disk takes files, and this one says of itself that it may not be written
	}
	return ErrDisk
}

// leastRoom is what SQLite may want at once: a disk with less has no room.
const leastRoom = 1 << 20

// tryWriting makes a file and removes it.
func tryWriting(dir string) error {
	f, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, leastRoom))
	if err == nil {
		err = f.Sync() // some disks find out late that there is no room
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// sqliteCode is the primary code of an error of SQLite's; 0 for any other.
func sqliteCode(err error) int {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return 0
	}
	return se.Code() & 0xff
}

// syncFailed reports whether a sync of SQLite's own did not work. The kernel forgets what it could not write then, and the
// next sync says that all is well.
func syncFailed(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code() == sqlite3.SQLITE_IOERR_FSYNC
}

func diskKind(err error) error {
	for _, kind := range []error{ErrDiskFull, ErrReadOnly, ErrDamaged, ErrHeld, ErrUnwritable, ErrDisk} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return ErrDiskFull
	case errors.Is(err, syscall.EROFS):
		return ErrReadOnly
	case errors.Is(err, fs.ErrPermission):
		return ErrUnwritable
	}
	switch sqliteCode(err) {
	case sqlite3.SQLITE_FULL:
		return ErrDiskFull
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return ErrDamaged
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrHeld
	}
	return ErrDisk
}

func damaged(path, detail string, err error) *Problem {
	return &Problem{Kind: ErrDamaged, Path: path, Detail: detail, Remedy: remedyBackup, Err: err}
}

func newer(path string, have, know int) *Problem {
	return &Problem{Kind: ErrNewer, Path: path,
		Detail: fmt.Sprintf("its format is %d, this loquet knows %d", have, know),
		Remedy: "install the loquet that wrote it, or a newer one"}
}
