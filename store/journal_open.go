package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
)

// prior is what loquet.db knows of the journal.
type prior struct {
	known    bool // false: loquet.db is lost
	reserved int64
	run      run
	anchor   anchor
	damaged  bool // it was found damaged while it was in use
}

// run is how the last process left the journal.
type run struct {
	Boot  string `json:"boot"`
	Clean bool   `json:"clean"`
	Last  int64  `json:"last"` // the last row, when it was closed
	Copy  bool   `json:"copy,omitempty"`
}

// journalSetup is what a journal is opened with.
type journalSetup struct {
	log     zerolog.Logger
	folder  *folder
	disk    disk
	state   *condition
	now     func() (time.Time, string)
	boot    string
	mono    func() time.Duration
	runtime string
	by      string // the version of this loquet
	seal    seal
	prior   prior
	begin   func(reserved int64) error // notes in loquet.db that the journal is in use, and up to which number
	still   bool                       // the disk takes nothing: rows go aside
	spent   bool                       // the disk was full, and an earlier process may have lost rows
	notes   *notes
}

// openJournal opens the history. A journal that is damaged is set aside and a new one begun, and a disk
// that fails leads to rows being kept aside: history keeps nobody out of the house. The only errors are
// those of a newer format.
func openJournal(ctx context.Context, s journalSetup) (*Journal, error) {
	j := &Journal{
		log: s.log, path: s.folder.file(fileJournal), disk: s.disk, state: s.state, now: s.now, boot: s.boot, mono: s.mono,
		seal: s.seal, open: map[int64]bool{}, asidePath: asidePath(s.runtime, s.seal.install),
		seeds: newSeeds(), turns: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	j.durable.kick = make(chan struct{}, 1)
	j.ahead.path = s.folder.file(fileAhead)
	var gaps []string
	held, err := readAside(j.asidePath)
	if err != nil {
		j.log.Error().Err(err).Msg("rows that were kept aside cannot be read")
	}
	if !s.still {
		gaps, err = j.openOrReplace(ctx, s)
		if errors.Is(err, ErrNewer) {
			j.closeFile()
			return nil, err
		}
		if err != nil {
			s.state.degradeUntilRestart(diskProblem(j.path, err)) // nothing brings rows into a file that is not open
			s.still = true
		}
	}
	if s.still {
		j.openStill(ctx, s)
	}
	begun := j.resume(ctx, s, j.recoverAhead(s, len(gaps) > 0), held, gaps)
	j.openAhead(s, begun)
	return j, nil
}

// openOrReplace opens journal.db for writing. One that is damaged, or of another install, is set aside.
func (j *Journal) openOrReplace(ctx context.Context, s journalSetup) (gaps []string, err error) {
	missing, err := look(j.path)
	switch {
	case err != nil:
	case s.prior.damaged && !missing:
		err = damaged(j.path, "it was found so while it was in use", nil)
	default:
		err = j.openFile(ctx, s.by)
	}
	if err != nil && errors.Is(diskProblem(j.path, err), ErrDamaged) {
		was := err
		j.forgetFile()
		aside, err := s.folder.setAside(fileJournal, "damaged")
		if err != nil {
			return nil, err
		}
		s.notes.add(damaged(j.path, "it was set aside as "+aside+" and a new one begun", was))
		return []string{gapDamaged}, j.openFile(ctx, s.by)
	}
	if missing && (s.prior.reserved > 0 || !s.prior.known) && err == nil {
		s.notes.add(damaged(j.path, "it was missing, a new one was begun", nil))
		gaps = append(gaps, gapLost)
	}
	return gaps, err
}

// openFile opens journal.db for writing, makes it where it is missing, and leaves it so that the next
// row needs no sync.
func (j *Journal) openFile(ctx context.Context, by string) error {
	strength, checkpoints := "synchronous(NORMAL)", "wal_autocheckpoint(0)"
	if j.seeds.has(seedFullCommit) {
		strength = "synchronous(FULL)"
	}
	if j.seeds.has(seedCheckpoint) {
		checkpoints = "wal_autocheckpoint(1)"
	}
	var err error
	j.db, j.conn, err = openWriter(ctx, j.path, "journal_mode(WAL)", strength, checkpoints)
	if err != nil {
		return err
	}
	if err := migrate(ctx, j.conn, j.path, "journal", applicationJournal); err != nil {
		return err
	}
	if err := j.belongs(ctx); err != nil {
		return err
	}
	if st, err := os.Stat(j.path); err == nil && st.Size() <= checkAtOnce {
		if err := check(ctx, j.conn, j.path); err != nil {
			return err
		}
		j.checked = true
	}
	if err := j.readEnd(ctx, j.conn); err != nil {
		return err
	}
	if err := sign(ctx, j.conn, by); err != nil {
		return err
	}
	if err := j.turn(ctx, "TRUNCATE"); err != nil {
		return err
	}
	// From now on a door may wait for it: another program that holds the file is not waited for.
	if _, err := j.conn.ExecContext(ctx, "PRAGMA busy_timeout = 20"); err != nil {
		return err
	}
	if j.insert, err = newRowWriter(ctx, j.conn); err != nil {
		return err
	}
	j.readers, err = openReaders(j.path, false)
	return err
}

// checkAtOnce is how large a journal may be to be checked whole before anything else happens. A larger
// one is checked while the doors work already.
const checkAtOnce = 8 << 20

// belongs makes sure that the journal is of this install.
func (j *Journal) belongs(ctx context.Context) error {
	install, err := meta(ctx, j.conn, "install")
	switch {
	case err != nil:
		return err
	case install == "":
		_, err = j.conn.ExecContext(ctx, "INSERT INTO meta VALUES ('install', ?)", j.seal.install)
		return err
	case install != j.seal.install:
		return damaged(j.path, "it belongs to another install", nil)
	}
	return nil
}

// readEnd finds out where the chain stands.
func (j *Journal) readEnd(ctx context.Context, q querier) error {
	rows, err := queryRows(ctx, q, "", "ORDER BY seq DESC LIMIT 1")
	if err != nil {
		return err
	}
	j.last, j.lastSeq, j.segment = genesis(j.seal.install), 0, segment{}
	var s stub
	switch err := readStub(ctx, q, &s); {
	case err == nil:
		j.last, j.lastSeq = s.Hash, s.Upto
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if len(rows) == 0 {
		return nil
	}
	hash, err := hex.DecodeString(rows[0].Hash)
	if err != nil || len(hash) != len(j.last) {
		return damaged(j.path, "its last row", err)
	}
	j.last, j.lastSeq = digest(hash), rows[0].Seq
	var trusted int64
	err = q.QueryRowContext(ctx, "SELECT day, trusted FROM segments ORDER BY first DESC LIMIT 1").Scan(&j.segment.day, &trusted)
	if errors.Is(err, sql.ErrNoRows) {
		return damaged(j.path, "its days", nil)
	}
	j.segment.trusted = trusted == 1
	return err
}

// openStill opens what can be read of a journal that cannot be written.
func (j *Journal) openStill(ctx context.Context, s journalSetup) {
	j.forgetFile()
	path, err := stillPath(ctx, j.path, s.runtime)
	if err == nil {
		j.readers, err = openReaders(path, true)
	}
	if err == nil {
		err = j.readEnd(ctx, j.readers)
	}
	if err == nil {
		return
	}
	j.log.Error().Err(err).Str("path", j.path).Msg("history cannot be read while the disk cannot be written")
	if j.readers != nil {
		_ = j.readers.Close()
		j.readers = nil
	}
	j.last, j.lastSeq = genesis(j.seal.install), 0
}

// resume finds the next number, brings rows that were ahead or kept aside, says which gaps there are, and
// lists the intents that were never finished. It runs before anybody writes. begun means that loquet.db says
// that the journal is in use.
func (j *Journal) resume(ctx context.Context, s journalSetup, ahead, held []Row, gaps []string) (begun bool) {
	p := s.prior
	wereAside := len(held) > 0
	held = merged(ahead, held)
	last := j.lastSeq
	if len(held) > 0 {
		last = max(last, held[len(held)-1].Seq)
	}
	sameBoot := p.run.Boot == s.boot && s.runtime != ""
	complete := p.known && len(gaps) == 0 && j.conn != nil && last >= p.anchor.Seq && last >= p.run.Last
	next := last + 1
	if (!complete || (!p.run.Clean && !sameBoot)) && !j.seeds.has(seedNumbers) {
		next = max(last, p.reserved) + 1
	}
	if !p.known || (p.reserved == 0 && last > 0) {
		next += numberLeap
	}
	j.numbers = newNumbers(next, p.reserved)
	if upto := next + 2*numberBlock; s.begin(upto) == nil {
		j.numbers.grant(upto)
		begun = true
	}
	j.recent.since = j.lastSeq
	j.anchored = p.anchor
	j.durable.begin(j.lastSeq, j.last)
	if j.conn == nil {
		j.aside.Store(newAside(j.log, j.asidePath, held))
		j.recent.since = next - 1
		j.findUnfinished(ctx, p.anchor.OpenFrom, held)
		return begun
	}
	if p.run.Copy && len(gaps) == 0 {
		gaps = append(gaps, gapCopy)
	}
	if len(gaps) == 0 && (last < p.anchor.Seq || (p.run.Clean && last < p.run.Last)) {
		gaps = append(gaps, gapTail)
	}
	if p.known && p.run.Boot != "" && !p.run.Clean && p.run.Boot != s.boot && len(gaps) == 0 {
		gaps = append(gaps, gapPower)
	}
	if s.spent && len(gaps) == 0 && !wereAside {
		gaps = append(gaps, gapFull)
	}
	if err := j.bring(held); err != nil {
		j.state.degrade(diskProblem(j.path, err))
		j.aside.Store(newAside(j.log, j.asidePath, held))
		j.findUnfinished(ctx, p.anchor.OpenFrom, held)
		return begun
	}
	if wereAside {
		gaps = append(gaps, gapAside)
		if err := os.Remove(j.asidePath); err != nil {
			j.log.Error().Err(err).Msg("the rows that were kept aside could not be removed")
		}
	}
	j.findUnfinished(ctx, p.anchor.OpenFrom, nil)
	for _, gap := range gaps {
		j.log.Warn().Str("gap", gap).Msg("the journal has a gap")
		j.note(gap)
	}
	j.durable.sync(j) // finds the log, and a folder that does not sync, before a door needs them
	return begun
}

// Unfinished is an intent whose outcome nobody wrote down: the process ended before. It is never acted
// on again.
type Unfinished struct {
	Row     Row
	Started bool // the output is known to have been energised
}

// findUnfinished goes through the rows since the last one before which everything was finished.
func (j *Journal) findUnfinished(ctx context.Context, from int64, more []Row) {
	var rows []Row
	if j.readers != nil {
		var err error
		rows, err = queryRows(ctx, j.readers, "WHERE seq >= ? AND kind IN ('intent', 'started', 'outcome')", "ORDER BY seq", from)
		if err != nil {
			j.log.Error().Err(err).Msg("moves that were not finished cannot be read from the journal")
		}
	}
	intents := map[int64]*Unfinished{}
	var order []int64
	for _, r := range append(rows, more...) {
		switch {
		case r.is(device.EntryIntent):
			intents[r.Seq] = &Unfinished{Row: r}
			order = append(order, r.Seq)
		case r.is(device.EntryStarted):
			if u := intents[r.Intent]; u != nil {
				u.Started = true
			}
		case r.is(device.EntryOutcome):
			delete(intents, r.Intent)
		}
	}
	for _, seq := range order {
		if u := intents[seq]; u != nil {
			j.unfinished = append(j.unfinished, *u)
			j.open[seq] = true
		}
	}
}

// closeFile lets go of journal.db. SQLite empties and removes the write-ahead log at the last close. After a
// disk has failed that must not be: a sync that failed, for whatever reason, may have left holes in the log, and
// the rows before them, worked into a database that has later ones, spoil it at a power cut. The process gives
// the file up with its end.
func (j *Journal) closeFile() {
	if p, passing := j.state.get(); p != nil && (errors.Is(p, ErrDisk) || !passing) {
		return
	}
	err := j.ahead.close()
	if j.insert != nil {
		err = errors.Join(err, j.insert.close())
	}
	if j.readers != nil {
		err = errors.Join(err, j.readers.Close())
	}
	if j.conn != nil {
		err = errors.Join(err, j.conn.Close())
	}
	if j.db != nil {
		err = errors.Join(err, j.db.Close())
	}
	if err != nil {
		j.log.Error().Err(err).Msg("the journal did not close cleanly")
	}
}

// forgetFile is for a file that was given up while it was being opened.
func (j *Journal) forgetFile() {
	j.closeFile()
	j.insert, j.readers, j.conn, j.db = nil, nil, nil, nil
}

// decodePrior reads what loquet.db says of the journal.
func decodePrior(c *content) (prior, error) {
	p := prior{known: true}
	s := c.spaces[spaceJournal]
	if s == nil {
		return p, nil
	}
	if !s.whole() {
		return prior{}, nil
	}
	for key, into := range map[string]any{keyReserved: &p.reserved, keyRun: &p.run, keyAnchor: &p.anchor,
		keyDamaged: &p.damaged} {
		if data, ok := s.rows[key]; ok {
			if err := json.Unmarshal(data, into); err != nil {
				return prior{}, fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	return p, nil
}
