package state

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/e2e"
)

// disk is a small disk of the test's own.
type disk struct {
	kind string
	path string // where it is mounted
	loop string // the loop device; empty without one
}

const diskSize = 44 << 20 // enough for the reserve, which is made where twice its size is free

// newDisk mounts an empty disk: "tmpfs", which every namespace may, or "ext4", which needs root.
func newDisk(t *testing.T, kind string) *disk {
	t.Helper()
	lab.NeedMounts(t)
	d := &disk{kind: kind, path: e2e.TempDir(t)}
	switch kind {
	case "tmpfs":
		if err := unix.Mount("none", d.path, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", diskSize)); err != nil {
			t.Fatalf("mount tmpfs: %v", err)
		}
	case "ext4":
		d.mountImage(t)
	}
	t.Cleanup(func() { _ = unix.Unmount(d.path, unix.MNT_DETACH) })
	return d
}

// mountImage makes and mounts a file system in a file. An error of the file system makes it read-only, as
// most Linux systems have it.
func (d *disk) mountImage(t *testing.T) {
	t.Helper()
	e2e.NeedCommand(t, "mkfs.ext4", "apt-get install e2fsprogs")
	image := filepath.Join(e2e.TempDir(t), "disk")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, diskSize)); err != nil {
		t.Fatal(err)
	}
	e2e.Run(t, e2e.Command{Name: "mkfs.ext4", Args: []string{"-q", "-m", "0", image}}, startLimit)
	out, err := exec.Command("mount", "-o", "loop,errors=remount-ro", image, d.path).CombinedOutput()
	if err != nil {
		e2e.Skip(t, fmt.Sprintf("an image of a disk cannot be mounted here, which needs root and a loop device: %s", strings.TrimSpace(string(out))))
	}
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); f[1] == d.path {
			d.loop = filepath.Base(f[0])
		}
	}
}

// filler is the file that takes all room.
const filler = "filler"

// fill takes what room there is, to the last byte. A bridge that notices while it does gives its reserve
// back: that is taken too.
func (d *disk) fill(t *testing.T) {
	t.Helper()
	for range 5 {
		d.fillOnce(t)
		if d.free(t) == 0 {
			return
		}
	}
	t.Fatalf("%d bytes are left on a disk that was filled", d.free(t))
}

func (d *disk) fillOnce(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(d.path, filler), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			if !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
			size /= 2
		}
	}
	if err := f.Sync(); err != nil { // what is only in memory would give room back
		t.Fatal(err)
	}
}

// relieve gives the room back.
func (d *disk) relieve(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(d.path, filler)); err != nil {
		t.Fatal(err)
	}
}

func (d *disk) free(t *testing.T) int64 {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(d.path, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// readOnly makes a disk read-only that nobody writes, or one that is in use: by an error of the file
// system then, which is what makes disks read-only in a house.
func (d *disk) readOnly(t *testing.T) {
	t.Helper()
	if d.loop != "" {
		err := os.WriteFile(filepath.Join("/sys/fs/ext4", d.loop, "trigger_fs_error"), []byte("1"), 0)
		if err != nil {
			e2e.Skip(t, "this kernel makes no errors of a file system on demand: "+err.Error())
		}
	} else if err := unix.Mount("none", d.path, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatalf("remount read-only: %v", err)
	}
	if err := os.WriteFile(filepath.Join(d.path, "probe"), nil, 0o600); !errors.Is(err, unix.EROFS) {
		t.Fatalf("the disk is not read-only: %v", err)
	}
}
