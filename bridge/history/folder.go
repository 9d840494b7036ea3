package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/store"
)

// What the store keeps in its folder, as far as this package must know it.
const (
	journalFile = "journal.db"
	reserveFile = "reserve" // room and nothing in it
)

// VerifyFolder checks the history of a folder of state that no bridge uses. Opening a store puts right
// what it finds and writes that down, so a copy of the folder is opened, which is private to this user
// and removed at the end; the folder itself is only read. The error wraps store.ErrLocked while a bridge
// uses the folder, and fs.ErrNotExist if there is no history in it.
func VerifyFolder(ctx context.Context, folder string) (v api.Verdict, err error) {
	private, err := os.MkdirTemp("", "loquet-verify-")
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(private)) }()
	if err := copyFolder(ctx, folder, private); err != nil {
		return v, err
	}
	s, err := store.Open(ctx, private, store.Options{})
	if err != nil {
		return v, inFolder(err, private, folder)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	v, err = (&History{Journal: s.Journal()}).VerifyHistory(ctx)
	if err != nil {
		return v, inFolder(err, private, folder)
	}
	for _, n := range s.Notes() {
		if filepath.Base(n.Path) != journalFile {
			continue
		}
		fault := "the journal is damaged"
		if n.Err != nil {
			fault += ": " + strings.ReplaceAll(n.Err.Error(), private, folder)
		}
		return api.Verdict{Faults: []string{fault}}, nil // what was checked is another one, begun in the copy
	}
	return v, nil
}

// inFolder names the folder that the owner knows.
func inFolder(err error, private, folder string) error {
	p, ok := errors.AsType[*store.Problem](err)
	if !ok {
		return err
	}
	own := *p
	own.Path = strings.Replace(p.Path, private, folder, 1)
	return &own
}

// copyFolder copies what a store needs, and lets no bridge start meanwhile.
func copyFolder(ctx context.Context, from, to string) error {
	held, err := os.Open(from)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := unix.Flock(int(held.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return &store.Problem{Kind: store.ErrLocked, Path: from, Err: err,
			Remedy: "ask the bridge that uses it (give it a moment if it just starts), or stop it and check again"}
	}
	if _, err := os.Stat(filepath.Join(from, journalFile)); err != nil {
		return err
	}
	files, err := held.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, f := range files {
		// The index of a log (-shm) is made anew; what is no file (a socket) is not the store's.
		if !f.Type().IsRegular() || f.Name() == reserveFile || strings.HasSuffix(f.Name(), "-shm") {
			continue
		}
		if err := errors.Join(ctx.Err(), copyFile(filepath.Join(from, f.Name()), filepath.Join(to, f.Name()))); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}
