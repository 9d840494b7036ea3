package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// durable makes the write-ahead log of the journal durable, at once and without anybody waiting.
//
// It syncs through a descriptor of its own. That one is on the -wal file and never on the database or
// the -shm file: closing any descriptor on those would drop SQLite's POSIX locks of the whole process.
type durable struct {
	kick chan struct{}
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	rows    []Row // written, perhaps not yet on the disk: the first of them
	written int64 // the last row that was written
	upto    int64 // the last row that is on the disk
	sure    int64 // a row that is on the disk, with its hash
	hash    string
	failed  error
	waits   []chan struct{} // closed after the next sync

	wal *os.File // the syncing goroutine's
}

// unsyncedRows bounds what is kept of rows that wait for the disk.
const unsyncedRows = 4096

func (d *durable) start(j *Journal) {
	d.stop, d.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(d.done)
		for {
			select {
			case <-d.kick:
				_ = j.settled(context.Background()) // whoever closes the journal sees to that
				d.sync(j)
			case <-d.stop:
				return
			}
		}
	}()
}

// wrote notes a row. Whoever asked for it has it synced, by a signal to kick; upkeep does for those who
// left before their answer came.
func (d *durable) wrote(r Row) {
	d.mu.Lock()
	if len(d.rows) < unsyncedRows {
		d.rows = append(d.rows, r)
	}
	d.written = r.Seq
	d.mu.Unlock()
}

// sync makes durable what was written until now. A failed sync is never tried again: the kernel forgets
// what it could not write, and a second try would succeed on nothing.
func (d *durable) sync(j *Journal) {
	d.mu.Lock()
	count, written, failed, waits := len(d.rows), d.written, d.failed, d.waits
	d.waits = nil
	d.mu.Unlock()
	defer func() {
		for _, w := range waits {
			close(w)
		}
	}()
	if failed != nil {
		return
	}
	if err := d.syncLog(j); err != nil {
		p := diskProblem(j.path, err)
		p.Detail = "the history could not be made durable"
		j.state.degradeUntilRestart(p)
		d.mu.Lock()
		d.failed = err
		d.mu.Unlock()
		go func() { _ = j.order(func() { j.stepAside(p) }) }()
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.upto = written
	if count > 0 {
		d.sure, d.hash = d.rows[count-1].Seq, d.rows[count-1].Hash
	}
	d.rows = append(d.rows[:0], d.rows[count:]...)
}

func (d *durable) syncLog(j *Journal) error {
	path := j.path + "-wal"
	if d.wal != nil {
		held, err := d.wal.Stat()
		if err != nil {
			return err
		}
		if now, err := os.Stat(path); err != nil || !os.SameFile(held, now) {
			return errors.New("journal.db-wal was removed while it was in use")
		}
		return j.disk.datasync(d.wal)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(j.disk.datasync(f), j.disk.syncDir(filepath.Dir(path))); err != nil {
		f.Close()
		return err
	}
	d.wal = f
	return nil
}

// wait returns once everything written before the call is on the disk.
func (d *durable) wait(ctx context.Context) error {
	d.mu.Lock()
	if d.failed != nil || d.upto == d.written {
		defer d.mu.Unlock()
		return d.failed
	}
	synced := make(chan struct{})
	d.waits = append(d.waits, synced)
	d.mu.Unlock()
	signal(d.kick)
	select {
	case <-synced:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.done:
		return ErrClosed
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

func (d *durable) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.waits {
		close(w)
	}
	d.waits = nil
}

// unsynced returns the rows that may not be on the disk.
func (d *durable) unsynced() []Row {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Row(nil), d.rows...)
}

// begin says what is on the disk at the start.
func (d *durable) begin(seq int64, hash digest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written, d.upto, d.sure, d.hash = seq, seq, seq, hash.hex()
}

// reached returns a row that is on the disk, near the last one, with its hash.
func (d *durable) reached() (seq int64, hash string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sure, d.hash
}

// close syncs what is left and ends the goroutine. Nobody writes any more.
func (d *durable) close(j *Journal) {
	close(d.stop)
	<-d.done
	if d.pending() {
		d.sync(j)
	}
	if d.wal != nil {
		d.wal.Close()
	}
	d.wake()
}

func (d *durable) pending() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed == nil && d.upto != d.written
}

// Flush waits until everything that was recorded before it is on the disk. It is for what must be
// durable before it is shown, as a wrong code at a keypad. It must not stand on the way to a relay. While
// rows are kept aside it says so: an error that wraps ErrDegraded.
func (j *Journal) Flush(ctx context.Context) error {
	if err := j.settled(ctx); err != nil {
		return err
	}
	if err := j.durable.wait(ctx); err != nil || j.aside.Load() == nil {
		return err
	}
	return j.state.refuse()
}
