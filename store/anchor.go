package store

import (
	"context"
	"encoding/hex"
	"os"
)

// nextAnchor returns an anchor for what is on the disk by now; ok is false if the last one still holds.
func (j *Journal) nextAnchor() (a anchor, ok bool) {
	seq, text := j.durable.reached()
	hash, err := hex.DecodeString(text)
	if err != nil || seq <= j.anchorMark().Seq {
		return anchor{}, false
	}
	a = anchor{Seq: seq, Hash: hash, OpenFrom: j.settledBefore(seq)}
	a.Sig = j.seal.sign(a.message(j.seal.install))
	return a, true
}

// anchorMark returns the anchor that is in loquet.db.
func (j *Journal) anchorMark() anchor {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.anchored
}

func (j *Journal) setAnchor(a anchor) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.anchored = a
}

// settledBefore returns the first row from which a later start must look for unfinished intents.
func (j *Journal) settledBefore(seq int64) int64 {
	from := seq + 1
	look := func() {
		for open := range j.open {
			from = min(from, open)
		}
	}
	if j.order(look) != nil {
		look() // nobody writes any more
	}
	return from
}

// end lets nobody write any more. What was recorded is on the disk then, if the disk takes it.
func (j *Journal) end() {
	if j.closed.Swap(true) {
		return
	}
	j.turns <- struct{}{} // the last turn, which is never given back
	j.settle()
	close(j.stopped)
	j.durable.close(j)
}

// Stats are numbers for the page and for metrics.
type Stats struct {
	Rows      int64  // rows in journal.db
	First     int64  // the oldest row's number, 0 if there is none
	Last      int64  // the newest
	Durable   int64  // the newest that is known to be on the disk
	Anchor    int64  // see Proof
	Aside     int    // rows that are kept elsewhere while the disk fails
	LogBytes  int64  // the write-ahead log
	FileBytes int64  // journal.db
	Hash      string // of the row Durable: kept elsewhere, it proves the journal up to there
}

// Stats returns them. It goes through all row numbers, so it is nothing for every second.
func (j *Journal) Stats(ctx context.Context) (Stats, error) {
	if j.closed.Load() {
		return Stats{}, ErrClosed
	}
	if err := j.settled(ctx); err != nil {
		return Stats{}, err
	}
	s := Stats{Anchor: j.anchorMark().Seq, LogBytes: j.logSize()}
	s.Durable, s.Hash = j.durable.reached()
	aside, _ := j.aside.Load().list()
	s.Aside = len(aside)
	if st, err := os.Stat(j.path); err == nil {
		s.FileBytes = st.Size()
	}
	if j.readers == nil {
		return s, nil
	}
	err := j.readers.QueryRowContext(ctx, "SELECT count(*), coalesce(min(seq), 0), coalesce(max(seq), 0) FROM events").
		Scan(&s.Rows, &s.First, &s.Last)
	return s, err
}
