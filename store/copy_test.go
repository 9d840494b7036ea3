package store

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func copyOf(t *testing.T, s *Store) (dir string, c Copied) {
	t.Helper()
	dir = t.TempDir()
	c, err := s.Copy(t.Context(), dir)
	if err != nil {
		t.Fatalf("copy: %v", err)
	}
	return dir, c
}

// A copy of a store in use opens as the same install, with all that was acknowledged.
func TestACopyIsTheSameHouse(t *testing.T) {
	s := open(t, t.TempDir(), small())
	apply(t, s.Space("pairings", Precious), "phone", "key")
	apply(t, s.Space("settings"), "zone", "Europe/Paris")
	last := write(t, s.Journal(), outcome("garage", write(t, s.Journal(), intent("garage"))))

	dir, c := copyOf(t, s)
	if diff := cmp.Diff(Copied{Install: s.Install(), Whole: true, Last: last}, c); diff != "" {
		t.Error(diff)
	}
	// The original goes on, and so do its numbers.
	further := write(t, s.Journal(), intent("garage"))

	o := small()
	o.boot = "boot-2"
	again := open(t, dir, o)
	healthy(t, again)
	if notes := again.Notes(); len(notes) != 0 {
		t.Errorf("put right: %v", notes)
	}
	if again.Install() != s.Install() {
		t.Error("another install")
	}
	want(t, again.Space("pairings", Precious), "phone", "key")
	want(t, again.Space("settings"), "zone", "Europe/Paris")
	rows := history(t, again.Journal(), Query{})
	if len(rows) != 3 || rows[0].Detail != gapCopy || rows[1].Seq != last {
		t.Fatalf("rows %+v", rows)
	}
	if rows[0].Seq <= further {
		t.Errorf("row %d of the copy has a number that the original uses", rows[0].Seq)
	}
	proof, err := again.Journal().Verify(t.Context())
	if err != nil || !proof.OK() || len(proof.Gaps) != 1 {
		t.Errorf("%+v, %v", proof, err)
	}
	again = reopen(t, again, o)
	if rows := history(t, again.Journal(), Query{}); len(rows) != 3 {
		t.Errorf("opened once more: %+v", rows)
	}
}

// Copies that are taken while others write hold whole states only: both values of a change or none.
func TestCopiesAreOfOneMoment(t *testing.T) {
	s := open(t, t.TempDir(), small())
	space := s.Space("pairings", Precious)
	apply(t, space, "a", "0", "b", "0")
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	writers.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			v := []byte{byte('0' + n%10)}
			if err := space.Apply(map[string][]byte{"a": v, "b": v}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	writers.Go(func() {
		for ctx.Err() == nil {
			if _, err := s.Journal().Record(ctx, intent("garage")); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	var dirs []string
	for range 5 {
		dir, _ := copyOf(t, s)
		dirs = append(dirs, dir)
	}
	stop()
	writers.Wait()
	for _, dir := range dirs {
		again := open(t, dir, small())
		healthy(t, again)
		if notes := again.Notes(); len(notes) != 0 {
			t.Errorf("put right: %v", notes)
		}
		all, err := again.Space("pairings", Precious).List("")
		if err != nil || string(all["a"]) != string(all["b"]) {
			t.Errorf("%q, %v", all, err)
		}
		if proof, err := again.Journal().Verify(t.Context()); err != nil || !proof.OK() {
			t.Errorf("%+v, %v", proof, err)
		}
	}
}

// What is lost is lost in the copy too: it never looks as if it had not been there.
func TestACopyOfDamageIsDamaged(t *testing.T) {
	s := open(t, t.TempDir(), small())
	apply(t, s.Space("settings"), "zone", "Europe/Paris", "name", "Villa Rose")
	if _, err := s.database.conn.ExecContext(t.Context(), "DELETE FROM kv WHERE key = 'zone'"); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, small())
	dir, c := copyOf(t, s)
	if c.Whole {
		t.Error("the copy is said to be whole")
	}
	again := open(t, dir, small())
	if _, ok, err := again.Space("settings").Get("zone"); ok || !errors.Is(err, ErrDamaged) {
		t.Errorf("a lost record: %t, %v", ok, err)
	}
	want(t, again.Space("settings"), "name", "Villa Rose")
}

func TestADegradedStoreIsNotCopied(t *testing.T) {
	s := open(t, t.TempDir(), small())
	s.state.degrade(&Problem{Kind: ErrDiskFull})
	if c, err := s.Copy(t.Context(), t.TempDir()); !errors.Is(err, ErrDegraded) || !errors.Is(err, ErrDiskFull) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestCopyStopped(t *testing.T) {
	dir, into := t.TempDir(), t.TempDir()
	s := open(t, dir, small())
	apply(t, s.Space("pairings", Precious), "phone", "key")
	if err := CopyStopped(dir, into); !errors.Is(err, ErrLocked) {
		t.Errorf("of a store in use: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	if err := CopyStopped(dir, into); err != nil {
		t.Fatal(err)
	}
	want(t, open(t, into, small()).Space("pairings", Precious), "phone", "key")
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("the original was touched:\n%s", diff)
	}
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, small()); !errors.Is(err, ErrLocked) {
		t.Errorf("opened under a lock: %v", err)
	}
	unlock()
	open(t, dir, small())
}
