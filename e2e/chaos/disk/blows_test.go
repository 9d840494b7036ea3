package disk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/store"
)

// blow is a second misfortune, after the power cut: what a disk does that forgets more than it may.
type blow struct {
	name   string
	strike func(ctx context.Context, state, run string, b *books) verdict
}

func blows() []blow {
	return []blow{
		{"loquet.db is lost", withoutDatabase},
		{"the identity files are lost", withoutIdentity},
		{"loquet.db is damaged", damagedDatabase},
		{"nothing of the identity can be read", allDamaged},
		{"a record of HomeKit is torn", tornRecord},
	}
}

// withoutDatabase: who is paired stays paired, and nothing can be changed.
func withoutDatabase(ctx context.Context, state, run string, b *books) (v verdict) {
	if err := removeAll(state, "loquet.db*"); err != nil {
		return verdict{err.Error()}
	}
	return servedByIdentity(ctx, state, run, b)
}

// damagedDatabase: the same when the database is there and not what was written.
func damagedDatabase(ctx context.Context, state, run string, b *books) (v verdict) {
	if err := errors.Join(removeAll(state, "loquet.db-wal"), overwrite(filepath.Join(state, "loquet.db"))); err != nil {
		return verdict{err.Error()}
	}
	return servedByIdentity(ctx, state, run, b)
}

func servedByIdentity(ctx context.Context, state, run string, b *books) (v verdict) {
	h, err := openHouse(ctx, state, options(run))
	if err != nil {
		return verdict{"nobody is let in any more: " + err.Error()}
	}
	if _, bad := h.store.Degraded(); !bad {
		v.add("the owner is not told")
	}
	h.identity(b, &v)
	if rows, err := h.store.Space(spaceNumbers).List(""); err != nil {
		v.add("the numbers are lost: %v", err)
	} else {
		v = append(v, b.space(spaceNumbers, rows)...)
	}
	if _, err := h.store.Space(spaceSettings).List(""); err == nil {
		v.add("settings that are lost look as if there had never been any")
	}
	if err := h.close(ctx); err != nil {
		v.add("it does not close: %v", err)
	}
	return v
}

// withoutIdentity: the database alone has everything.
func withoutIdentity(ctx context.Context, state, run string, b *books) (v verdict) {
	if err := removeAll(state, "identity.*"); err != nil {
		return verdict{err.Error()}
	}
	h, err := openHouse(ctx, state, options(run))
	if err != nil {
		return verdict{"it does not open: " + err.Error()}
	}
	h.identity(b, &v)
	for _, name := range []string{spaceSettings, spaceNumbers} {
		rows, err := h.store.Space(name).List("")
		if err != nil {
			v.add("space %s cannot be read: %v", name, err)
			continue
		}
		v = append(v, b.space(name, rows)...)
	}
	if err := h.close(ctx); err != nil {
		v.add("it does not close: %v", err)
	}
	return v
}

// allDamaged: nothing is made up.
func allDamaged(ctx context.Context, state, run string, _ *books) (v verdict) {
	err := removeAll(state, "loquet.db-wal")
	for _, name := range []string{"loquet.db", "identity.a", "identity.b"} {
		err = errors.Join(err, overwrite(filepath.Join(state, name)))
	}
	if err != nil {
		return verdict{err.Error()}
	}
	h, err := openHouse(ctx, state, options(run))
	if err == nil {
		v.add("a new house was made: %s", h.server.DeviceID())
		return append(v, closing(h.close(ctx))...)
	}
	if !errors.Is(err, store.ErrIdentityLost) {
		v.add("the owner is told %v", err)
	}
	return v
}

// tornRecord: the store cannot put it right, and HomeKit must not take it for one that is not there.
func tornRecord(ctx context.Context, state, run string, b *books) (v verdict) {
	if err := removeAll(state, "identity.*"); err != nil {
		return verdict{err.Error()}
	}
	key, err := tear(ctx, filepath.Join(state, "loquet.db"), b)
	if err != nil {
		return verdict{err.Error()}
	}
	h, err := openHouse(ctx, state, options(run))
	if errors.Is(err, homekit.ErrDamaged) {
		return nil // the identity itself: it does not go on without
	}
	if err != nil {
		return verdict{fmt.Sprintf("%s is torn: %v", key, err)}
	}
	if h.server.DeviceID() != b.bridge {
		v.add("%s is torn, and a new identity was made", key)
	}
	if h.server.Pairable() {
		v.add("%s is torn, and a stranger can pair", key)
	}
	return append(v, closing(h.close(ctx))...)
}

// tear cuts records in two: those of all pairings, or another one. Which, depends on how many rows there are.
func tear(ctx context.Context, path string, b *books) (key string, err error) {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	key = "pairing/%"
	if len(b.pairings) == 0 || len(b.rows)%2 == 0 {
		err = db.QueryRowContext(ctx, "SELECT key FROM kv WHERE space = ? AND key NOT LIKE 'pairing/%' ORDER BY key LIMIT 1 OFFSET ?",
			spaceHomeKit, len(b.rows)/2%6).Scan(&key)
		if err != nil {
			return "", err
		}
	}
	_, err = db.ExecContext(ctx, "UPDATE kv SET value = substr(value, 1, length(value) / 2) WHERE space = ? AND key LIKE ?", spaceHomeKit, key)
	return key, err
}

func closing(err error) verdict {
	if err == nil {
		return nil
	}
	return verdict{"it does not close: " + err.Error()}
}

func removeAll(dir, pattern string) error {
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	for _, path := range paths {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// overwrite spoils the beginning of a file.
func overwrite(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	copy(data, strings.Repeat("not what was written", 64))
	return os.WriteFile(path, data, 0o600)
}
