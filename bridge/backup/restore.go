package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/bridge/place"
	"github.com/loquet/loquet/internal/sealed"
	"github.com/loquet/loquet/store"
)

// Target says where a backup is restored to.
type Target struct {
	State   string // the folder; it is made where it is missing
	Force   bool   // what is in it is moved to a folder inside of it, and a configuration is replaced
	Config  string // where the configuration goes; empty: nowhere
	Version string
	Log     zerolog.Logger
}

// Restored is what was put back.
type Restored struct {
	Manifest
	Aside    string   // where what was in the folder went; empty if nothing was
	Warnings []string // what the owner should know, in words
}

// staging is how folders begin in which a backup is unpacked and tried.
const staging = ".restore-"

// Restore puts a house back. It reads the whole file, opens what was in it as a bridge would, and only
// then touches what is in the folder. A folder that holds something is refused (ErrNotEmpty) without
// Force, one that a bridge uses always (store.ErrLocked).
func Restore(ctx context.Context, in io.Reader, passphrase string, t Target) (out Restored, err error) {
	unlock, err := store.Lock(t.State)
	if err != nil {
		return out, err
	}
	defer unlock()
	present, err := t.survey()
	if err != nil {
		return out, err
	}
	plain, err := sealed.Open(in, passphrase)
	if err != nil {
		return out, err
	}
	dir, err := os.MkdirTemp(t.State, staging) // 0700
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if out.Manifest, err = unpack(ctx, plain, dir); err != nil {
		return out, err
	}
	if out.Warnings, err = t.try(ctx, dir, out.Manifest); err != nil {
		return out, err
	}
	if err := t.placeConfig(dir, &out); err != nil {
		return out, err
	}
	if out.Aside, err = t.clear(present); err != nil {
		return out, err
	}
	return out, t.fill(dir)
}

// survey lists what is in the folder, without what earlier tries and a running bridge leave behind.
func (t Target) survey() (present []string, err error) {
	entries, err := os.ReadDir(t.State)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, staging), strings.HasPrefix(name, scratch):
			if err := os.RemoveAll(filepath.Join(t.State, name)); err != nil {
				return nil, err
			}
		case name == "lost+found", e.Type() == fs.ModeSocket:
		default:
			present = append(present, name)
		}
	}
	if len(present) > 0 && !t.Force {
		return nil, fmt.Errorf("%s: %w: %s is in it", t.State, ErrNotEmpty, present[0])
	}
	if _, err := os.Lstat(t.Config); t.Config != "" && err == nil && !t.Force {
		return nil, fmt.Errorf("%s: %w", t.Config, os.ErrExist)
	}
	return present, nil
}

// try opens the house in dir as a bridge would, and notes that it comes from a backup.
func (t Target) try(ctx context.Context, dir string, m Manifest) (warnings []string, err error) {
	s, err := store.Open(ctx, dir, store.Options{Log: t.Log, Version: t.Version})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if p := s.Problem(); p != nil {
		return nil, p
	}
	if notes := s.Notes(); len(notes) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrContent, notes[0])
	}
	if s.Install() != m.Install {
		return nil, fmt.Errorf("%w: it holds another house than it says", ErrContent)
	}
	proof, err := s.Journal().Verify(ctx)
	if err != nil {
		return nil, err
	}
	if !proof.OK() {
		warnings = append(warnings, "history did not add up when the backup was made: loquet history verify says where")
	}
	if !m.Whole {
		warnings = append(warnings, "some records were damaged already when the backup was made: loquet doctor names them")
	}
	return warnings, place.Unsettle(s.Space(place.Space))
}

func (t Target) placeConfig(dir string, out *Restored) error {
	from := filepath.Join(dir, configName)
	_, err := os.Lstat(from)
	has := err == nil
	switch {
	case t.Config == "" && has:
		out.Warnings = append(out.Warnings, "the configuration in the backup was left out: --config FILE says where it goes")
		return os.Remove(from)
	case t.Config == "":
		return nil
	case !has:
		out.Warnings = append(out.Warnings, "there is no configuration in the backup")
		return nil
	}
	// The same rights as the old one, or those of its folder: it is read by the user of the service.
	mode, owner := fs.FileMode(0o600), filepath.Dir(t.Config)
	if st, err := os.Stat(t.Config); err == nil {
		mode, owner = st.Mode().Perm(), t.Config
	}
	temp := t.Config + ".restored"
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(temp, text, mode); err != nil {
		return err
	}
	if err := errors.Join(giveTo(owner, temp), os.Rename(temp, t.Config)); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Remove(from)
}

// clear moves what is in the folder out of the way. Nothing is deleted.
func (t Target) clear(present []string) (aside string, err error) {
	if len(present) == 0 {
		return "", nil
	}
	for n := 1; ; n++ {
		aside = filepath.Join(t.State, fmt.Sprintf("before-restore-%d", n))
		err := os.Mkdir(aside, 0o700)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrExist) {
			return "", err
		}
	}
	for _, name := range present {
		if strings.HasPrefix(name, "before-restore-") {
			continue
		}
		if err := os.Rename(filepath.Join(t.State, name), filepath.Join(aside, name)); err != nil {
			return aside, err
		}
	}
	return aside, giveTo(t.State, aside)
}

// fill moves the tried house into the folder, in an order in which a power cut in between leaves a house
// that is refused or a whole one.
func (t Target) fill(dir string) error {
	keys, err := keysIn(dir)
	if err != nil {
		return err
	}
	order := append(append([]string{"reserve"}, keys...), store.Files()...)
	for _, name := range order {
		from, to := filepath.Join(dir, name), filepath.Join(t.State, name)
		if err := errors.Join(giveTo(t.State, from), os.Rename(from, to)); err != nil {
			return err
		}
	}
	folder, err := os.Open(t.State)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// giveTo gives a file to the owner of another: root restores for the user of the service.
func giveTo(like, path string) error {
	st, err := os.Stat(like)
	if err != nil {
		return err
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, int(owner.Uid), int(owner.Gid))
}
