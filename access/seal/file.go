package seal

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

// ErrNoKey is wrapped when the file is not there and must not be made.
var ErrNoKey = errors.New("the key for PINs is missing: bring its file back from where it was kept")

// OpenFile returns the sealer for the key in a file of mode 0600. Only if there is nothing sealed yet
// (first) it makes one, on the disk when it returns: a key made anew would open nothing, and hide that the
// old one is lost. A file that others could read is made private again.
func OpenFile(path string, first bool) (*Sealer, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !first {
			return nil, fmt.Errorf("%s: %w", path, ErrNoKey)
		}
		if err := makeFile(path); err != nil {
			return nil, fmt.Errorf("make the key for PINs: %w", err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key for PINs: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("keep the key for PINs private: %w", err)
	}
	return parse(path, text)
}

// ReadFile returns the sealer for the key in a file that somebody else keeps, such as a credential of systemd. It changes
// nothing. An error that wraps fs.ErrNotExist says that there is none.
func ReadFile(path string) (*Sealer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key for PINs: %w", err)
	}
	return parse(path, text)
}

func parse(path string, text []byte) (*Sealer, error) {
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: 64 hexadecimal digits are expected", path, ErrKey) // err would quote the key
	}
	s, err := New(key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// makeFile makes the file whole or not at all, and never over another one.
func makeFile(path string) error {
	key := make([]byte, KeySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".key-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
