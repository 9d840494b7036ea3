package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync/atomic"

	"github.com/loquet/loquet/device"
)

// ahead is a small file in which an intent waits for its place in journal.db. Between two moves of a door
// the processor's caches go to others, and a commit of SQLite's is long by then; one write into a file is
// not. Like a commit it survives a killed process, and the row is in journal.db a moment later, before any
// other row and before anybody reads.
//
// The file is written from its beginning whenever nothing waits in it. A record is
//
//	length | message | hash
//
// length is that of the message, 4 bytes, big-endian; message and hash are those of chain.go. So a record
// that is not whole is told by its hash, and one that was put into journal.db already, or belongs to another
// journal, by the hash of the row before it, which is not the last one there.
type ahead struct {
	path    string
	file    inPlace // nil: rows go to journal.db at once
	failed  bool    // it does not take rows now; they go to journal.db
	at      int64   // where the next record goes
	rows    []Row   // in the file and not in journal.db yet
	last    digest  // hash of the last of them
	buf     []byte
	waiting atomic.Bool // there are rows
}

const (
	aheadSize = 16 << 10
	aheadRows = 32 // that wait at most
)

// open makes the file where it is not there or not long enough, and opens it. It is written and not only
// made long: then a row takes no room that a full disk has not.
func (a *ahead) open(d disk) error {
	a.rows, a.buf = make([]Row, 0, aheadRows), make([]byte, 0, 4096)
	path := a.path
	st, err := os.Lstat(path)
	if ignoreMissing(err) != nil {
		return err
	}
	if err != nil || st.Size() < aheadSize {
		f, err := d.create(path)
		if err != nil {
			return err
		}
		_, err = f.Write(make([]byte, aheadSize))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	f, err := d.open(path)
	if err != nil {
		return err
	}
	a.file = f
	return nil
}

func (a *ahead) close() error {
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}

// takes reports whether a row goes ahead: those that a relay waits for do, and no others.
func (a *ahead) takes(r *Row) bool {
	return a.file != nil && !a.failed && r.is(device.EntryIntent) && len(a.rows) < aheadRows
}

// write appends a row that follows the row with the hash prev in journal.db, or the last one that waits.
// full means that the file has no room before others went to journal.db.
func (a *ahead) write(r *Row, prev digest) (full bool, err error) {
	if len(a.rows) == 0 {
		a.at, a.last = 0, prev
	}
	buf := message(append(a.buf[:0], 0, 0, 0, 0), a.last, r)
	length := len(buf) - 4
	binary.BigEndian.PutUint32(buf, uint32(length))
	hash := sha256.Sum256(buf[4:])
	buf = append(buf, hash[:]...)
	a.buf = buf
	if a.at+int64(len(buf)) > aheadSize {
		return true, nil
	}
	if _, err := a.file.WriteAt(buf, a.at); err != nil {
		return false, err
	}
	a.at += int64(len(buf))
	a.last = hash
	a.rows = append(a.rows, *r)
	a.waiting.Store(true)
	return false, nil
}

// empty forgets the rows, which went elsewhere. They stay in the file: its next record is another one.
func (a *ahead) empty() {
	clear(a.rows)
	a.rows = a.rows[:0]
	a.waiting.Store(false)
}

// readAhead returns the rows of the file that follow the row with the hash last.
func readAhead(path string, last digest) ([]Row, error) {
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() {
		return nil, ignoreMissing(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, aheadSize))
	return following(data, last), err
}

// following goes through records up to the first that is not whole. Of those that are, the first may be in
// journal.db already, where a process was killed while it put them there.
func following(data []byte, last digest) (rows []Row) {
	const most = 1 << 31
	for len(data) > 4 {
		length := int(binary.BigEndian.Uint32(data) % most)
		if length == 0 || length > len(data)-4-sha256.Size {
			break
		}
		text, hash := data[4:4+length], digest(data[4+length:4+length+sha256.Size])
		data = data[4+length+sha256.Size:]
		if sha256.Sum256(text) != hash {
			break
		}
		prev, r, ok := readMessage(text)
		if ok && prev == last {
			rows, last = append(rows, r), hash
		}
	}
	return rows
}

// recoverAhead returns the rows that an earlier process had ahead and that are not in journal.db. One that
// closed it left none there, and a journal that is another one than that process had begins without them.
func (j *Journal) recoverAhead(s journalSetup, another bool) []Row {
	if another || s.prior.run.Clean || s.prior.run.Copy || j.seeds.has(seedAheadForgotten) {
		return nil
	}
	rows, err := readAhead(j.ahead.path, j.last)
	if err != nil {
		j.state.degrade(diskProblem(j.ahead.path, err))
		j.ahead.failed = true
	}
	return rows
}

// openAhead opens the file for the rows that come. Without it they go to journal.db, as they do when begun
// says that loquet.db could not note that the journal is in use: the next start would take it for closed.
func (j *Journal) openAhead(s journalSetup, begun bool) {
	if !begun || j.conn == nil || j.aside.Load() != nil || j.ahead.failed {
		return
	}
	err := s.removeStranger(fileAhead)
	if err == nil {
		err = j.ahead.open(j.disk)
	}
	if err != nil {
		j.state.degrade(diskProblem(j.ahead.path, err))
	}
}

// removeStranger sets aside what is there under the name of a file and is none.
func (s journalSetup) removeStranger(name string) error {
	path := s.folder.file(name)
	st, err := os.Lstat(path)
	if err != nil || st.Mode().IsRegular() {
		return ignoreMissing(err)
	}
	aside, err := s.folder.setAside(name, "damaged")
	if err == nil {
		s.notes.add(damaged(path, "it was no file, was set aside as "+aside+" and a new one begun", nil))
	}
	return err
}

// writeAhead dates the row and has it go ahead of journal.db, and reports whether it did. Whoever calls it
// has the turn.
func (j *Journal) writeAhead(r *Row) bool {
	if !j.ahead.takes(r) || j.aside.Load() != nil {
		return false
	}
	j.date(r)
	full, err := j.ahead.write(r, j.last)
	if err == nil && !full {
		return true
	}
	j.settle()
	j.keep(r)
	if err != nil {
		j.ahead.failed = true
		j.state.degrade(diskProblem(j.ahead.path, err))
	}
	return true
}

// settle puts what waits in the file where rows go. Whoever calls it has the turn.
func (j *Journal) settle() {
	if len(j.ahead.rows) == 0 {
		return
	}
	for i := range j.ahead.rows {
		j.keep(&j.ahead.rows[i])
	}
	j.ahead.empty()
}

// settled returns when every row that was recorded before is where readers find it.
func (j *Journal) settled(ctx context.Context) error {
	if !j.ahead.waiting.Load() {
		return nil
	}
	switch err := j.takeTurn(ctx); {
	case errors.Is(err, ErrClosed):
		return nil // whoever closed it sees to that
	case err != nil:
		return err
	}
	defer func() { <-j.turns }()
	j.settle()
	return nil
}
