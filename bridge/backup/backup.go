// Package backup makes one encrypted file of a house, and a house of such a file: the same identity, so
// that no phone notices, with its history, in another folder or on another machine.
//
// The file is a stream of internal/sealed. In it is a tar archive, compressed with gzip: manifest.json
// first, then the databases and the identity as they lie in a state folder, then the keys for codes and
// readers, then the configuration.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/internal/sealed"
	"github.com/loquet/loquet/store"
)

// Errors of this package; they are wrapped. Those of the file itself are sealed's.
var (
	// ErrWeak: the passphrase would be guessed.
	ErrWeak = errors.New("the passphrase is too short")
	// ErrBusy: a backup is being made already.
	ErrBusy = errors.New("a backup is being made already")
	// ErrNoRoom: the disk has no room for the copy that a backup is made of.
	ErrNoRoom = errors.New("not enough room on the disk")
	// ErrNotEmpty: the folder to restore into holds something.
	ErrNotEmpty = errors.New("the folder is not empty")
	// ErrContent: the file is whole, but what is in it is not a house.
	ErrContent = errors.New("this is not a backup that can be restored")
)

// Shortest is how many characters a passphrase has at least: who has the file can try for as long as
// they like.
const Shortest = 12

// refuse is an error with what to do about it, for the API and the command line alike.
func refuse(status int, code, remedy string, err error) error {
	return &api.Error{Status: status, Code: code, Why: err.Error(), Remedy: remedy, Err: err}
}

// CheckPassphrase refuses one that would be guessed.
func CheckPassphrase(passphrase string) error {
	if utf8.RuneCountInString(passphrase) < Shortest {
		return refuse(http.StatusUnprocessableEntity, "weak-passphrase", fmt.Sprintf("take a sentence, or %d characters at least", Shortest), ErrWeak)
	}
	return nil
}

// Source is what a backup is made of.
type Source struct {
	Store   *store.Store
	State   string // its folder, where the copy is put while it is read
	Config  string // the path of the configuration; empty if there is none
	Version string // of the program
	// HandedKey is the key of the codes where it is not in the folder; nil, or nothing: it is.
	HandedKey func() []byte
	// Missing is told of a copy without the key of its codes; may be nil.
	Missing func()

	making sync.Mutex
}

// Scratch is how folders with the copy begin. One that is left was not removed before a power cut.
const scratch = ".backup-"

// Backup writes one to out while the bridge runs. Nothing waits for it. If it fails, what was written
// cannot be restored.
func (s *Source) Backup(ctx context.Context, passphrase string, out io.Writer) error {
	if err := CheckPassphrase(passphrase); err != nil {
		return err
	}
	if !s.making.TryLock() {
		return refuse(http.StatusConflict, "backup-busy", "wait until that one is done", ErrBusy)
	}
	defer s.making.Unlock()
	dir, err := newScratch(s.State)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	copied, err := s.Store.Copy(ctx, dir)
	if err != nil {
		return err
	}
	m := Manifest{Format: format, Created: time.Now().UTC().Truncate(time.Second), Loquet: s.Version, Install: copied.Install,
		Whole: copied.Whole, Last: copied.Last}
	m.Host, _ = os.Hostname() // only for people
	if err := errors.Join(copyKeys(s.State, dir), s.addKey(dir), s.addConfig(dir)); err != nil {
		return err
	}
	if err := m.measure(dir); err != nil {
		return err
	}
	return seal(ctx, out, passphrase, m, dir)
}

// Stopped is Backup of a state folder that no bridge uses. The folder is only read, but for a copy in it
// that is removed at the end. It fails with store.ErrLocked while a bridge uses it.
func (s *Source) Stopped(ctx context.Context, passphrase string, out io.Writer) (err error) {
	if err := CheckPassphrase(passphrase); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.State, "loquet.db")); err != nil {
		return err
	}
	dir, err := newScratch(s.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := store.CopyStopped(s.State, dir); errors.Is(err, store.ErrLocked) {
		return refuse(http.StatusConflict, "in-use", "leave out --state: the bridge that uses it makes the backup", err)
	} else if err != nil {
		return err
	}
	if err := copyKeys(s.State, dir); err != nil {
		return err
	}
	opened, err := store.Open(ctx, dir, store.Options{Version: s.Version})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if p := opened.Problem(); p != nil {
		return p
	}
	if _, err := os.Stat(filepath.Join(dir, codesKey)); errors.Is(err, os.ErrNotExist) && s.Missing != nil {
		if rows, err := opened.Space("codes").List(""); err != nil || len(rows) > 0 {
			s.Missing()
		}
	}
	own := &Source{Store: opened, State: dir, Config: s.Config, Version: s.Version}
	return own.Backup(ctx, passphrase, out)
}

// addKey puts the key of the codes there, where it is none of the files of the folder.
func (s *Source) addKey(dir string) error {
	if s.HandedKey == nil {
		return nil
	}
	key := s.HandedKey()
	if len(key) == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, codesKey), key, 0o600)
}

// addConfig puts the configuration beside the rest. An owner who took it away has a backup without it.
func (s *Source) addConfig(dir string) error {
	if s.Config == "" {
		return nil
	}
	text, err := os.ReadFile(s.Config)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, configName), text, 0o600)
}

// Configuration returns the text of the configuration; an error that wraps api.ErrNotFound if there is
// none.
func (s *Source) Configuration() ([]byte, error) {
	missing := refuse(http.StatusNotFound, "no-configuration", "a demo has none; start the bridge with loquet run --config FILE",
		fmt.Errorf("this bridge runs without a configuration file: %w", api.ErrNotFound))
	if s.Config == "" {
		return nil, missing
	}
	text, err := os.ReadFile(s.Config)
	if errors.Is(err, os.ErrNotExist) {
		return nil, missing
	}
	return text, err
}

// newScratch makes a private folder for the copy, if there is room for it, and removes those that a
// power cut left.
func newScratch(state string) (string, error) {
	old, err := filepath.Glob(filepath.Join(state, scratch+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	if err := needRoom(state); err != nil {
		return "", err
	}
	return os.MkdirTemp(state, scratch) // 0700
}

// spare is what a copy must leave free: a full disk would cost the running bridge its memory.
const spare = 64 << 20

func needRoom(state string) error {
	var need int64
	for _, name := range store.Files() {
		for _, tail := range []string{"", "-wal"} {
			if st, err := os.Stat(filepath.Join(state, name+tail)); err == nil {
				need += st.Size()
			}
		}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(state, &disk); err != nil {
		return fmt.Errorf("room for a copy: %w", err)
	}
	if free := int64(disk.Bavail) * int64(disk.Bsize); free < need+spare { //nolint:unconvert // 32 bits on some machines
		return refuse(http.StatusInsufficientStorage, "no-room", "make room; loquet doctor shows how much there is",
			fmt.Errorf("%w: a copy takes %d MiB and %d MiB must stay free, there are %d", ErrNoRoom, need>>20+1, spare>>20, free>>20))
	}
	return nil
}

// seal encrypts the files of a folder.
func seal(ctx context.Context, out io.Writer, passphrase string, m Manifest, dir string) error {
	w, err := sealed.Seal(out, passphrase)
	if err != nil {
		return err
	}
	if err := m.write(ctx, w, dir); err != nil {
		return err
	}
	return w.Close()
}
