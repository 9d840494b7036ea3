package disk

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
)

// asDisk turns this test binary into the process of the file system: "mount point:socket".
const asDisk = "LOQUET_FORGETFUL"

var lab *e2e.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	if where := os.Getenv(asDisk); where != "" {
		serve(where)
		return
	}
	if file := os.Getenv(asSlow); file != "" {
		end(live(file))
		return
	}
	lab = e2e.Open()
	if os.Getenv("LOQUET_SEEDED") == "" { // else the bridge is that of who started this
		defer lab.Close()
	}
	m.Run()
}

// serve is the process of the file system. Who waits for it sees that the socket never comes.
func serve(where string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	mount, socket, _ := strings.Cut(where, ":")
	end(forgetful.Serve(ctx, mount, socket))
}

// end ends a process that is no test.
func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// newDisk mounts a forgetful file system that a process of its own serves.
func newDisk(t *testing.T) *forgetful.Control {
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

// newVolume makes a disk.
func newVolume(t *testing.T, c *forgetful.Control, name string) *forgetful.Volume {
	t.Helper()
	v, err := c.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// inMemory mounts a folder that is quick: images are written there by the thousand.
func inMemory(t *testing.T) string {
	t.Helper()
	lab.NeedMounts(t)
	dir := e2e.TempDir(t)
	if err := unix.Mount("none", dir, "tmpfs", 0, "mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// power is the machine's boot id, as the store reads it. Cut begins another boot.
type power struct{ file string }

// newPower puts a file of the test's own over the kernel's, in this namespace.
func newPower(t *testing.T) *power {
	t.Helper()
	lab.NeedMounts(t)
	const kernels = "/proc/sys/kernel/random/boot_id"
	p := &power{file: filepath.Join(e2e.TempDir(t), "boot")}
	p.cut(t)
	if err := unix.Mount(p.file, kernels, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(kernels, unix.MNT_DETACH) })
	return p
}

func (p *power) cut(t *testing.T) {
	t.Helper()
	id := fmt.Sprintf("%08x-0000-4000-8000-%012x\n", rand.Uint32(), rand.Uint64()>>16)
	if err := os.WriteFile(p.file, []byte(id), 0o600); err != nil {
		t.Fatal(err)
	}
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}
