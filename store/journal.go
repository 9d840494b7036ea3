package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
)

// Journal is the history. Whoever has a row writes it in its turn, without another goroutine in between:
// a relay waits for it. A goroutine of the journal's makes rows durable. It implements device.Journal.
type Journal struct {
	log       zerolog.Logger
	path      string
	asidePath string // where rows go aside; empty: memory only
	disk      disk
	state     *condition
	now       func() (time.Time, string)
	boot      string
	mono      func() time.Duration
	seal      seal
	numbers   *numbers
	seeds     seeds

	// Of whoever has the turn.
	db      *sql.DB
	conn    *sql.Conn // nil: journal.db is not written
	insert  *rowWriter
	last    digest // hash of the last row in journal.db
	lastSeq int64  // its number
	segment segment
	indexed int64          // a row up to which by_device is complete; 0: not asked yet
	open    map[int64]bool // intents without an outcome

	ahead   ahead                 // where an intent waits for its place in journal.db; but for waiting, of whoever has the turn
	aside   atomic.Pointer[aside] // where rows go while journal.db cannot take them; nil: they go to journal.db
	readers *sql.DB               // nil: there is nothing to read
	recent  recent
	durable durable
	used    atomic.Int64 // of the log, in bytes, as far as rows take them

	turns   chan struct{} // holds one while somebody writes
	stopped chan struct{} // closed at the end
	closed  atomic.Bool

	checked    bool // its pages were gone through when it was opened
	unfinished []Unfinished

	mu       sync.Mutex
	anchored anchor
}

var _ device.Journal = (*Journal)(nil)

// segment is a run of rows of one day and one trust.
type segment struct {
	day     string
	trusted bool
}

// Record writes the entry and returns its number. When it returns, the row survives a killed process;
// it is on the disk a moment later, which nobody waits for (Flush does). While journal.db cannot be
// written the row is kept in the runtime folder, and Record succeeds all the same: a full disk locks
// nobody out. The error is the context's, or ErrClosed.
func (j *Journal) Record(ctx context.Context, e device.Entry) (int64, error) {
	if err := j.takeTurn(ctx); err != nil {
		return 0, err
	}
	seq := j.writeInTurn(newRow(e))
	signal(j.durable.kick)
	return seq, nil
}

func (j *Journal) writeInTurn(r Row) int64 {
	defer func() { <-j.turns }()
	if j.writeAhead(&r) {
		return r.Seq
	}
	j.settle()
	return j.write(&r)
}

// takeTurn waits until nobody writes. Whoever has it gives it back by receiving from turns.
func (j *Journal) takeTurn(ctx context.Context) error {
	select {
	case <-j.stopped:
		return ErrClosed
	default:
	}
	select {
	case j.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-j.stopped:
		return ErrClosed
	}
}

func (j *Journal) start() { j.durable.start(j) }

// order does something in its turn, beside the rows. Every row that was recorded before is in its place then.
func (j *Journal) order(do func()) error {
	if err := j.takeTurn(context.Background()); err != nil {
		return err
	}
	defer func() { <-j.turns }()
	j.settle()
	do()
	return nil
}

// write numbers and dates the row and puts it where rows go now.
func (j *Journal) write(r *Row) int64 {
	j.date(r)
	j.keep(r)
	return r.Seq
}

// date gives the row its number and its time.
func (j *Journal) date(r *Row) {
	r.Seq = j.numbers.take(j.state)
	var at time.Time
	at, r.Trust = j.now()
	r.At, r.Boot, r.Mono = at.UTC().Round(0), j.boot, j.mono()
}

// keep puts a row that has its number where rows go now.
func (j *Journal) keep(r *Row) {
	if j.aside.Load() == nil {
		j.insertOrStepAside(r)
	}
	if a := j.aside.Load(); a != nil {
		a.add(*r)
	}
	j.follow(r)
	j.recent.add(*r)
}

// insertOrStepAside writes the row to journal.db. If the disk does not take it, room is made once; after
// that rows go aside.
func (j *Journal) insertOrStepAside(r *Row) {
	err := j.put(r)
	if err != nil && errors.Is(diskProblem(j.path, err), ErrDiskFull) {
		j.state.degrade(diskProblem(j.path, err)) // gives the reserve back
		err = j.put(r)
	}
	if err != nil {
		r.Prev, r.Hash = "", ""
		j.stepAside(diskProblem(j.path, err))
		return
	}
	j.durable.wrote(*r)
}

// put commits one row: a write into the log without a sync.
func (j *Journal) put(r *Row) error {
	if err := j.disk.commit(j.path); err != nil {
		return err
	}
	hash := link(j.last, r)
	r.Prev, r.Hash = j.last.hex(), hash.hex()
	seg := segment{day: day(r.At), trusted: r.Trust != "floor"}
	ctx := context.Background()
	var err error
	if seg == j.segment {
		err = j.insert.write(ctx, r, j.last, hash)
	} else {
		err = inTx(ctx, j.conn, func() error {
			_, err := j.conn.ExecContext(ctx, "INSERT INTO segments VALUES (?, ?, ?)", r.Seq, seg.day, number(seg.trusted))
			return errors.Join(err, j.insert.write(ctx, r, j.last, hash))
		})
	}
	if err != nil {
		return err
	}
	j.last, j.lastSeq, j.segment = hash, r.Seq, seg
	j.used.Add(rowInLog)
	return nil
}

// follow keeps count of the intents that wait for their outcome.
func (j *Journal) follow(r *Row) {
	switch {
	case r.is(device.EntryIntent):
		j.open[r.Seq] = true
	case r.is(device.EntryOutcome):
		delete(j.open, r.Intent)
	}
}

// note writes a row of the store's own.
func (j *Journal) note(detail string) {
	r := newRow(device.Entry{Kind: device.EntryNote, Detail: detail})
	j.write(&r)
	signal(j.durable.kick)
}
