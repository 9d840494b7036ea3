package store

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Names in the state folder.
const (
	fileJournal   = "journal.db"
	fileDatabase  = "loquet.db"
	fileIdentityA = "identity.a"
	fileIdentityB = "identity.b"
	fileIdentityT = "identity.new"
	fileReserve   = "reserve"
	fileAhead     = "journal.ahead"
)

// folder is the state folder, held by a lock for as long as the store is open.
type folder struct {
	path string
	lock *os.File // the folder itself: a lock on it needs no file, so it works on a full disk
}

func openFolder(path string) (*folder, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, &Problem{Kind: ErrUnwritable, Path: abs, Err: err,
			Remedy: "choose a folder this user may write with --state, or create it and give it to this user"}
	}
	f, err := os.Open(abs)
	if err != nil {
		return nil, &Problem{Kind: ErrUnwritable, Path: abs, Err: err,
			Remedy: "give the folder to the user that runs loquet"}
	}
	if err := lockFolder(f); err != nil {
		f.Close()
		return nil, err
	}
	return &folder{path: abs, lock: f}, nil
}

func lockFolder(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return &Problem{Kind: ErrLocked, Path: f.Name(), Detail: "it cannot be locked", Err: err,
			Remedy: "put the state folder on a local disk: network disks may not know locks"}
	}
	p := &Problem{Kind: ErrLocked, Path: f.Name(), Detail: "by a process that cannot be seen from here",
		Remedy: "stop the other loquet, or choose another folder with --state"}
	if pid := lockHolder(f); pid > 0 {
		p.Detail = "by process " + strconv.Itoa(pid)
		if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
			p.Detail += " (" + strings.TrimSpace(string(name)) + ")"
		}
	}
	return p
}

// lockHolder asks the kernel who holds the lock: a pid in a file would outlive its process. It returns
// 0 when the holder cannot be seen, as from another container.
func lockHolder(f *os.File) int {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return 0
	}
	defer locks.Close()
	// 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF
	inode := ":" + strconv.FormatUint(st.Ino, 10)
	for s := bufio.NewScanner(locks); s.Scan(); {
		w := strings.Fields(s.Text())
		if len(w) < 6 || w[1] != "FLOCK" || !strings.HasSuffix(w[5], inode) {
			continue
		}
		if pid, err := strconv.Atoi(w[4]); err == nil {
			return pid
		}
	}
	return 0
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// close lets the next process in.
func (f *folder) close() error { return f.lock.Close() }

// holdsAnything reports whether the folder has any file of a store that was begun.
func (f *folder) holdsAnything() bool {
	for _, name := range []string{fileDatabase, fileJournal, fileIdentityA, fileIdentityB, fileReserve} {
		for _, tail := range []string{"", "-wal", "-shm"} {
			if _, err := os.Lstat(f.file(name + tail)); !errors.Is(err, os.ErrNotExist) {
				return true
			}
		}
	}
	return false
}

// setAside renames a file with its write-ahead log out of the way, so that a person can look at it,
// and returns its new name. Nothing is ever deleted here.
func (f *folder) setAside(name, why string) (string, error) {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.%s-%d", name, why, n)
		if _, err := os.Lstat(f.file(aside)); err == nil {
			continue
		}
		for _, tail := range []string{"-wal", "-shm", ""} {
			if err := ignoreMissing(os.Rename(f.file(name+tail), f.file(aside+tail))); err != nil {
				return "", err
			}
		}
		return aside, syncDir(f.path)
	}
}
