package store

import (
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/device"
)

// TestJournalAgainstAModel writes intents and other rows, lets the file that intents wait in fail, closes, kills
// and cuts the power. Journal and file may then be of different times. No row is there twice or in another
// order, none that was acknowledged is missing after a kill, and none that was flushed after a power cut.
func TestJournalAgainstAModel(t *testing.T) {
	base := shm(t)
	switch { // each case opens a dozen stores
	case os.Getenv("LOQUET_LONG") != "":
	case racing:
		fewer(t, 2)
	default:
		fewer(t, 15)
	}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		m := &journalModel{t: t, f: &faulty{}, dir: dir, boot: "boot-1"}
		m.open()
		m.flush()
		defer func() { m.s.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"intent":       func(*rapid.T) { m.row(device.EntryIntent) },
			"another row":  func(*rapid.T) { m.row(device.EntryObserved) },
			"ahead fails":  func(*rapid.T) { m.fails() },
			"flush":        func(*rapid.T) { m.flush() },
			"reopen":       func(*rapid.T) { m.reopen() },
			"kill":         func(*rapid.T) { m.move(snapshotOf(m.t, m.dir)) },
			"kill, ahead":  m.killAhead,
			"power is cut": m.powerCut,
			"":             func(*rapid.T) { m.check() },
		})
	})
}

type journalModel struct {
	t         *rapid.T
	f         *faulty
	dir, boot string
	s         *Store
	rows      []int64           // acknowledged
	flushed   int               // so many of them are on the disk
	disk      map[string][]byte // what was there then
}

func (m *journalModel) open() {
	o := m.f.options()
	o.boot = m.boot
	s, err := Open(m.t.Context(), m.dir, o)
	if err != nil {
		m.t.Fatal(err)
	}
	m.s = s
	m.healthy()
	if len(s.Notes()) > 0 {
		m.t.Fatalf("put right: %v", s.Notes())
	}
}

func (m *journalModel) healthy() {
	if reason, degraded := m.s.Degraded(); degraded {
		m.t.Fatalf("degraded: %s", reason)
	}
}

func (m *journalModel) add(seq int64) {
	if len(m.rows) > 0 && seq <= m.rows[len(m.rows)-1] {
		m.t.Fatalf("number %d after %d", seq, m.rows[len(m.rows)-1])
	}
	m.rows = append(m.rows, seq)
}

func (m *journalModel) row(kind device.EntryKind) {
	seq, err := m.s.Journal().Record(context.Background(), device.Entry{Kind: kind, Device: "garage"})
	if err != nil {
		m.t.Fatal(err)
	}
	m.add(seq)
}

func (m *journalModel) fails() {
	fail(&m.f.ahead, syscall.ENOSPC)
	m.row(device.EntryIntent)
	m.f.ahead.Store(nil)
	m.s.upkeep.recover()
	m.healthy()
}

func (m *journalModel) flush() {
	if err := m.s.Journal().Flush(context.Background()); err != nil {
		m.t.Fatal(err)
	}
	m.flushed, m.disk = len(m.rows), snapshotOf(m.t, m.dir)
}

func (m *journalModel) reopen() {
	if err := m.s.Close(); err != nil {
		m.t.Fatal(err)
	}
	m.open()
	m.flush()
}

// killAhead kills while intents are ahead, and no other row came since.
func (m *journalModel) killAhead(t *rapid.T) {
	j := m.s.journal
	if err := j.takeTurn(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range rapid.IntRange(1, 3).Draw(t, "intents") {
		r := newRow(intent("garage"))
		if !j.writeAhead(&r) {
			t.Fatal("it does not go ahead")
		}
		m.add(r.Seq)
	}
	files := snapshotOf(t, m.dir)
	<-j.turns
	m.move(files)
}

// powerCut leaves the journal as it is or as it was when it was flushed, and the file that is ahead as it
// is, as it was, or torn.
func (m *journalModel) powerCut(t *rapid.T) {
	files := snapshotOf(t, m.dir)
	if rapid.Bool().Draw(t, "an older journal") {
		for _, name := range []string{fileJournal, fileJournal + "-wal"} {
			files[name] = m.disk[name]
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "what is ahead") {
	case 0:
		delete(files, fileAhead)
	case 1:
		files[fileAhead] = m.disk[fileAhead]
	case 2:
		files[fileAhead] = files[fileAhead][:rapid.IntRange(0, 600).Draw(t, "torn")]
	default:
	}
	m.boot += "+"
	kept, flushed := m.rows, m.flushed
	m.move(files)
	m.rows = m.held()
	at := 0
	for _, seq := range m.rows {
		next := slices.Index(kept[at:], seq)
		if next < 0 {
			t.Fatalf("row %d of %v was never written, or is there twice", seq, kept)
		}
		at += next + 1
	}
	for _, seq := range kept[:flushed] {
		if !slices.Contains(m.rows, seq) {
			t.Fatalf("row %d was flushed and is lost", seq)
		}
	}
	left := m.rows
	m.rows = kept // no number of them may come again
	m.row(device.EntryObserved)
	m.rows = append(slices.Clone(left), m.rows[len(m.rows)-1])
	m.flush()
}

// move goes on with other files.
func (m *journalModel) move(files map[string][]byte) {
	m.s.Close()
	m.dir += "+"
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		m.t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(m.dir+"/"+name, data, 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	m.open()
	m.flush()
}

// held are the rows in the journal that are no notes of its own.
func (m *journalModel) held() (seqs []int64) {
	rows, err := m.s.Journal().History(context.Background(), Query{OldestFirst: true, Limit: mostRows})
	if err != nil {
		m.t.Fatal(err)
	}
	for _, r := range rows {
		if r.Kind != device.EntryNote.String() {
			seqs = append(seqs, r.Seq)
		}
	}
	return seqs
}

func (m *journalModel) check() {
	if got := m.held(); !slices.Equal(got, m.rows) {
		m.t.Fatalf("rows %v, want %v", got, m.rows)
	}
	if p, err := m.s.Journal().Verify(context.Background()); err != nil || !p.OK() {
		m.t.Fatalf("%+v, %v", p, err)
	}
}

// snapshotOf returns the files of a folder as a kill leaves them.
func snapshotOf(t *rapid.T, dir string) map[string][]byte {
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // some go meanwhile, as a generation of the identity that gets its name
		if data, err := os.ReadFile(dir + "/" + e.Name()); err == nil && !strings.HasSuffix(e.Name(), "-shm") {
			files[e.Name()] = data
		}
	}
	return files
}
