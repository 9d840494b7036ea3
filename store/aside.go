package store

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// aside is where rows go while journal.db cannot take them: memory, and a file of JSON lines in the
// runtime folder, which lies in memory too and so takes them whatever the disk does. The file outlives
// a restart of the process.
type aside struct {
	log  zerolog.Logger
	path string   // empty: memory only
	f    *os.File // nil: memory only

	mu      sync.Mutex
	rows    []Row
	dropped bool // the oldest rows were given up
}

// asideRows bounds what is kept aside.
const asideRows = numberLeap - 2*numberBlock

// asidePath names the file for an install; empty if there is no runtime folder.
func asidePath(runtime, install string) string {
	if runtime == "" {
		return ""
	}
	return filepath.Join(runtime, "journal-"+install+".jsonl")
}

// stepAside has rows go aside from now on. Those that may not be on the disk go there too. Whoever
// calls it has the turn.
func (j *Journal) stepAside(p *Problem) {
	j.state.degrade(p)
	if j.aside.Load() != nil {
		return
	}
	a := newAside(j.log, j.asidePath, nil)
	for _, r := range j.durable.unsynced() {
		a.add(r)
	}
	j.aside.Store(a)
}

// newAside begins with the rows that the file holds already.
func newAside(log zerolog.Logger, path string, held []Row) *aside {
	a := &aside{log: log, path: path, rows: held}
	if path == "" {
		return a
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		log.Error().Err(err).Str("path", path).Msg("history is kept in memory only until the disk is back")
		return a
	}
	a.f = f
	return a
}

// add never fails: where the file does not take the row, memory does.
func (a *aside) add(r Row) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.rows) == asideRows {
		a.dropped = true
		a.rows = append(a.rows[:0], a.rows[asideRows/2:]...)
	}
	a.rows = append(a.rows, r)
	if a.f == nil || a.dropped {
		return
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = a.f.Write(append(line, '\n'))
	}
	if err != nil {
		a.log.Error().Err(err).Str("path", a.path).Msg("a row is kept in memory only until the disk is back")
	}
}

// list returns the rows that are aside, in order, and whether some were given up.
func (a *aside) list() (rows []Row, dropped bool) {
	if a == nil {
		return nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Row(nil), a.rows...), a.dropped
}

// discard removes the file, after its rows went to journal.db.
func (a *aside) discard() error {
	if a.f == nil {
		return nil
	}
	return errors.Join(a.f.Close(), ignoreMissing(os.Remove(a.path)))
}

// readAside returns the rows that an earlier process left aside. A line that was not finished is not a
// row: nobody was told of it.
func readAside(path string) (rows []Row, err error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r Row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			break
		}
		if n := len(rows); r.Seq <= 0 || (n > 0 && r.Seq <= rows[n-1].Seq) {
			continue
		}
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

// merged returns the rows of both in the order of their numbers, each once.
func merged(ahead, held []Row) []Row {
	if len(ahead) == 0 {
		return held
	}
	all := slices.Concat(ahead, held)
	slices.SortStableFunc(all, func(a, b Row) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(all, func(a, b Row) bool { return a.Seq == b.Seq })
}

// comeBack brings the rows that are aside into journal.db and says in a row that this happened. Whoever
// calls it has the turn.
func (j *Journal) comeBack() error {
	j.ahead.failed = false
	a := j.aside.Load()
	if a == nil {
		return nil
	}
	if j.insert == nil {
		return errors.New("journal.db was not opened: that takes a restart")
	}
	rows, dropped := a.list()
	if err := j.bring(rows); err != nil {
		return err
	}
	j.aside.Store(nil)
	if err := a.discard(); err != nil {
		j.log.Error().Err(err).Msg("the rows that were kept aside could not be removed")
	}
	if dropped {
		j.note(gapDropped)
	} else {
		j.note(gapAside)
	}
	return nil
}

// bring adds rows that were kept aside. They get their place in the chain now.
func (j *Journal) bring(rows []Row) error {
	for _, r := range rows {
		if r.Seq <= j.lastSeq {
			continue
		}
		if err := j.put(&r); err != nil {
			return err
		}
		j.durable.wrote(r)
	}
	return nil
}

// What the journal says of its own gaps.
const (
	gapAside   = "gap: the disk failed, rows were kept elsewhere"
	gapDropped = "gap: the disk failed, rows are missing"
	gapFull    = "gap: the disk was full, rows may be missing"
	gapPower   = "gap: not closed, the last instants may be missing"
	gapLost    = "gap: the journal was lost"
	gapDamaged = "gap: the journal was damaged and set aside"
	gapTail    = "gap: the newest rows are missing"
	gapCopy    = "gap: put back from a copy, rows after it are missing"
)
