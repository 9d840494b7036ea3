package store

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
)

// Spaces of the store's own.
const (
	spaceStore   = "~store"   // precious: the key that signs stubs and anchors
	spaceJournal = "~journal" // what loquet.db knows of the journal
	spaceMemory  = "~memory"  // what devices remember

	keySeed     = "seed"
	keyReserved = "reserved"
	keyRun      = "run"
	keyAnchor   = "anchor"
	keyDamaged  = "damaged"
)

// create makes a new install. Generation 1 of the identity comes first and says that the folder is being
// made; with generation 2 it is. What a kill leaves in between is begun again, with the same install id.
func (o *opening) create(ctx context.Context, d *database) error {
	id := o.files.newest("")
	if id == nil {
		id = &identity{Install: newInstall(), Generation: 1, Begun: true, Spaces: map[string]map[string][]byte{}}
		if err := o.files.prepare(id); err != nil {
			return o.cannotCreate(err)
		}
		if err := o.files.publish(id); err != nil {
			return o.cannotCreate(err)
		}
	}
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails: crypto/rand ends the process rather than return less
	c := &content{install: id.Install, generation: 2, spaces: map[string]*spaceRows{}}
	c = c.with(spaceStore, emptySpace(true).with(map[string][]byte{keySeed: seed}))
	if err := d.connect(ctx); err != nil {
		d.disconnect()
		return o.cannotCreate(err)
	}
	if err := d.fill(ctx, c); err != nil {
		d.disconnect()
		return o.cannotCreate(err)
	}
	if err := errors.Join(o.disk.syncDir(o.folder.path), o.files.write(c.identity())); err != nil {
		d.disconnect()
		return o.cannotCreate(err)
	}
	d.now = c
	return nil
}

func (o *opening) cannotCreate(err error) error {
	p := diskProblem(o.folder.path, err)
	return &Problem{Kind: ErrUnwritable, Path: o.folder.path, Err: p, Remedy: p.beforeTheStart()}
}

// fill writes a whole content into an empty database.
func (d *database) fill(ctx context.Context, c *content) error {
	err := inTx(ctx, d.conn, func() error {
		for name, s := range c.spaces {
			if err := writeRows(ctx, d.conn, name, s.rows); err != nil {
				return err
			}
			if err := writeSums(ctx, d.conn, c, name, s); err != nil {
				return err
			}
		}
		return writeHead(ctx, d.conn, c)
	})
	if err != nil {
		return err
	}
	_, err = checkpoint(ctx, d.conn, "TRUNCATE")
	return err
}

func newInstall() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// Rebuild makes a new loquet.db from the identity files, after the old one was lost or damaged and there
// is no backup. What was only in loquet.db is gone: settings, and what devices remember. It is for an
// owner to decide, never done by itself. A database that is there is set aside.
func Rebuild(ctx context.Context, dir string, o Options) error {
	folder, err := openFolder(dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.close() }()
	o = o.withDefaults()
	files := readGenerations(*o.disk, folder.path)
	id := files.newest("")
	if id == nil || id.Begun {
		return &Problem{Kind: ErrIdentityLost, Path: folder.path, Err: files.err(), Remedy: remedyNothingLeft}
	}
	if _, err := folder.setAside(fileDatabase, "replaced"); err != nil {
		return diskProblem(folder.path, err)
	}
	d := &database{path: folder.file(fileDatabase)}
	defer d.disconnect()
	if err := d.connect(ctx); err != nil {
		return diskProblem(d.path, err)
	}
	c := contentOf(id)
	c.loose = false
	c.generation++
	if err := d.fill(ctx, c); err != nil {
		return diskProblem(d.path, err)
	}
	if err := files.write(c.identity()); err != nil {
		return diskProblem(folder.path, err)
	}
	return nil
}
