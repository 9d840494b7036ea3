package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
)

// tamper changes the journal behind the store's back, on a copy that is opened afterwards.
func tamper(t *testing.T, files map[string][]byte, statements ...string) *Store {
	t.Helper()
	dir := restoreIn(t, shm(t), files)
	db, err := sql.Open("sqlite", filepath.Join(dir, fileJournal))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir, small())
}

func verify(t *testing.T, s *Store) *Proof {
	t.Helper()
	p, err := s.Journal().Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func written(t *testing.T, rows int) map[string][]byte {
	t.Helper()
	s := open(t, shm(t), small())
	for i := range rows {
		e := intent(name(i))
		e.Detail, e.Code, e.Outcome = "a word", device.RefusedJammed, device.OutcomeTimedOut
		write(t, s.Journal(), e)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return snapshot(t, s.folder.path)
}

func TestVerifyProvesAWholeJournal(t *testing.T) {
	files := written(t, 20)
	s := open(t, restoreIn(t, shm(t), files), small())
	p := verify(t, s)
	if !p.OK() || p.Rows != 20 || p.First != 1 || p.Last != 20 || p.Anchor != 20 || len(p.Limits) == 0 {
		t.Errorf("proof %+v", p)
	}
	if last := history(t, s.Journal(), Query{Limit: 1})[0]; p.Hash != last.Hash {
		t.Errorf("hash %s of %s", p.Hash, last.Hash)
	}
}

// TestVerifyCatchesEveryByte changes each byte of each column of a row.
func TestVerifyCatchesEveryByte(t *testing.T) {
	files := written(t, 5)
	s := open(t, restoreIn(t, shm(t), files), small())
	row := history(t, s.Journal(), Query{})[2]
	texts := map[string]string{"utc": utc(row.At), "trust": row.Trust, "boot": row.Boot, "kind": row.Kind, "device": row.Device,
		"action": row.Action, "cause": row.Cause.Kind, "actor": row.Cause.Actor, "place": row.Cause.Place,
		"outcome": row.Outcome, "code": row.Code, "detail": row.Detail, "state": row.State}
	s.Close()
	var changes []string
	for column, text := range texts {
		if text == "" {
			t.Fatalf("nothing to change in %s", column)
		}
		for i := range len(text) {
			b := []byte(text)
			if b[i] ^= 1; b[i] == '\'' {
				b[i] ^= 2
			}
			changes = append(changes, fmt.Sprintf("%s = '%s'", column, b))
		}
	}
	for bit := range 63 {
		for _, column := range []string{"at", "mono", "intent"} {
			changes = append(changes, fmt.Sprintf("%s = (%s | (1 << %d)) - (%s & (1 << %d))", column, column, bit, column, bit))
		}
	}
	changes = append(changes, "confirmed = 1", "confirmed = 7", "seq = 77", "device = ''", "prev = x'00'", "hash = x''")
	for column, text := range map[string]string{"prev": row.Prev, "hash": row.Hash} {
		for i := range 32 {
			b, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			b[i] ^= 1 << (i % 8)
			changes = append(changes, fmt.Sprintf("%s = x'%x'", column, b))
		}
	}
	db := restoreIn(t, shm(t), files)
	s = open(t, db, small())
	for _, change := range changes {
		// The journal's own connection, in a transaction that is taken back: a thousand copies would be slow.
		err := s.journal.order(func() {
			conn := s.journal.conn
			must := func(statement string) {
				if _, err := conn.ExecContext(context.Background(), statement); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}
			must("BEGIN IMMEDIATE")
			must("UPDATE events SET " + change + " WHERE seq = 3")
			v := &verifier{j: s.journal, proof: &Proof{}, mark: s.journal.anchorMark()}
			if err := v.begin(context.Background(), conn); err != nil {
				t.Error(err)
			}
			if err := v.rows(context.Background(), conn); err != nil {
				t.Error(err)
			}
			v.end()
			if v.proof.OK() {
				t.Errorf("not noticed: %s", change)
			}
			must("ROLLBACK")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if p := verify(t, s); !p.OK() {
		t.Fatalf("the untouched journal: %+v", p.Breaks)
	}
}

func TestVerifyCatchesMissingAndSwappedRows(t *testing.T) {
	files := written(t, 8)
	for seq := 1; seq <= 8; seq++ {
		t.Run(fmt.Sprintf("delete %d", seq), func(t *testing.T) {
			s := tamper(t, files, fmt.Sprintf("DELETE FROM events WHERE seq = %d", seq))
			p := verify(t, s)
			if seq < 8 && p.OK() {
				t.Error("not noticed")
			}
			// The last row: the store itself notices at the start that the anchor's row is gone.
			if seq == 8 && (len(p.Gaps) != 1 || p.Gaps[0].Detail != gapTail) {
				t.Errorf("the cut end was not noted: %+v", p)
			}
		})
		for other := seq + 1; other <= 8; other++ {
			t.Run(fmt.Sprintf("swap %d and %d", seq, other), func(t *testing.T) {
				s := tamper(t, files, fmt.Sprintf("UPDATE events SET seq = -1 WHERE seq = %d", seq),
					fmt.Sprintf("UPDATE events SET seq = %d WHERE seq = %d", seq, other),
					fmt.Sprintf("UPDATE events SET seq = %d WHERE seq = -1", other))
				if verify(t, s).OK() {
					t.Error("not noticed")
				}
			})
		}
	}
	t.Run("cut while open", func(t *testing.T) {
		s := open(t, restoreIn(t, shm(t), files), small())
		err := s.journal.order(func() {
			if _, err := s.journal.conn.ExecContext(t.Context(), "DELETE FROM events WHERE seq = 8"); err != nil {
				t.Error(err)
			}
		})
		if err != nil || verify(t, s).OK() {
			t.Errorf("not noticed, %v", err)
		}
	})
}

func TestOldDaysAreDroppedBehindAStub(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	trust := "trusted"
	o := small()
	o.Now = func() (time.Time, string) { return now, trust }
	s := open(t, shm(t), o)
	j := s.journal
	drop := func(keep time.Duration) (dropped int64) {
		t.Helper()
		err := j.order(func() {
			var err error
			if dropped, err = j.retain(t.Context(), keep); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return dropped
	}
	day := 24 * time.Hour
	for range 10 {
		write(t, j, intent("garage"))
		write(t, j, intent("gate"))
		now = now.Add(day)
	}
	// The clock is lost over a restart, in between two trusted days.
	trust, now = "floor", now.Add(-3000*day)
	write(t, j, intent("lost"))
	now = now.Add(9000 * day)
	if n := drop(day); n != 0 {
		t.Errorf("a clock that nobody trusts dropped %d rows", n)
	}
	now = now.Add(-9000 * day)
	trust, now = "trusted", now.Add(3000*day)
	write(t, j, intent("garage"))
	if n := drop(5 * day); n != 10 {
		t.Errorf("dropped %d rows, want five days of two", n)
	}
	if n := drop(5 * day); n != 0 {
		t.Errorf("dropped %d rows more", n)
	}
	p := verify(t, s)
	if !p.OK() || p.DroppedRows != 10 || p.DroppedUpto != 10 || p.First != 11 {
		t.Errorf("proof %+v", p)
	}
	if rows := history(t, j, Query{Device: "lost"}); len(rows) != 1 {
		t.Error("a row of an untrusted day went before its neighbours")
	}
	now = now.Add(30 * day)
	write(t, j, intent("garage"))
	if n := drop(5 * day); n != 12 {
		t.Errorf("dropped %d rows, want all but the newest", n)
	}
	s = reopen(t, s, o)
	if p = verify(t, s); !p.OK() || p.DroppedRows != 22 || p.Rows != 1 {
		t.Errorf("proof %+v", p)
	}
	if seq := write(t, s.Journal(), intent("garage")); seq != 24 {
		t.Errorf("number %d", seq)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := snapshot(t, s.folder.path)
	for _, change := range []string{"upto = upto - 1", "rows = 3", "hash = zeroblob(32)", "at = 0", "sig = zeroblob(64)"} {
		if verify(t, tamper(t, files, "UPDATE stub SET "+change)).OK() {
			t.Errorf("not noticed: %s", change)
		}
	}
	if verify(t, tamper(t, files, "DELETE FROM stub")).OK() {
		t.Error("not noticed: the stub is gone")
	}
}

// TestVerifyOfAJournalThatBeganLate: a bridge that was killed before anything happened at its doors leaves
// no row, and numbers that are not used again. What is written after that has nothing missing before it.
func TestVerifyOfAJournalThatBeganLate(t *testing.T) {
	first := open(t, shm(t), small())
	killed := snapshot(t, first.folder.path)
	s := open(t, restoreIn(t, shm(t), killed), small())
	write(t, s.Journal(), intent("garage"))
	if p := verify(t, s); !p.OK() || p.First == 1 {
		t.Errorf("proof %+v, want a whole journal that does not begin with 1", p)
	}
}
