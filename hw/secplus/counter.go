package secplus

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/loquet/loquet/hw/secplus/frames"
)

// ahead is how many codes are put aside on the disk at a time.
const ahead = 60

// counter gives out rolling codes, each once. Its file holds our number and the first code that was never put aside.
type counter struct {
	file  string
	id    uint64
	next  uint32
	until uint32 // codes from here on are not on the disk yet
}

// idEnd is how the numbers of wall buttons that are no buttons end; it keeps them apart from makers' ones.
const idEnd = 0x539

// openCounter reads the file, or begins one with a number of our own. Nothing is put aside yet.
func openCounter(file string) (*counter, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, err
		}
		return &counter{file: file, id: (binary.BigEndian.Uint64(b[:])<<12 | idEnd) & frames.IDMask, next: 1, until: 1}, nil
	}
	if err != nil {
		return nil, err
	}
	c := &counter{file: file}
	var rest string
	n, _ := fmt.Sscanf(string(text), "%x %d %s", &c.id, &c.next, &rest)
	if n != 2 || c.id&^uint64(frames.IDMask) != 0 || c.id&0xFFF != idEnd || c.next == 0 || c.next > frames.MaxRolling {
		return nil, fmt.Errorf("%s does not hold a number and a code: put it back from a backup, or remove it", file)
	}
	c.until = c.next // those before may have been sent
	return c, nil
}

// take returns a code that was never sent. It is put aside before, so that it never will be again.
func (c *counter) take() (uint32, error) {
	if c.next >= c.until {
		if err := c.reserve(c.next); err != nil {
			return 0, err
		}
	}
	code := c.next
	c.next++
	return code, nil
}

// skip passes codes over that the opener may have seen from somebody who had this file before.
func (c *counter) skip(n uint32) { c.next += n }

func (c *counter) reserve(from uint32) error {
	if from > frames.MaxRolling-ahead {
		return errors.New("all codes of this number were used: remove its file, and the opener gets a new wall button")
	}
	until := from + ahead
	temporary := c.file + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%010x %d\n", c.id, until)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, c.file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(c.file))
	if err != nil {
		return err
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return err
	}
	c.until = until
	return nil
}
