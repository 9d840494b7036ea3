package api_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/api"
)

func TestListenUnix(t *testing.T) {
	for _, mode := range []fs.FileMode{0o755, 0o700} {
		t.Run(mode.String(), func(t *testing.T) { testListenUnix(t, mode) })
	}
}

func testListenUnix(t *testing.T, mode fs.FileMode) {
	dir := t.TempDir()
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "loquet.sock")
	l, err := api.ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o660 || info.Mode().Type() != fs.ModeSocket {
		t.Errorf("%v %v", info.Mode(), err)
	}
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
		}
	}()
	if _, err := api.ListenUnix(path); !errors.Is(err, api.ErrInUse) {
		t.Errorf("a second bridge: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestListenUnixAfterAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loquet.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	l, err := api.ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestListenUnixRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "loquet.sock")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(dir, strings.Repeat("x", 120)), filepath.Join(dir, "none", "loquet.sock")} {
		if l, err := api.ListenUnix(path); err == nil {
			l.Close()
			t.Errorf("listens on %s", path)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "precious" {
		t.Errorf("the file is now %q (%v)", got, err)
	}
}
