package tally_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/tally"
	"github.com/loquet/loquet/device"
)

type space struct {
	rows map[string][]byte
	bad  error
}

func (s *space) Get(key string) ([]byte, bool, error) { v, ok := s.rows[key]; return v, ok, s.bad }
func (s *space) Apply(c map[string][]byte) error      { maps.Copy(s.rows, c); return s.bad }

// book is a history in memory.
type book struct{ rows []tally.Intent }

func (b *book) Record(_ context.Context, e device.Entry) (int64, error) {
	seq := int64(len(b.rows) + 1)
	b.rows = append(b.rows, tally.Intent{Seq: seq, Code: e.Cause.Actor, Place: e.Cause.Place, Door: e.Device, At: time.Now()})
	return seq, nil
}

func (b *book) page(_ context.Context, after int64) (out []tally.Intent, through int64, err error) {
	through = after
	for _, r := range b.rows {
		if r.Seq > after && len(out) < 2 { // small pages
			out, through = append(out, r), r.Seq
		}
	}
	return out, through, nil
}

func TestUsesComeFromHistory(t *testing.T) {
	b, s := &book{}, &space{rows: map[string][]byte{}}
	c := tally.New(s)
	if u := c.Uses("one"); u.Known {
		t.Fatal("known before history was read")
	}
	j := c.Journal(b)
	write := func(code, pad, door string) {
		t.Helper()
		if _, err := j.Record(t.Context(), device.Entry{Kind: device.EntryIntent, Device: door, Cause: device.Cause{Kind: device.CauseCode, Actor: code, Place: pad}}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(c *tally.Tally, code string, n int) {
		t.Helper()
		if u := c.Uses(code); u != (access.Uses{Count: n, Known: true}) {
			t.Errorf("%s: %+v, want %d", code, u, n)
		}
	}
	write("one", "pad", "front") // while history is being read
	if err := c.Load(t.Context(), b.page); err != nil {
		t.Fatal(err)
	}
	want(c, "one", 1)
	write("one", "pad", "studio") // the second door of the same entry
	want(c, "one", 1)
	write("one", "pad", "studio") // typed again
	want(c, "one", 2)
	write("one", "other", "front") // at another keypad
	want(c, "one", 3)
	if err := c.Keep(func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	write("two", "pad", "front")
	again := tally.New(s)
	if err := again.Load(t.Context(), b.page); err != nil {
		t.Fatal(err)
	}
	want(again, "one", 3)
	want(again, "two", 1)
	lost := tally.New(&space{rows: s.rows, bad: errors.New("damaged")})
	if err := lost.Load(t.Context(), b.page); err == nil {
		t.Error("damage was not told")
	}
	want(lost, "one", 3)
	pruned := tally.New(s) // history is gone up to here, the counts are not
	b.rows = b.rows[:0]
	if err := pruned.Load(t.Context(), b.page); err != nil {
		t.Fatal(err)
	}
	want(pruned, "one", 3)
}

func TestTwoAtOnceUseACodeOnce(t *testing.T) {
	c := tally.New(&space{rows: map[string][]byte{}})
	if err := c.Load(t.Context(), (&book{}).page); err != nil {
		t.Fatal(err)
	}
	first, done := c.Take("one")
	second, done2 := c.Take("one")
	if first.Count != 0 || second.Count != 1 {
		t.Errorf("%+v, %+v", first, second)
	}
	done()
	done()
	done2()
	if u := c.Uses("one"); u.Count != 0 {
		t.Errorf("%+v after nothing was opened", u)
	}
}

func TestAHistoryThatCannotBeReadIsNotKnown(t *testing.T) {
	c := tally.New(&space{rows: map[string][]byte{}})
	bad := func(context.Context, int64) ([]tally.Intent, int64, error) { return nil, 0, errors.New("broken") }
	if err := c.Load(t.Context(), bad); err == nil || c.Uses("one").Known {
		t.Errorf("%v, %+v", err, c.Uses("one"))
	}
}
