package store

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reserveSize is the room that is kept back, to be given up first when the disk is full: enough for the
// history of weeks.
const reserveSize = 16 << 20

// reserve is the file that keeps it.
type reserve struct {
	path string
	size int64
	disk disk
}

// fill makes the reserve if it is not there. A disk that has no room for it has none to be kept back.
func (r *reserve) fill() error {
	if st, err := os.Stat(r.path); err == nil && st.Size() == r.size {
		return nil
	}
	free, err := freeBytes(filepath.Dir(r.path))
	if err == nil && free < 2*r.size {
		return nil
	}
	f, err := r.disk.create(r.path)
	if err != nil {
		return err
	}
	err = allocate(f, r.size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, ignoreMissing(r.disk.remove(r.path)))
	}
	return nil
}

// allocate takes the room for real: a file that is only long takes none.
func allocate(f file, size int64) error {
	if osFile, ok := f.(*os.File); ok && unix.Fallocate(int(osFile.Fd()), 0, 0, size) == nil {
		return nil
	}
	block := make([]byte, 1<<20)
	for written := int64(0); written < size; written += int64(len(block)) {
		if _, err := f.Write(block[:min(int64(len(block)), size-written)]); err != nil {
			return err
		}
	}
	return nil
}

// free gives the room back. What stays is an empty file: the next start knows by it that rows may be
// missing which were only in memory.
func (r *reserve) free() error {
	f, err := r.disk.create(r.path)
	if err != nil {
		return ignoreMissing(r.disk.remove(r.path))
	}
	return f.Close()
}

// spent reports whether an earlier process gave the room back, and none was kept back since.
func (r *reserve) spent() bool {
	st, err := os.Stat(r.path)
	return err == nil && st.Size() == 0
}
