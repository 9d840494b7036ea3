package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
)

// TestTheLogIsEmptiedWhenNoDoorIsOwedAnything: a checkpoint syncs, and no door may wait for that.
func TestTheLogIsEmptiedWhenNoDoorIsOwedAnything(t *testing.T) {
	s := open(t, shm(t), small())
	busy := true
	s.SetIdle(func() bool { return !busy })
	for s.journal.logSize() <= logLimit {
		write(t, s.Journal(), intent("garage"))
		s.upkeep.reserve()
	}
	settle(t, s)
	size := s.journal.logSize()
	s.upkeep.turn(time.Now())
	write(t, s.Journal(), intent("garage"))
	settle(t, s)
	if s.journal.logSize() <= size {
		t.Error("the log was begun anew while a door was owed something")
	}
	size = s.journal.logSize()
	busy = false
	s.upkeep.turn(time.Now())
	if st, err := os.Stat(s.journal.path); err != nil || st.Size() < 100_000 {
		t.Errorf("the database has %d bytes: the log was not moved into it", st.Size())
	}
	last := write(t, s.Journal(), intent("garage"))
	settle(t, s)
	if s.journal.logSize() != size {
		t.Errorf("the log grew from %d to %d after it was emptied", size, s.journal.logSize())
	}
	healthy(t, s)
	if err := s.Journal().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	copied := open(t, restoreIn(t, shm(t), snapshot(t, s.folder.path)), small())
	if rows := history(t, copied.Journal(), Query{Limit: 1}); rows[0].Seq != last {
		t.Errorf("a killed process left row %d of %d", rows[0].Seq, last)
	}
}

func TestUpkeepAnchorsAndDropsDays(t *testing.T) {
	o := small()
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	o.Now = func() (time.Time, string) { return now, "holdover" }
	o.Retention = 48 * time.Hour
	s := open(t, shm(t), o)
	first := write(t, s.Journal(), intent("garage"))
	now = now.Add(100 * time.Hour)
	write(t, s.Journal(), outcome("garage", first))
	waiting := write(t, s.Journal(), intent("gate"))
	if err := s.Journal().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.upkeep.turn(time.Now())
	mark := s.journal.anchorMark()
	if mark.Seq != waiting || mark.OpenFrom != waiting || !s.journal.seal.verify(mark.message(s.Install()), mark.Sig) {
		t.Errorf("anchor %+v", mark)
	}
	p := verify(t, s)
	if !p.OK() || p.Anchor != waiting || p.DroppedRows != 1 || p.First != 2 {
		t.Errorf("proof %+v", p)
	}
	// Intents before the anchor's mark are not looked at again; the waiting one is.
	s = reopen(t, s, o)
	if u := s.Unfinished(); len(u) != 1 || u[0].Row.Seq != waiting {
		t.Errorf("unfinished %+v", u)
	}
}

// TestDamageThatIsFoundLater is that of a journal too large to be checked before the doors work.
func TestDamageThatIsFoundLater(t *testing.T) {
	o := small()
	o.RuntimeDir = t.TempDir()
	s := open(t, shm(t), o)
	for range 200 {
		write(t, s.Journal(), intent("garage"))
	}
	if err := s.Journal().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.upkeep.check(t.Context())
	healthy(t, s)
	s.upkeep.emptyLog(t.Context())
	data, err := os.ReadFile(s.journal.path)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[5*4096 : 7*4096])
	if err := os.WriteFile(s.journal.path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s.upkeep.check(t.Context())
	degraded(t, s, ErrDamaged)
	s.upkeep.report()
	aside := write(t, s.Journal(), intent("front"))
	s = reopen(t, s, o)
	healthy(t, s)
	rows := history(t, s.Journal(), Query{})
	if len(rows) != 3 || rows[0].Detail != gapAside || rows[1].Detail != gapDamaged || rows[2].Seq != aside {
		t.Errorf("%d rows, the newest %+v", len(rows), rows[:min(3, len(rows))])
	}
	if set, _ := filepath.Glob(filepath.Join(s.folder.path, "journal.db.damaged-*")); len(set) == 0 {
		t.Error("the damaged journal is gone")
	}
	s = reopen(t, s, o)
	healthy(t, s)
	if rows := history(t, s.Journal(), Query{}); len(rows) != 3 {
		t.Errorf("it was set aside again: %+v", rows)
	}
}

// TestEverybodyAtOnce is for the race detector.
func TestEverybodyAtOnce(t *testing.T) {
	o := small()
	o.manual, o.OnDegraded = false, func(string) {}
	s := open(t, shm(t), o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 60 {
				if _, err := s.Journal().Record(ctx, intent(name(i))); err != nil {
					return
				}
				if n%20 == 0 {
					_ = s.Space("homekit", Precious).Apply(map[string][]byte{fmt.Sprint(i, n): {1}})
					_ = s.Memory().Remember(ctx, name(i), device.Remembered{Failures: n})
				}
			}
		})
		all.Go(func() {
			for range s.Journal().Subscribe(ctx, 0) {
				_, _ = s.Journal().History(ctx, Query{Device: name(i)})
				_, _ = s.Space("homekit").List("")
				_, _ = s.Journal().Stats(ctx)
				_, _ = s.Degraded()
			}
		})
	}
	all.Go(func() {
		for range 10 {
			s.upkeep.emptyLog(ctx)
			_, _ = s.Journal().Verify(ctx)
			_ = s.Journal().Flush(ctx)
			_ = s.Install()
		}
		s.Close()
	})
	all.Wait()
}

// TestKilledWhileItIsMade kills processes while they make their folder.
func TestKilledWhileItIsMade(t *testing.T) {
	kills := 30
	if testing.Short() || racing {
		kills = 5
	}
	for range kills {
		dir := t.TempDir()
		cmd, out := child(t, dir, childEnv+"_IDLE=1")
		timer := time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		install := ""
		for out.Scan() {
			_, _ = fmt.Sscanf(out.Text(), "open %s", &install)
			timer.Stop()
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
		id := readGenerations(realDisk(), dir).newest("")
		s := open(t, dir, small())
		healthy(t, s)
		if (install != "" && s.Install() != install) || (id != nil && s.Install() != id.Install) {
			t.Fatal("a new identity")
		}
		apply(t, s.Space("homekit", Precious), "k", "v")
	}
}

// TestTheChainIsAsDocumented pins the encoding: a verifier written from the comment in chain.go alone
// must come to the same hash.
func TestTheChainIsAsDocumented(t *testing.T) {
	r := &Row{Seq: 7, At: time.Unix(1795289400, 123456789), Trust: "trusted", Boot: "b", Mono: 42, Kind: "intent", Device: "garage",
		Action: "open", Cause: RowCause{Kind: "homekit", Actor: "é", Place: ""}, Intent: -1, Outcome: "", Code: "jammed",
		Confirmed: true, Detail: "d", State: "closed"}
	var text []byte
	for _, part := range []any{int64(7), int64(1795289400123456789), "trusted", "b", int64(42), "intent", "garage", "open",
		"homekit", "é", "", int64(-1), "", "jammed", true, "d", "closed"} {
		switch v := part.(type) {
		case int64:
			for shift := 56; shift >= 0; shift -= 8 {
				text = append(text, byte(uint64(v)>>shift))
			}
		case string:
			text = append(text, 0, 0, 0, byte(len(v)))
			text = append(text, v...)
		case bool:
			text = append(text, 1)
		}
	}
	prev := sum256("loquet journal genesis 1\x00" + "0123")
	want := sum256("loquet journal row 1\x00" + string(prev[:]) + string(text))
	if genesis("0123") != prev || link(prev, r) != want {
		t.Error("the chain is not what its comment says")
	}
	if got := want.hex(); got != pinned {
		t.Errorf("the chain is %s now: journals that were written before break", got)
	}
}

// pinned was computed by a program in another language.
const pinned = "e21f4fa4c9658a32459b32c33aee5088f548eae5267e79078c27d77ec7064552"

func sum256(s string) digest { return sha256.Sum256([]byte(s)) }
