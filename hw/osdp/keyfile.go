package osdp

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keyFile is where the key of one reader is kept. A key that was made, but not yet confirmed by the
// reader, is in a file beside it: whichever of the two moments the power fails in, the key is there.
type keyFile string

func (k keyFile) pending() keyFile { return k + ".pending" }

// read returns the key; false if there is none.
func (k keyFile) read() (key, bool, error) {
	info, err := os.Stat(string(k))
	if errors.Is(err, fs.ErrNotExist) {
		return key{}, false, nil
	}
	if err != nil {
		return key{}, false, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return key{}, false, fmt.Errorf("%s can be read by others: chmod 600 it", k)
	}
	text, err := os.ReadFile(string(k))
	if err != nil {
		return key{}, false, err
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != len(key{}) {
		return key{}, false, fmt.Errorf("%s holds no key of 32 hexadecimal digits", k)
	}
	return key(raw), true, nil
}

// make puts a random key into the pending file, or returns the one that is there.
func (k keyFile) make() (key, error) {
	if old, ok, err := k.pending().read(); ok || err != nil {
		return old, err
	}
	var fresh key
	if _, err := rand.Read(fresh[:]); err != nil {
		return key{}, err
	}
	return fresh, k.pending().write(fresh)
}

func (k keyFile) write(v key) error {
	f, err := os.OpenFile(string(k), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(hex.EncodeToString(v[:]) + "\n")
	return errors.Join(err, f.Sync(), f.Close(), k.syncDir())
}

// confirm makes the pending key the key, for good.
func (k keyFile) confirm() error {
	if err := os.Rename(string(k.pending()), string(k)); err != nil {
		return err
	}
	return k.syncDir()
}

func (k keyFile) syncDir() error {
	dir, err := os.Open(filepath.Dir(string(k)))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
