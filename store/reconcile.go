package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// notes are what was found and put right when the store was opened.
type notes struct {
	mu   sync.Mutex
	list []*Problem
}

func (n *notes) add(p *Problem) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, p)
}

func (n *notes) all() []*Problem {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}

// opening is the work of Open on loquet.db and the identity files.
type opening struct {
	folder  *folder
	disk    disk
	state   *condition
	notes   *notes
	runtime string
	still   bool // the disk takes nothing
	files   *generations
}

// open finds out what loquet.db and the identity files hold, decides between them and returns what is
// served. The table in the package comment is this function.
func (o *opening) open(ctx context.Context, d *database) error {
	id := o.files.newest("")
	var newer error
	for _, s := range o.files.slots {
		if errors.Is(s.err, ErrNewer) {
			newer = s.err
		}
	}
	if newer != nil {
		return newer
	}
	if id == nil && !o.folder.holdsAnything() {
		if o.still {
			why, _ := o.state.get()
			return &Problem{Kind: ErrUnwritable, Path: o.folder.path, Detail: "no identity can be kept in it",
				Remedy: why.beforeTheStart(), Err: why}
		}
		return o.create(ctx, d)
	}
	missing, err := o.read(ctx, d)
	switch {
	case errors.Is(err, ErrNewer):
		return err
	case err != nil && d.seeds.has(seedNewIdentity):
		return o.beginAnew(ctx, d)
	case !missing && err == nil:
		return o.whole(ctx, d)
	case id == nil:
		return o.nothingLeft(missing, err)
	case id.Begun && !o.still:
		if !missing {
			if _, err := o.folder.setAside(fileDatabase, "damaged"); err != nil {
				return err
			}
		}
		return o.create(ctx, d)
	}
	lost := &Problem{Kind: ErrDatabaseLost, Path: d.path, Err: err, Remedy: remedyBackup}
	if held := diskProblem(d.path, err); errors.Is(held, ErrHeld) {
		lost = held
	}
	o.serveIdentity(d, id, lost)
	return nil
}

// nothingLeft is the one case in which Open gives up: nothing of the identity can be read. Making a new
// one would leave every controller outside, and the folder may still be rescued.
func (o *opening) nothingLeft(missing bool, err error) error {
	p := &Problem{Kind: ErrIdentityLost, Path: o.folder.path, Err: errors.Join(err, o.files.err()), Remedy: remedyNothingLeft}
	if missing {
		p.Detail = "loquet.db is missing or empty"
		p.Err = errors.Join(ErrDatabaseLost, p.Err)
	}
	return p
}

const remedyNothingLeft = "put the last backup back with `loquet restore`; to begin anew and pair everything again, " +
	"move the folder away"

// serveIdentity goes on without loquet.db: nobody is locked out, nothing can be changed.
func (o *opening) serveIdentity(d *database, id *identity, lost *Problem) {
	o.state.degradeUntilRestart(lost)
	d.now, d.lost = contentOf(id), fmt.Errorf("%w: %w", ErrDegraded, lost)
}

// read opens loquet.db and reads it whole. missing means that there is none, or that nothing was ever
// written to it; it is not made here.
func (o *opening) read(ctx context.Context, d *database) (missing bool, err error) {
	if missing, err := look(d.path); missing || err != nil {
		return missing, err
	}
	if o.still {
		return o.readStill(ctx, d)
	}
	if err := d.connect(ctx); err != nil {
		d.disconnect()
		return false, err
	}
	c, fresh, err := load(ctx, d.conn, d.path)
	if err != nil || fresh {
		d.disconnect()
		return fresh, err
	}
	d.now = c
	return false, nil
}

func (o *opening) readStill(ctx context.Context, d *database) (missing bool, err error) {
	path, err := stillPath(ctx, d.path, o.runtime)
	if err != nil {
		return false, err
	}
	db, err := openReaders(path, true)
	if err != nil {
		return false, err
	}
	defer func() { _ = db.Close() }()
	have, err := version(ctx, db, d.path, applicationDatabase)
	if err != nil {
		return false, err
	}
	if have == 0 {
		return true, nil
	}
	if err := check(ctx, db, d.path); err != nil {
		return false, err
	}
	c, fresh, err := load(ctx, db, d.path)
	d.now = c
	return fresh, err
}

// connect opens loquet.db for writing. The process has it for itself: there is no -shm file, and a
// checkpoint finds no reader in its way.
func (d *database) connect(ctx context.Context) error {
	var err error
	strength := "synchronous(FULL)"
	if d.seeds.has(seedEarlyAnswer) {
		strength = "synchronous(NORMAL)"
	}
	d.db, d.conn, err = openWriter(ctx, d.path, "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", strength,
		"wal_autocheckpoint(0)")
	if err != nil {
		return err
	}
	if err := migrate(ctx, d.conn, d.path, "database", applicationDatabase); err != nil {
		return err
	}
	if err := check(ctx, d.conn, d.path); err != nil {
		return err
	}
	return sign(ctx, d.conn, d.by)
}

func (d *database) disconnect() {
	if d.conn != nil {
		_ = d.conn.Close() // it is given up: what it could not write is told by whoever gave it up
		_ = d.db.Close()
	}
	d.conn, d.db = nil, nil
}

// whole compares a database that can be read with the identity files.
func (o *opening) whole(ctx context.Context, d *database) error {
	c := d.now
	if stray := o.strays(c.install); len(stray) > 0 {
		if o.files.newest(c.install) == nil && o.journalInstall(ctx) == stray[0].id.Install {
			lost := &Problem{Kind: ErrDatabaseLost, Path: d.path, Detail: "the one that is there belongs to another install",
				Remedy: remedyBackup}
			id := o.files.newest("")
			d.disconnect()
			o.serveIdentity(d, id, lost)
			return nil
		}
		o.setStraysAside(stray)
	}
	id := o.files.newest(c.install)
	next, replaced := o.choose(c, id)
	d.now = next
	if o.still {
		return nil
	}
	if err := o.repair(ctx, d, id, c.generation, replaced); err != nil {
		o.state.degrade(diskProblem(d.path, err))
	}
	return nil
}

// choose takes each precious space from where it is newest and whole.
func (o *opening) choose(c *content, id *identity) (next *content, replaced []string) {
	if id == nil {
		return c, nil
	}
	own := *c
	next = &own
	ahead := id.Generation > c.generation
	if ahead {
		o.notes.add(damaged(o.folder.file(fileDatabase),
			"it is older than the identity: settings and memories that were written last may be missing", nil))
	}
	from := contentOf(id)
	for _, name := range slices.Sorted(maps.Keys(from.spaces)) {
		theirs, ours := from.spaces[name], c.spaces[name]
		if theirs.holes || (ours != nil && ours.whole() && !ahead) {
			continue
		}
		if ours != nil && ours.whole() && maps.EqualFunc(ours.rows, theirs.rows, bytes.Equal) {
			continue
		}
		next = next.with(name, theirs)
		replaced = append(replaced, name)
		o.notes.add(damaged(o.folder.file(fileDatabase), "the records of "+name+" were taken from the identity file", nil))
	}
	next.generation = max(c.generation, id.Generation)
	return next, replaced
}

func (c *content) space(name string) *spaceRows {
	if s := c.spaces[name]; s != nil {
		return s
	}
	return emptySpace(false)
}

// repair writes down what was decided. had is the generation that the database had.
func (o *opening) repair(ctx context.Context, d *database, id *identity, had int64, replaced []string) error {
	c := d.now
	if id == nil {
		o.notes.add(&Problem{Kind: ErrIdentityLost, Path: o.folder.path, Err: o.files.err(),
			Detail: "both identity files were made again from loquet.db", Remedy: "nothing; but this disk forgets things"})
	}
	older := id == nil || id.Generation < c.generation
	if len(replaced) == 0 && (older || (id.Generation == had && sameIdentity(c.identity(), id))) {
		return o.mend(c)
	}
	c.generation++
	err := inTx(ctx, d.conn, func() error {
		for _, name := range replaced {
			if _, err := d.conn.ExecContext(ctx, "DELETE FROM kv WHERE space = ?", name); err != nil {
				return err
			}
			if err := writeRows(ctx, d.conn, name, c.spaces[name].rows); err != nil {
				return err
			}
			if err := writeSums(ctx, d.conn, c, name, c.spaces[name]); err != nil {
				return err
			}
		}
		return writeHead(ctx, d.conn, c)
	})
	if err != nil {
		return err
	}
	if _, err := checkpoint(ctx, d.conn, "TRUNCATE"); err != nil {
		return err
	}
	return o.mend(c)
}

// mend writes the identity files that are missing, damaged or older.
func (o *opening) mend(c *content) error {
	if err := o.files.err(); err != nil && o.files.newest(c.install) != nil {
		o.notes.add(&Problem{Kind: ErrDamaged, Path: o.folder.path, Err: err, Detail: "one identity file was made again",
			Remedy: "nothing; but this disk forgets things"})
	}
	if o.files.level(c.install, c.generation) {
		return nil
	}
	return o.files.write(c.identity())
}

func sameIdentity(a, b *identity) bool {
	return a.Install == b.Install && slices.Equal(a.Holes, b.Holes) &&
		maps.EqualFunc(a.Spaces, b.Spaces, func(x, y map[string][]byte) bool { return maps.EqualFunc(x, y, bytes.Equal) })
}

// strays are identity files of other installs.
func (o *opening) strays(install string) []slot {
	var out []slot
	for _, s := range o.files.slots {
		if s.id != nil && s.id.Install != install {
			out = append(out, s)
		}
	}
	return out
}

func (o *opening) setStraysAside(stray []slot) {
	for _, s := range stray {
		o.notes.add(&Problem{Kind: ErrDamaged, Path: s.path, Detail: "it belongs to another install and was set aside",
			Remedy: "move the state folder of the other install back to where it was"})
		if o.still {
			continue
		}
		for _, name := range []string{fileIdentityA, fileIdentityB} {
			if o.folder.file(name) != s.path {
				continue
			}
			if _, err := o.folder.setAside(name, "other"); err != nil {
				o.state.degrade(diskProblem(s.path, err))
			}
		}
	}
	for i := range o.files.slots {
		for _, s := range stray {
			if o.files.slots[i].path == s.path {
				o.files.slots[i] = slot{path: s.path}
			}
		}
	}
}

// journalInstall asks the journal which install it belongs to; empty if it cannot say.
func (o *opening) journalInstall(ctx context.Context) string {
	db, err := openReaders(o.folder.file(fileJournal), o.still)
	if err != nil {
		return ""
	}
	defer func() { _ = db.Close() }()
	install, err := meta(ctx, db, "install")
	if err != nil {
		return ""
	}
	return install
}
