package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Demo points at a user's running demo, so that commands find it without being told.
type Demo struct {
	PID    int    `json:"pid"`
	Socket string `json:"socket"`
	State  string `json:"state"`
}

// ErrNoDemo says that this user has no demo running, as far as one can tell.
var ErrNoDemo = errors.New("no demo is running")

// demoPaths are where the pointer may lie, the best first. The runtime folder belongs to the user;
// the temporary one to everybody, so what is found there is checked.
func demoPaths(getenv func(string) string) []string {
	var paths []string
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		paths = append(paths, filepath.Join(dir, "loquet-demo.json"))
	}
	tmp := getenv("TMPDIR")
	if tmp == "" {
		tmp = os.TempDir()
	}
	return append(paths, filepath.Join(tmp, fmt.Sprintf("loquet-demo-%d.json", os.Getuid())))
}

// WriteDemo leaves the pointer where FindDemo looks for it. The newest demo wins.
func WriteDemo(getenv func(string) string, d Demo) error {
	content, err := json.Marshal(d)
	if err != nil {
		return err
	}
	var last error
	for _, path := range demoPaths(getenv) {
		if last = replaceFile(path, append(content, '\n')); last == nil {
			return nil
		}
	}
	return last
}

// replaceFile never follows a link and never leaves half a file.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".loquet-demo-*") // 0600, exclusive
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return nil
}

// RemoveDemo takes away the pointer to the demo with this process id, and leaves any other.
func RemoveDemo(getenv func(string) string, pid int) error {
	for _, path := range demoPaths(getenv) {
		if d, err := readDemo(path); err == nil && d.PID == pid {
			return os.Remove(path)
		}
	}
	return nil
}

// FindDemo returns the pointer to this user's demo. It wraps ErrNoDemo if there is none, or if the
// file is not this user's own.
func FindDemo(getenv func(string) string) (Demo, error) {
	for _, path := range demoPaths(getenv) {
		if d, err := readDemo(path); err == nil {
			return d, nil
		}
	}
	return Demo{}, ErrNoDemo
}

func readDemo(path string) (Demo, error) {
	var d Demo
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return d, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return d, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Getuid() || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return d, fs.ErrPermission
	}
	content, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(content, &d); err != nil {
		return d, err
	}
	if !filepath.IsAbs(d.Socket) {
		return d, fs.ErrInvalid
	}
	return d, nil
}
