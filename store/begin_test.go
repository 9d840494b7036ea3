package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// Those who are paired do not wait for the history.
func TestSpacesAreThereBeforeTheHistory(t *testing.T) {
	s := open(t, t.TempDir(), small())
	apply(t, s.Space("homekit", Precious), "id", "AA:BB")
	seq := write(t, s.Journal(), intent("gate"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	begun, err := Begin(t.Context(), s.folder.path, small())
	if err != nil {
		t.Fatal(err)
	}
	want(t, begun.Space("homekit", Precious), "id", "AA:BB")
	apply(t, begun.Space("homekit", Precious), "port", "51826")
	if begun.Install() != s.Install() {
		t.Errorf("install %s became %s", s.Install(), begun.Install())
	}
	if err := begun.Finish(Later{Retention: time.Hour}); err != nil {
		t.Fatal(err)
	}
	healthy(t, begun)
	if u := begun.Unfinished(); len(u) != 1 || u[0].Row.Seq != seq {
		t.Errorf("unfinished %+v", u)
	}
	next := reopen(t, begun, small())
	want(t, next.Space("homekit", Precious), "port", "51826")
}

// A start that is given up half-way leaves everything as it was, for the next one.
func TestAStoreThatWasOnlyBegun(t *testing.T) {
	s := open(t, t.TempDir(), small())
	write(t, s.Journal(), intent("gate"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		begun, err := Begin(t.Context(), s.folder.path, small())
		if err != nil {
			t.Fatal(err)
		}
		if err := begun.Close(); err != nil {
			t.Fatal(err)
		}
	}
	next := open(t, s.folder.path, small())
	healthy(t, next)
	if rows := history(t, next.Journal(), Query{}); len(rows) != 1 {
		t.Errorf("rows %+v", rows)
	}
}

// The history of a newer loquet ends the start, and lets the next process in.
func TestANewerHistoryIsMetByFinish(t *testing.T) {
	s := open(t, t.TempDir(), small())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(s.folder.path, fileJournal))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 9; UPDATE meta SET value = '9' WHERE key = 'readable_by'"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		begun, err := Begin(t.Context(), s.folder.path, small())
		if err != nil {
			t.Fatal(err)
		}
		if err := begun.Finish(Later{}); !errors.Is(err, ErrNewer) {
			t.Errorf("finish: %v", err)
		}
	}
}

func TestHolds(t *testing.T) {
	dir := t.TempDir()
	if Holds(dir) || Holds(filepath.Join(dir, "missing")) {
		t.Error("an empty folder holds something")
	}
	open(t, dir, small())
	if !Holds(dir) {
		t.Error("a house holds nothing")
	}
}
