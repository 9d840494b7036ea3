//go:build seeded

package store

import (
	"context"
	"os"
	"strings"
)

// seeds are mistakes that a test build can be told to make (LOQUET_SEEDED), so that it is shown that the
// tests would find them. Other builds hold none of them: see seeded_off.go.
type seeds struct{ name string }

// Mistakes.
const (
	seedEmptyFlush  = "flush-by-an-empty-transaction" // which syncs nothing
	seedCheckpoint  = "checkpoint-before-the-relay"   // SQLite empties the log whenever it likes
	seedFullCommit  = "full-commit-before-the-relay"  // a sync under the writer's lock
	seedEarlyAnswer = "answered-before-durable"       // loquet.db commits like the journal
	seedIdentity    = "identity-not-synced"           // neither the file nor its name
	seedNewIdentity = "new-identity-on-damage"        // a damaged database is replaced by an empty one
	seedSyncAgain   = "sync-tried-again"              // after it failed, as if that could succeed
	seedNumbers     = "numbers-used-again"            // nothing is reserved ahead
	seedHoles       = "holes-trusted"                 // a log is taken for what the kernel shows of it

	seedAheadForgotten = "ahead-forgotten" // what a killed process had ahead of journal.db is not looked for
)

func newSeeds() seeds { return seeds{os.Getenv("LOQUET_SEEDED")} }

func (s seeds) has(name string) bool { return s.name == name }

// spoil makes the disk worse than it is.
func (s seeds) spoil(d *disk) {
	datasync, create := d.datasync, d.create
	switch s.name {
	case seedEmptyFlush:
		d.datasync = func(*os.File) error { return nil }
	case seedSyncAgain:
		d.datasync = func(f *os.File) error {
			if datasync(f) == nil {
				return nil
			}
			return datasync(f)
		}
	case seedIdentity:
		d.create = func(path string) (file, error) {
			f, err := create(path)
			return unsynced{f}, err
		}
		d.syncDir = func(string) error { return nil }
	case seedHoles:
		open := d.open
		d.open = func(path string) (inPlace, error) {
			f, err := open(path)
			if err == nil && strings.HasSuffix(path, "-wal") {
				f = unwritten{f}
			}
			return f, err
		}
	}
}

type unwritten struct{ inPlace }

func (unwritten) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

type unsynced struct{ file }

func (unsynced) Sync() error { return nil }

// beginAnew makes a new house over what cannot be read.
func (o *opening) beginAnew(ctx context.Context, d *database) error {
	for _, name := range []string{fileDatabase, fileIdentityA, fileIdentityB} {
		if _, err := o.folder.setAside(name, "damaged"); err != nil {
			return err
		}
	}
	o.files = readGenerations(o.disk, o.folder.path)
	d.files = o.files
	return o.create(ctx, d)
}
