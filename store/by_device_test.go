package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/device"
)

// TestRowsOfADevice: a query for a device finds the same rows wherever the index has got to.
func TestRowsOfADevice(t *testing.T) {
	s := open(t, shm(t), small())
	j := s.Journal()
	names := []string{"garage", "gate", "front", ""}
	rng := rand.New(rand.NewPCG(1, 2))
	for range indexStep + 100 {
		write(t, j, device.Entry{Kind: device.EntryNote, Device: names[rng.IntN(len(names))], Detail: "x"})
	}
	all := history(t, j, Query{Limit: mostRows})
	ask := func(rt *rapid.T) {
		q := Query{
			Device:      rapid.SampledFrom(append(names[:3:3], "nobody")).Draw(rt, "asked"),
			AfterSeq:    rapid.Int64Range(0, int64(len(all))).Draw(rt, "after"),
			BeforeSeq:   rapid.Int64Range(0, int64(len(all))+2).Draw(rt, "before"),
			Limit:       rapid.IntRange(1, indexStep).Draw(rt, "limit"),
			OldestFirst: rapid.Bool().Draw(rt, "oldest"),
		}
		want := slices.DeleteFunc(slices.Clone(all), func(r Row) bool { return !q.wants(r) })
		if q.OldestFirst {
			slices.Reverse(want)
		}
		want = want[:min(q.Limit, len(want))]
		if got := history(t, j, q); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			rt.Fatalf("%+v: %d rows, want %d", q, len(got), len(want))
		}
	}
	rapid.Check(t, ask)
	s.upkeep.index(t.Context())
	rapid.Check(t, ask)
	if upto, err := indexed(t.Context(), j.readers); err != nil || upto == 0 {
		t.Errorf("nothing was indexed: %d, %v", upto, err)
	}
}

// TestAJournalAtRestIsNotAsked whether there is something to index, and one that grows is.
func TestAJournalAtRestIsNotAsked(t *testing.T) {
	s := open(t, shm(t), small())
	j := s.Journal()
	over, cancel := context.WithCancel(t.Context())
	cancel() // whoever asks the database fails
	index := func(ctx context.Context) error {
		var err error
		if ordered := j.order(func() { _, err = j.index(ctx) }); ordered != nil {
			t.Fatal(ordered)
		}
		return err
	}
	fill := func() {
		for range indexStep {
			write(t, j, intent("garage"))
			s.upkeep.reserve()
		}
	}
	for range 2 {
		if err := index(over); err != nil {
			t.Fatalf("it was asked: %v", err)
		}
		fill()
		if err := index(over); err == nil {
			t.Fatal("it was not asked")
		}
		if err := index(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDroppedDaysLeaveTheIndex: what is dropped is not found by its device any more, and takes no room.
func TestDroppedDaysLeaveTheIndex(t *testing.T) {
	o := small()
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	o.Now = func() (time.Time, string) { return now, "trusted" }
	o.Retention = 48 * time.Hour
	s := open(t, shm(t), o)
	for i := range 2 * indexStep {
		write(t, s.Journal(), intent(fmt.Sprintf("door-%d", i%3)))
		s.upkeep.reserve()
	}
	s.upkeep.index(t.Context())
	now = now.Add(100 * time.Hour)
	last := write(t, s.Journal(), intent("door-1"))
	s.upkeep.retain(t.Context())
	if got := history(t, s.Journal(), Query{Device: "door-1"}); len(got) != 1 || got[0].Seq != last {
		t.Errorf("rows %+v", got)
	}
	var left int
	if err := s.journal.readers.QueryRowContext(t.Context(), "SELECT count(*) FROM by_device").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows are left in the index, %v", left, err)
	}
	healthy(t, s)
}

// TestAJournalWithTheOldIndex is that of the release before: its rows are found, and noted when there is time.
func TestAJournalWithTheOldIndex(t *testing.T) {
	s := open(t, shm(t), small())
	for range indexStep {
		write(t, s.Journal(), intent("garage"))
		write(t, s.Journal(), intent("gate"))
		s.upkeep.reserve()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(s.folder.path, fileJournal))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"DROP TABLE by_device", "CREATE INDEX events_device ON events (device) WHERE device <> ''", "PRAGMA user_version = 1"} {
		if _, err := db.ExecContext(context.Background(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.folder.path, small())
	healthy(t, s)
	for range 2 {
		if got := history(t, s.Journal(), Query{Device: "gate", Limit: mostRows}); len(got) != indexStep {
			t.Errorf("%d rows, want %d", len(got), indexStep)
		}
		s.upkeep.index(t.Context())
	}
	if upto, err := indexed(t.Context(), s.journal.readers); err != nil || upto < indexStep {
		t.Errorf("indexed up to %d, %v", upto, err)
	}
}
