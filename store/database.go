package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
)

// database is loquet.db: one goroutine writes, everybody reads what it keeps in memory.
type database struct {
	log   zerolog.Logger
	path  string
	by    string // the version of this loquet
	disk  disk
	files *generations
	state *condition
	seeds seeds

	db   *sql.DB
	conn *sql.Conn // nil when nothing can be written; used by the writing goroutine only

	requests chan change
	stop     chan struct{}
	stopped  chan struct{}

	mu     sync.RWMutex
	now    *content
	lost   error // not nil: now is what the identity files hold, and why
	closed bool

	lastGeneration int64 // the highest that was ever tried; the writing goroutine's
}

// change is a request to the writing goroutine.
type change struct {
	space   string
	changes map[string][]byte
	declare bool // the space is precious from now on
	own     bool // the store's own bookkeeping: it goes on while the disk is nearly full or the journal damaged
	accept  bool // what is missing is given up
	reply   chan error
}

func (d *database) start() {
	d.requests, d.stop, d.stopped = make(chan change), make(chan struct{}), make(chan struct{})
	d.lastGeneration = d.now.generation
	go func() {
		defer close(d.stopped)
		for {
			select {
			case c := <-d.requests:
				c.reply <- d.apply(c)
				d.level()
			case <-d.stop:
				return
			}
		}
	}()
}

// submit hands a change to the writing goroutine and waits for the disk.
func (d *database) submit(c change) error {
	c.reply = make(chan error, 1)
	select {
	case d.requests <- c:
		return <-c.reply
	case <-d.stopped:
		return ErrClosed
	}
}

// content returns what is known now, and why it is not everything.
func (d *database) content() (c *content, lost error, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return nil, nil, ErrClosed
	}
	return d.now, d.lost, nil
}

func (d *database) show(c *content) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = c
}

// apply carries out one change: all of it, on the disk, or nothing.
func (d *database) apply(c change) error {
	if d.conn == nil {
		return d.state.refuse()
	}
	reason, passing := d.state.get()
	allowed := reason == nil || (c.own && (passing || errors.Is(reason, ErrDamaged)))
	if !allowed {
		return d.state.refuse()
	}
	before := d.now
	space := before.spaces[c.space]
	if space == nil {
		space = emptySpace(false)
		space.holes = before.loose
	}
	next := space.with(c.changes)
	next.precious = space.precious || c.declare
	if c.accept {
		next.holes, next.damaged = false, nil
	}
	after := before.with(c.space, next)
	if !next.precious {
		if err := d.commit(after, c, next); err != nil {
			return err
		}
		d.show(after)
		return nil
	}
	after.generation = d.nextGeneration()
	return d.applyPrecious(before, after, c, next)
}

// applyPrecious writes the identity before it acknowledges. See the package comment for the order.
func (d *database) applyPrecious(before, after *content, c change, next *spaceRows) error {
	id := after.identity()
	if err := d.files.prepare(id); err != nil {
		return d.fail(d.files.temp, err)
	}
	if err := d.commit(after, c, next); err != nil {
		return errors.Join(err, d.files.discard())
	}
	err := d.files.publish(id)
	if err == nil {
		d.show(after)
		return nil
	}
	err = d.fail(d.files.temp, err)
	// The database has the change and the identity has not: take it back, so that "refused" is true.
	back, undo, old := d.undo(before, c, next)
	if undone := d.commit(back, undo, old); undone != nil {
		d.show(after)
		return errors.Join(err, undone)
	}
	d.show(back)
	return err
}

// undo returns the change that takes c back, and the content it leads to.
func (d *database) undo(before *content, c change, next *spaceRows) (*content, change, *spaceRows) {
	old := before.spaces[c.space]
	if old == nil {
		old = emptySpace(next.precious)
		old.holes = before.loose
	}
	back := before.with(c.space, old)
	back.generation = d.nextGeneration()
	undo := change{space: c.space, changes: map[string][]byte{}}
	for key := range c.changes {
		undo.changes[key] = old.rows[key]
	}
	return back, undo, old
}

func (d *database) nextGeneration() int64 {
	d.lastGeneration++
	return d.lastGeneration
}

// commit makes one transaction of the change. It is on the disk when this returns.
func (d *database) commit(after *content, c change, space *spaceRows) error {
	ctx := context.Background()
	err := d.disk.commit(d.path)
	if err == nil {
		err = inTx(ctx, d.conn, func() error {
			if err := writeRows(ctx, d.conn, c.space, c.changes); err != nil {
				return err
			}
			return writeSums(ctx, d.conn, after, c.space, space)
		})
	}
	if err != nil {
		return d.fail(d.path, err)
	}
	if d.seeds.has(seedEarlyAnswer) {
		return nil
	}
	// A log that is emptied at once cannot lose a value to damage in it: SQLite takes the first frame
	// that does not sum up for the end. The commit itself is on the disk already.
	if _, err := checkpoint(ctx, d.conn, "TRUNCATE"); err != nil {
		d.state.degrade(diskProblem(d.path, err))
	}
	return nil
}

// level brings the other identity file to the same generation, after the change was acknowledged.
func (d *database) level() {
	if d.state.refuse() != nil || d.files.level(d.now.install, d.now.generation) {
		return
	}
	if err := d.files.write(d.now.identity()); err != nil {
		d.state.degrade(diskProblem(d.files.temp, err))
	}
}

func (d *database) fail(path string, err error) error {
	p := diskProblem(path, err)
	d.state.degrade(p)
	return fmt.Errorf("%w: %w", ErrDegraded, p)
}

func writeRows(ctx context.Context, q execer, space string, changes map[string][]byte) error {
	for key, value := range changes {
		var err error
		if value == nil {
			_, err = q.ExecContext(ctx, "DELETE FROM kv WHERE space = ? AND key = ?", space, key)
		} else {
			_, err = q.ExecContext(ctx, "INSERT OR REPLACE INTO kv VALUES (?, ?, ?, ?)",
				space, key, value, int64(rowSum(space, key, value)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeSums(ctx context.Context, q execer, c *content, name string, space *spaceRows) error {
	s := space.sums(name)
	_, err := q.ExecContext(ctx, "INSERT OR REPLACE INTO spaces VALUES (?, ?, ?, ?, ?, ?)",
		s.space, number(s.precious), s.count, s.sum, number(s.holes), int64(s.crc()))
	if err != nil {
		return err
	}
	return writeHead(ctx, q, c)
}

func writeHead(ctx context.Context, q execer, c *content) error {
	h := c.head()
	_, err := q.ExecContext(ctx, "INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?, ?, ?)",
		h.install, h.generation, h.spaces, h.sum, int64(h.crc()))
	return err
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// close ends the writing goroutine and lets go of the file.
func (d *database) close() error {
	d.mu.Lock()
	again := d.closed
	d.closed = true
	d.mu.Unlock()
	if again {
		return nil
	}
	close(d.stop)
	<-d.stopped
	if d.conn == nil {
		return nil
	}
	return errors.Join(d.conn.Close(), d.db.Close())
}
