package store

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/loquet/loquet/device"
)

// intentsAhead writes intents that wait in the file, and returns their numbers and the folder as a kill would
// leave it before any of them is in journal.db.
func intentsAhead(t testing.TB, s *Store, names ...string) (seqs []int64, killed map[string][]byte) {
	t.Helper()
	j := s.journal
	if err := j.takeTurn(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { <-j.turns }()
	j.settle()
	for _, name := range names {
		r := newRow(intent(name))
		if !j.writeAhead(&r) {
			t.Fatal("it does not go ahead")
		}
		seqs = append(seqs, r.Seq)
	}
	killed = snapshot(t, s.folder.path)
	j.settle()
	return seqs, killed
}

// TestAnIntentDoesNotWaitForSQLite: the relay may move while the row is still on its way into journal.db, and a
// process that is killed then has left it for the next one.
func TestAnIntentDoesNotWaitForSQLite(t *testing.T) {
	o, held, reached := small(), make(chan struct{}), make(chan struct{}, 1)
	d := realDisk()
	armed := false
	d.commit = func(path string) error {
		if armed && filepath.Base(path) == fileJournal {
			signal(reached)
			<-held
		}
		return nil
	}
	o.disk = &d
	s := open(t, shm(t), o)
	h := furnish(t, s)
	settle(t, s)
	if err := s.journal.order(func() { armed = true }); err != nil {
		t.Fatal(err)
	}
	seq := write(t, s.Journal(), intent("front"))
	<-reached // the goroutine that makes rows durable is about to commit it
	killed := snapshot(t, s.folder.path)
	close(held)
	for n, name := range []string{"killed", "killed again"} {
		o := small()
		o.RuntimeDir = t.TempDir() // whoever has one knows that nothing was lost with the power
		next := open(t, restoreIn(t, shm(t), killed), o)
		healthy(t, next)
		if len(next.Notes()) > 0 {
			t.Errorf("%s: put right: %v", name, next.Notes())
		}
		if rows := history(t, next.Journal(), Query{Device: "front"}); len(rows) != 1 || rows[0].Seq != seq {
			t.Errorf("%s: %d rows of front", name, len(rows))
		}
		if u := next.Unfinished(); len(u) != n+1 || u[0].Row.Seq != seq || u[0].Started {
			t.Errorf("%s: %d unfinished", name, len(u))
		}
		if p := verify(t, next); !p.OK() || len(p.Gaps) != 0 {
			t.Errorf("%s: %+v", name, p)
		}
		if again := write(t, next.Journal(), intent("garage")); again != seq+1+int64(n) {
			t.Errorf("%s: number %d after %d", name, again, seq)
		}
		settle(t, next)
		killed = snapshot(t, next.folder.path)
	}
	h.holds(t, s.Space("settings"), h.plain, true)
}

// TestOrderIsKept: what comes after an intent is after it in journal.db and in the chain, and followers get
// every row once.
func TestOrderIsKept(t *testing.T) {
	s := open(t, shm(t), small())
	rows := s.Journal().Subscribe(t.Context(), 0)
	var want []int64
	for i := range 3 * aheadRows {
		seq := write(t, s.Journal(), intent(name(i%3)))
		want = append(want, seq)
		if i%4 == 0 {
			want = append(want, write(t, s.Journal(), device.Entry{Kind: device.EntryStarted, Device: name(i % 3), Intent: seq}))
		}
	}
	prev := genesis(s.Install()).hex()
	for _, seq := range want {
		r := <-rows
		if r.Seq != seq || r.Prev != prev {
			t.Fatalf("row %d after %s, want %d after %s", r.Seq, r.Prev, seq, prev)
		}
		prev = r.Hash
	}
	if st, err := s.Journal().Stats(t.Context()); err != nil || st.Rows != int64(len(want)) {
		t.Errorf("%+v, %v", st, err)
	}
	if p := verify(t, s); !p.OK() {
		t.Errorf("%+v", p.Breaks)
	}
}

// TestMoreIntentsThanTheFileHolds: there is always a way to the relay.
func TestMoreIntentsThanTheFileHolds(t *testing.T) {
	s := open(t, shm(t), small())
	long := device.Entry{Kind: device.EntryIntent, Device: fmt.Sprintf("%0128d", 1), Detail: fmt.Sprintf("%0128d", 2),
		State: fmt.Sprintf("%0128d", 3), Cause: device.Cause{Actor: fmt.Sprintf("%0128d", 4), Place: fmt.Sprintf("%0128d", 5)}}
	ahead := 0
	err := s.journal.order(func() {
		for range 2 * aheadRows {
			r := newRow(long)
			if s.journal.writeAhead(&r) {
				ahead++
				continue
			}
			s.journal.settle()
			s.journal.write(&r)
		}
	})
	if err != nil || ahead < aheadRows {
		t.Fatalf("%d went ahead, %v", ahead, err)
	}
	if st, err := s.Journal().Stats(t.Context()); err != nil || st.Rows != 2*aheadRows {
		t.Errorf("%+v, %v", st, err)
	}
	if p := verify(t, s); !p.OK() {
		t.Errorf("%+v", p.Breaks)
	}
	healthy(t, s)
}

// TestTornAhead cuts the file at every byte and flips a bit of each: what is whole is taken, in order, and
// nothing else.
func TestTornAhead(t *testing.T) {
	s := open(t, shm(t), small())
	write(t, s.Journal(), intent("garage"))
	settle(t, s)
	last := s.journal.last
	seqs, killed := intentsAhead(t, s, "front", "back", "gate")
	data := killed[fileAhead]
	whole := following(data, last)
	if len(whole) != 3 || len(data) != aheadSize {
		t.Fatalf("%d rows in %d bytes", len(whole), len(data))
	}
	used := 0
	for _, r := range whole {
		used += 4 + len(message(nil, last, &r)) + len(last)
	}
	for at := range used + 8 {
		cut := following(data[:at], last)
		zeroed := following(append(slices.Clone(data[:at]), make([]byte, aheadSize-at)...), last)
		if diff := cmp.Diff(cut, zeroed); diff != "" {
			t.Fatalf("cut or zeroed at %d: %s", at, diff)
		}
		flipped := slices.Clone(data)
		flipped[at] ^= 1 << (at % 8)
		for what, got := range map[string][]Row{"cut": cut, "flipped": following(flipped, last)} {
			if len(got) > len(whole) || !slices.Equal(got, whole[:len(got)]) || (at < used) != (len(got) < len(whole)) {
				t.Fatalf("%s at %d of %d: %d rows", what, at, used, len(got))
			}
		}
	}
	for n, at := range []int{3, used/3 + 10, used * 2 / 3, used - 1, used} {
		torn := maps.Clone(killed)
		torn[fileAhead] = data[:at]
		next := open(t, restoreIn(t, shm(t), torn), small())
		healthy(t, next)
		rows := history(t, next.Journal(), Query{OldestFirst: true, AfterSeq: seqs[0] - 1})
		if want := len(following(data[:at], last)); len(rows) != want || len(next.Unfinished()) != 1+want || len(next.Notes()) > 0 {
			t.Errorf("%d: cut at %d: %d rows, notes %v", n, at, len(rows), next.Notes())
		}
		if p := verify(t, next); !p.OK() || len(p.Gaps) > 0 {
			t.Errorf("%+v", p)
		}
	}
}

// TestAheadAndJournalOfDifferentTimes: after a power cut one of the two may be older than the other.
func TestAheadAndJournalOfDifferentTimes(t *testing.T) {
	s := open(t, shm(t), small())
	write(t, s.Journal(), intent("garage"))
	settle(t, s)
	first, early := intentsAhead(t, s, "front")
	write(t, s.Journal(), outcome("front", first[0]))
	write(t, s.Journal(), intent("garage"))
	settle(t, s)
	late, killed := intentsAhead(t, s, "back", "gate")
	settle(t, s)
	later := snapshot(t, s.folder.path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closed := snapshot(t, s.folder.path)
	other := open(t, shm(t), small())
	_, foreign := intentsAhead(t, other, "front", "back")
	with := func(base, ahead map[string][]byte) map[string][]byte {
		m := maps.Clone(base)
		m[fileAhead] = ahead[fileAhead]
		return m
	}
	without := maps.Clone(killed)
	delete(without, fileAhead)
	half := maps.Clone(later) // a kill after the first of two was put into journal.db
	half[fileJournal+"-wal"] = killed[fileJournal+"-wal"]
	for name, tt := range map[string]struct {
		files map[string][]byte
		last  int64
	}{
		"of one moment":        {killed, late[1]},
		"without":              {without, late[0] - 1},
		"empty":                {with(killed, map[string][]byte{fileAhead: {}}), late[0] - 1},
		"long":                 {with(killed, map[string][]byte{fileAhead: append(slices.Clone(killed[fileAhead]), make([]byte, 1<<20)...)}), late[1]},
		"an older one":         {with(killed, early), late[0] - 1},
		"a newer one":          {with(early, later), first[0] - 1},
		"the same again":       {with(later, later), late[1]},
		"of another house":     {with(killed, foreign), late[0] - 1},
		"after a clean close":  {with(closed, killed), late[1]},
		"of an older database": {half, late[1]},
	} {
		t.Run(name, func(t *testing.T) {
			boots := []string{"boot-2", "boot-1"}
			if racing {
				boots = boots[:1]
			}
			for _, boot := range boots {
				o := small()
				o.boot = boot
				next := open(t, restoreIn(t, shm(t), tt.files), o)
				healthy(t, next)
				if len(next.Notes()) > 0 {
					t.Errorf("put right: %v", next.Notes())
				}
				rows := slices.DeleteFunc(history(t, next.Journal(), Query{}), func(r Row) bool { return r.Kind == device.EntryNote.String() })
				if rows[0].Seq != tt.last {
					t.Errorf("the newest row is %d, want %d", rows[0].Seq, tt.last)
				}
				seen := map[int64]bool{}
				for _, r := range rows {
					if seen[r.Seq] {
						t.Errorf("row %d twice", r.Seq)
					}
					seen[r.Seq] = true
				}
				if p := verify(t, next); !p.OK() {
					t.Errorf("%+v", p.Breaks)
				}
				if seq := write(t, next.Journal(), intent("garage")); seq <= tt.last {
					t.Errorf("number %d after %d", seq, tt.last)
				}
			}
		})
	}
}

// TestACopyHoldsWhatIsAhead: of a store in use, and of a folder that a killed process left.
func TestACopyHoldsWhatIsAhead(t *testing.T) {
	s := open(t, shm(t), small())
	seq := write(t, s.Journal(), intent("garage"))
	into := t.TempDir()
	if c, err := s.Copy(t.Context(), into); err != nil || c.Last != seq {
		t.Fatalf("%+v, %v", c, err)
	}
	seqs, killed := intentsAhead(t, s, "front")
	dir, into := restoreIn(t, shm(t), killed), t.TempDir()
	if err := CopyStopped(dir, into); err != nil {
		t.Fatal(err)
	}
	if rows := history(t, open(t, into, small()).Journal(), Query{Limit: 1}); rows[0].Seq != seqs[0] {
		t.Errorf("the newest row of the copy is %+v", rows[0])
	}
	back := t.TempDir()
	if _, err := s.Copy(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	files := snapshot(t, back)
	files[fileAhead] = killed[fileAhead] // the copy is put back over a folder with more
	restored := open(t, restoreIn(t, shm(t), files), small())
	if rows := history(t, restored.Journal(), Query{Device: "front"}); len(rows) != 1 {
		t.Errorf("%d rows of front", len(rows))
	}
}

func anyRow(t *rapid.T) Row {
	word := rapid.StringN(0, 40, 128)
	return Row{Seq: rapid.Int64().Draw(t, "seq"), At: time.Unix(0, rapid.Int64().Draw(t, "at")).UTC(), Trust: word.Draw(t, "trust"),
		Boot: word.Draw(t, "boot"), Mono: time.Duration(rapid.Int64().Draw(t, "mono")), Kind: word.Draw(t, "kind"), Device: word.Draw(t, "device"),
		Action: word.Draw(t, "action"), Cause: RowCause{word.Draw(t, "cause"), word.Draw(t, "actor"), word.Draw(t, "place")},
		Intent: rapid.Int64().Draw(t, "intent"), Outcome: word.Draw(t, "outcome"), Code: word.Draw(t, "code"),
		Confirmed: rapid.Bool().Draw(t, "confirmed"), Detail: word.Draw(t, "detail"), State: word.Draw(t, "state")}
}

func TestMessagesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyRow(t)
		before := digest(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "prev"))
		data := message(nil, before, &in)
		prev, out, ok := readMessage(data)
		if !ok || prev != before || out != in {
			t.Fatalf("%+v became %+v", in, out)
		}
		for at := range data {
			if _, _, ok := readMessage(data[:at]); ok {
				t.Fatalf("a message of %d bytes was read from %d", len(data), at)
			}
		}
	})
}

func FuzzAhead(f *testing.F) {
	r := newRow(intent("garage"))
	r.Seq = 9
	var a ahead
	a.file = discard{}
	if _, err := a.write(&r, digest{}); err != nil {
		f.Fatal(err)
	}
	f.Add(slices.Clone(a.buf))
	f.Add(append(slices.Clone(a.buf), a.buf...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range following(data, digest{}) {
			if len(r.Device) > len(data) {
				t.Fatalf("%+v", r)
			}
		}
		_, _, _ = readMessage(data)
	})
}

type discard struct{ inPlace }

func (discard) WriteAt(data []byte, _ int64) (int, error) { return len(data), nil }
func (discard) Close() error                              { return nil }
