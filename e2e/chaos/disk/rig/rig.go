// Package rig lets a test use the forgetful disk: the test binary is its process too, and says in TestMain that it may be.
package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
)

// asDisk turns a test binary into the process of the file system: "mount point:socket".
const asDisk = "LOQUET_FORGETFUL"

// Serve is to be called first in TestMain. It reports whether this process was the file system, which has ended.
func Serve() (served bool, err error) {
	where := os.Getenv(asDisk)
	if where == "" {
		return false, nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	mount, socket, _ := strings.Cut(where, ":")
	return true, forgetful.Serve(ctx, mount, socket) // who waits for it sees that the socket never comes
}

// Disk mounts a forgetful file system that a process of its own serves.
func Disk(t testing.TB, lab *e2e.Lab) *forgetful.Control {
	t.Helper()
	lab.NeedMounts(t)
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		e2e.Skip(t, "no file system of our own can be mounted here: "+err.Error())
	}
	device.Close()
	dir := e2e.TempDir(t)
	mount, socket := filepath.Join(dir, "m"), filepath.Join(dir, "s")
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := e2e.Start(t, e2e.Command{Name: self, Env: []string{asDisk + "=" + mount + ":" + socket}})
	t.Cleanup(func() { _ = unix.Unmount(mount, unix.MNT_DETACH) })
	var c *forgetful.Control
	e2e.Until(t, 20*time.Second, func() string {
		select {
		case <-p.Done():
			t.Fatalf("the file system ended: %s", p.Log())
		default:
		}
		if c, err = forgetful.Connect(t.Context(), mount, socket); err != nil {
			return "the file system: " + err.Error()
		}
		return ""
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// Volume makes a disk.
func Volume(t testing.TB, c *forgetful.Control, name string) *forgetful.Volume {
	t.Helper()
	v, err := c.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// InMemory mounts a folder that is quick: images are written there by the thousand.
func InMemory(t testing.TB, lab *e2e.Lab) string {
	t.Helper()
	lab.NeedMounts(t)
	dir := e2e.TempDir(t)
	if err := unix.Mount("none", dir, "tmpfs", 0, "mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// Power is the machine's boot id, as the store reads it. Cut begins another boot.
type Power struct{ file string }

// NewPower puts a file of the test's own over the kernel's, in this namespace.
func NewPower(t testing.TB, lab *e2e.Lab) *Power {
	t.Helper()
	lab.NeedMounts(t)
	const kernels = "/proc/sys/kernel/random/boot_id"
	p := &Power{file: filepath.Join(e2e.TempDir(t), "boot")}
	p.Cut(t)
	if err := unix.Mount(p.file, kernels, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(kernels, unix.MNT_DETACH) })
	return p
}

// Cut cuts the power.
func (p *Power) Cut(t testing.TB) {
	t.Helper()
	id := fmt.Sprintf("%08x-0000-4000-8000-%012x\n", rand.Uint32(), rand.Uint64()>>16)
	if err := os.WriteFile(p.file, []byte(id), 0o600); err != nil {
		t.Fatal(err)
	}
}
