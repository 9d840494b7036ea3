package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk is every touch of the disk that is not SQLite's. Tests put failing ones in its place.
type disk struct {
	create   func(path string) (file, error)    // truncates; mode 0600
	open     func(path string) (inPlace, error) // one that is there, to be written in place
	rename   func(from, to string) error
	remove   func(path string) error
	syncDir  func(dir string) error
	datasync func(f *os.File) error // makes the write-ahead log durable
	commit   func(db string) error  // asked before SQLite commits: an error is taken for SQLite's
}

type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

type inPlace interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

func realDisk() disk {
	return disk{
		create: func(path string) (file, error) {
			return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
		},
		open: func(path string) (inPlace, error) {
			return os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
		},
		rename:   os.Rename,
		remove:   os.Remove,
		syncDir:  syncDir,
		datasync: func(f *os.File) error { return unix.Fdatasync(int(f.Fd())) },
		commit:   func(string) error { return nil },
	}
}

// writeTemp writes data to path and syncs it. What is left of a failed try is removed.
func (d disk) writeTemp(path string, data []byte) error {
	f, err := d.create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return errors.Join(err, ignoreMissing(d.remove(path)))
	}
	return nil
}

// publish gives a temporary file its name, durably.
func (d disk) publish(temp, path string) error {
	if err := d.rename(temp, path); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// again writes what a file holds once more and syncs it; one that is missing or empty is well. A process that
// ended after a failed sync leaves a file of which the kernel shows everything while the disk has holes in it:
// the kernel takes those pages for written, no sync writes them, and at a power cut they are gone. After this
// the disk has what is read.
func (d disk) again(path string) error {
	st, err := os.Lstat(path)
	if err != nil || st.Size() == 0 || !st.Mode().IsRegular() {
		return ignoreMissing(err)
	}
	f, err := d.open(path)
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for at := int64(0); err == nil; at += int64(len(buf)) {
		var n int
		if n, err = f.ReadAt(buf, at); n > 0 {
			if _, failed := f.WriteAt(buf[:n], at); failed != nil {
				err = failed
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// probe finds out whether the folder takes and keeps a little file.
func (d disk) probe(dir string) error {
	path := filepath.Join(dir, "probe")
	if err := d.writeTemp(path, make([]byte, 64<<10)); err != nil {
		return err
	}
	return d.remove(path)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// freeBytes returns how much room is left for a process without privileges on the disk of path.
func freeBytes(path string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert // 32 bits on arm
}
