package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/device"
)

func TestRowsHoldTheEntry(t *testing.T) {
	o := small()
	at := time.Date(2026, 11, 21, 19, 30, 0, 123456789, time.FixedZone("CET", 3600))
	o.Now = func() (time.Time, string) { return at, "trusted" }
	s := open(t, t.TempDir(), o)
	in := device.Entry{
		Kind: device.EntryOutcome, Device: "garage", Action: device.ActionClose,
		Cause:  device.Cause{Kind: device.CauseCode, Actor: "code-7", Place: "studio-pad"},
		Intent: 41, Outcome: device.OutcomeContradicted, Code: device.RefusedInterlock, Confirmed: true,
		Detail: "confirmed", State: "open",
	}
	seq := write(t, s.Journal(), in)
	if seq != 1 {
		t.Errorf("first number %d", seq)
	}
	row := history(t, s.Journal(), Query{})[0]
	if diff := cmp.Diff(in, row.Entry()); diff != "" {
		t.Error(diff)
	}
	if !row.At.Equal(at) || row.At.Location() != time.UTC || row.Trust != "trusted" || row.Boot != "boot-1" || row.Mono <= 0 {
		t.Errorf("row %+v", row)
	}
	if len(row.Hash) != 64 || row.Prev != genesis(s.Install()).hex() {
		t.Errorf("chain %s %s", row.Prev, row.Hash)
	}
}

// TestWordsOnTheDisk pins them: a word that is written is never changed, only others are added.
func TestWordsOnTheDisk(t *testing.T) {
	for text, word := range map[string]interface{ String() string }{
		"warning": device.EntryWarning, "intent": device.EntryIntent, "started": device.EntryStarted,
		"released": device.EntryReleased, "outcome": device.EntryOutcome, "observed": device.EntryObserved,
		"refused": device.EntryRefused, "note": device.EntryNote,
		"reached": device.OutcomeReached, "timed-out": device.OutcomeTimedOut, "contradicted": device.OutcomeContradicted,
		"aborted": device.OutcomeAborted, "": device.OutcomeNone,
		"open": device.ActionOpen, "close": device.ActionClose, "stop": device.ActionStop, "lock": device.ActionLock,
		"unlock":  device.ActionUnlock,
		"homekit": device.CauseHomeKit, "matter": device.CauseMatter, "code": device.CauseCode, "console": device.CauseConsole,
		"auto-close": device.CauseAutoClose, "auto-relock": device.CauseAutoRelock, "exit": device.CauseExit,
		"outside": device.CauseOutside, "unknown": device.OutcomeUnknown,
	} {
		if word.String() != text {
			t.Errorf("%q is written as %q now", text, word)
		}
	}
}

func TestLongAndBadTextIsClipped(t *testing.T) {
	s := open(t, t.TempDir(), small())
	write(t, s.Journal(), device.Entry{Kind: device.EntryNote, Device: strings.Repeat("é", 500),
		Cause: device.Cause{Actor: "a\x00b\xff\nc"}})
	row := history(t, s.Journal(), Query{})[0]
	if row.Device != strings.Repeat("é", 64) || row.Cause.Actor != "ab?c" {
		t.Errorf("kept %q, %q", row.Device, row.Cause.Actor)
	}
}

func TestHistoryQueries(t *testing.T) {
	o := small()
	start := time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC)
	now := start
	o.Now = func() (time.Time, string) { return now, "trusted" }
	s := open(t, t.TempDir(), o)
	j := s.Journal()
	for i := range 50 {
		now = start.Add(time.Duration(i) * 10 * time.Minute)
		write(t, j, intent(name(i%5)))
	}
	now = start.Add(-time.Hour) // the clock was set back
	write(t, j, intent("late"))
	tests := []struct {
		name        string
		query       Query
		first, last int64
		count       int
	}{
		{"all", Query{Limit: 1000}, 51, 1, 51},
		{"the newest", Query{Limit: 3}, 51, 49, 3},
		{"the next page", Query{Limit: 3, BeforeSeq: 49}, 48, 46, 3},
		{"after", Query{AfterSeq: 48}, 51, 49, 3},
		{"a device", Query{Device: name(2), Limit: 4}, 48, 33, 4},
		{"since, over midnight", Query{Since: start.Add(3 * time.Hour), Limit: 1000}, 50, 19, 32},
		{"since, on the first day", Query{Since: start.Add(time.Hour), Limit: 1000}, 50, 7, 44},
		{"until", Query{Until: start.Add(20 * time.Minute), Limit: 1000}, 51, 1, 3},
		{"the oldest", Query{Limit: 3, OldestFirst: true}, 1, 3, 3},
		{"the oldest of a device", Query{Device: name(1), AfterSeq: 2, Limit: 2, OldestFirst: true}, 7, 12, 2},
		{"nothing since", Query{Since: start.Add(1000 * time.Hour)}, 0, 0, 0},
		{"a day", Query{Since: start.Add(2 * time.Hour), Until: start.Add(3 * time.Hour)}, 18, 13, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows := history(t, j, tt.query)
			if len(rows) != tt.count {
				t.Fatalf("%d rows, want %d", len(rows), tt.count)
			}
			if tt.count > 0 && (rows[0].Seq != tt.first || rows[len(rows)-1].Seq != tt.last) {
				t.Errorf("rows %d to %d, want %d to %d", rows[0].Seq, rows[len(rows)-1].Seq, tt.first, tt.last)
			}
			for i := 1; i < len(rows); i++ {
				if (rows[i].Seq > rows[i-1].Seq) != tt.query.OldestFirst {
					t.Fatalf("not in order: %d before %d", rows[i-1].Seq, rows[i].Seq)
				}
			}
		})
	}
}

func TestSubscribersMissNothing(t *testing.T) {
	o := small()
	o.manual = false
	s := open(t, t.TempDir(), o)
	j := s.Journal()
	for range 600 {
		write(t, j, intent("garage"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const total = 4000 // more than are held in memory: the slow reader falls back to the file
	got := make(chan int64)
	for _, after := range []int64{0, 300, 599} {
		rows := j.Subscribe(ctx, after)
		go func() {
			next := after
			for r := range rows {
				if r.Seq != next+1 {
					break
				}
				if next = r.Seq; next == total {
					break
				}
			}
			got <- next
		}()
	}
	for range total - 600 {
		write(t, j, intent("garage"))
	}
	for range 3 {
		if last := <-got; last != total {
			t.Errorf("a reader missed what came after %d", last)
		}
	}
}

func TestSubscribersResumeOverARestart(t *testing.T) {
	s := open(t, shm(t), small())
	for range 700 {
		write(t, s.Journal(), intent("garage"))
	}
	s = reopen(t, s, small())
	rows := s.Journal().Subscribe(t.Context(), 5)
	write(t, s.Journal(), intent("garage"))
	for seq := int64(6); seq <= 701; seq++ {
		if r := <-rows; r.Seq != seq {
			t.Fatalf("got %d, want %d", r.Seq, seq)
		}
	}
}

func TestSubscribeEnds(t *testing.T) {
	s := open(t, t.TempDir(), small())
	ctx, cancel := context.WithCancel(t.Context())
	first, second := s.Journal().Subscribe(ctx, 0), s.Journal().Subscribe(t.Context(), 0)
	cancel()
	if _, more := <-first; more {
		t.Error("a row from nowhere")
	}
	s.Close()
	if _, more := <-second; more {
		t.Error("a row from nowhere")
	}
}

func TestFlushReachesTheDisk(t *testing.T) {
	s := open(t, t.TempDir(), small())
	seq := write(t, s.Journal(), intent("garage"))
	if err := s.Journal().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Journal().Stats(t.Context()); err != nil || st.Durable != seq || st.Rows != 1 {
		t.Errorf("stats %+v, %v", st, err)
	}
}

func TestUnfinishedIntents(t *testing.T) {
	s := open(t, t.TempDir(), small())
	j := s.Journal()
	done := write(t, j, intent("garage"))
	write(t, j, outcome("garage", done))
	never := write(t, j, intent("gate"))
	started := write(t, j, intent("front"))
	write(t, j, device.Entry{Kind: device.EntryStarted, Device: "front", Intent: started})
	s = reopen(t, s, small())
	var got []int64
	for _, u := range s.Unfinished() {
		got = append(got, u.Row.Seq)
		if u.Started != (u.Row.Seq == started) {
			t.Errorf("%d started: %v", u.Row.Seq, u.Started)
		}
		write(t, s.Journal(), device.Entry{Kind: device.EntryOutcome, Device: u.Row.Device, Intent: u.Row.Seq,
			Outcome: device.OutcomeUnknown})
	}
	if diff := cmp.Diff([]int64{never, started}, got); diff != "" {
		t.Error(diff)
	}
	if s = reopen(t, s, small()); len(s.Unfinished()) != 0 {
		t.Errorf("still unfinished: %v", s.Unfinished())
	}
}

func TestNumbersAreNeverUsedAgain(t *testing.T) {
	s := open(t, t.TempDir(), small())
	for range 10 {
		write(t, s.Journal(), intent("garage"))
	}
	s = reopen(t, s, small())
	if seq := write(t, s.Journal(), intent("garage")); seq != 11 {
		t.Errorf("after a clean close: %d", seq)
	}
	// A power cut takes rows that nobody synced: the journal is older than the numbers that were given.
	files := snapshot(t, s.folder.path)
	for range 20 {
		write(t, s.Journal(), intent("garage"))
	}
	o := small()
	o.boot = "boot-2"
	cut := open(t, restore(t, files), o)
	if seq := write(t, cut.Journal(), intent("garage")); seq <= 31 {
		t.Errorf("number %d was used before the power cut", seq)
	}
	rows := history(t, cut.Journal(), Query{})
	if rows[1].Detail != gapPower {
		t.Errorf("no word of the power cut: %+v", rows[1])
	}
}

func TestNumbersAreReservedAhead(t *testing.T) {
	o := small()
	o.manual = false
	s := open(t, t.TempDir(), o)
	for i := range 5000 {
		if seq := write(t, s.Journal(), intent("garage")); seq != int64(i)+1 {
			t.Fatalf("row %d has number %d", i+1, seq)
		}
		if reserved := s.journal.numbers.reserved.Load(); reserved < int64(i)+1 {
			t.Fatalf("number %d was given, %d are reserved", i+1, reserved)
		}
	}
}

func TestRecordGivesUpWithItsContext(t *testing.T) {
	s := open(t, t.TempDir(), small())
	held := make(chan struct{})
	go func() { _ = s.journal.order(func() { <-held }) }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for { // until the writing goroutine is held up
		if _, err := s.journal.Record(ctx, intent("garage")); err != nil {
			break
		}
	}
	close(held)
	write(t, s.Journal(), intent("garage"))
}
