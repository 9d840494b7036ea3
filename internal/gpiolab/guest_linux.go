package gpiolab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Main runs the tests and returns the exit code. As init of the guest it sets the machine up first, and
// switches it off afterwards: what counts then is the line RESULT on out.
func Main(m *testing.M, out io.Writer) int {
	if os.Getpid() != 1 {
		return m.Run()
	}
	fails := 1
	func() {
		defer func() {
			if r := recover(); r != nil {
				_, _ = fmt.Fprintln(out, "panic:", r)
			}
		}()
		if err := errors.Join(mounts(), entropy()); err != nil {
			_, _ = fmt.Fprintln(out, "set up:", err)
			return
		}
		if !slices.Contains(lacking(), Network) {
			if err := loopback(); err != nil {
				_, _ = fmt.Fprintln(out, "set up the network:", err)
				return
			}
		}
		fails = m.Run()
	}()
	_, _ = fmt.Fprintf(out, "\n%s%d\n", saysResult, fails)
	unix.Sync()
	_, _ = fmt.Fprintln(out, unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
	return fails
}

// Guest keeps a test to the kernel that it is for.
func Guest(t *testing.T) {
	t.Helper()
	if os.Getpid() != 1 {
		t.Skip("it runs inside the kernel that the test OnARealKernel boots")
	}
}

// Host keeps a test out of that kernel.
func Host(t *testing.T) {
	t.Helper()
	if os.Getpid() == 1 {
		t.Skip("this is the kernel")
	}
}

// Virtual reports whether the guest's time is virtual: sleeping costs nothing, and no host is too busy.
func Virtual() bool { return os.Getenv("VIRTUAL") != "" }

func mounts() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"},
		{"debugfs", "/sys/kernel/debug"}, {"configfs", "/sys/kernel/config"}} {
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("%s: %w", m[1], err)
		}
	}
	_ = unix.Mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, "") // lacking looks whether it is there
	return nil
}

// entropy makes random numbers flow: this kernel has hardly a source of them, and programs would wait for
// its first ones. They are as random as a clock; nothing but tests uses them.
func entropy() error {
	random, err := os.OpenFile("/dev/random", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer random.Close()
	const addEntropy = 0x40085203 // RNDADDENTROPY of linux/random.h
	pool := struct {
		bits, bytes int32
		data        [8]int64
	}{bits: 512, bytes: 64}
	for i := range pool.data {
		pool.data[i] = time.Now().UnixNano() * int64(i+1)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, random.Fd(), addEntropy, uintptr(unsafe.Pointer(&pool))); errno != 0 {
		return errno
	}
	return nil
}

// loopback brings the guest's only network up.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOOPBACK)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// KeepOutputs makes the simulated chips leave a freed output as it was driven, as the kernel of Raspberry
// Pi OS does. It needs Sticky.
func KeepOutputs(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(stickyFile, []byte("Y"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(stickyFile, []byte("N"), 0); err != nil {
			t.Error(err)
		}
	})
}

// Expander plugs in an MCP23017 at an address of a simulated I2C bus; the kernel's own driver makes a GPIO
// chip of it. Registers reads its registers back, as words.
func Expander(t *testing.T, address byte) *Stub {
	t.Helper()
	module, err := os.ReadFile(modulePath)
	if err != nil {
		t.Fatal(err)
	}
	option, err := unix.BytePtrFromString(fmt.Sprintf("chip_addr=%#x", address))
	if err != nil {
		t.Fatal(err)
	}
	_, _, errno := unix.Syscall(unix.SYS_INIT_MODULE, uintptr(unsafe.Pointer(unsafe.SliceData(module))), uintptr(len(module)), uintptr(unsafe.Pointer(option)))
	if errno != 0 && errno != unix.EEXIST {
		t.Fatalf("load i2c-stub: %v", errno)
	}
	buses, err := filepath.Glob("/sys/bus/i2c/devices/i2c-*")
	if err != nil || len(buses) != 1 {
		t.Fatalf("buses %v: %v", buses, err)
	}
	if err := os.WriteFile(filepath.Join(buses[0], "new_device"), fmt.Appendf(nil, "mcp23017 %#x", address), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(filepath.Join(buses[0], "delete_device"), fmt.Appendf(nil, "%#x", address), 0); err != nil {
			t.Error(err)
		}
	})
	return &Stub{bus: "/dev/" + filepath.Base(buses[0]), address: address}
}

// Stub is a chip on the simulated bus.
type Stub struct {
	bus     string
	address byte
}

// smbus is struct i2c_smbus_ioctl_data of linux/i2c-dev.h.
type smbus struct {
	read, command byte
	size          uint32
	data          *[34]byte
}

// Calls of linux/i2c-dev.h.
const (
	slaveForce = 0x0706
	smbusCall  = 0x0720
	smbusWord  = 3
)

// Word reads one word of the chip.
func (s *Stub) Word(t *testing.T, register byte) uint16 {
	t.Helper()
	bus, err := os.OpenFile(s.bus, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	if err := unix.IoctlSetInt(int(bus.Fd()), slaveForce, int(s.address)); err != nil {
		t.Fatal(err)
	}
	var data [34]byte
	ask := smbus{read: 1, command: register, size: smbusWord, data: &data}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, bus.Fd(), smbusCall, uintptr(unsafe.Pointer(&ask))); errno != 0 {
		t.Fatal(errno)
	}
	return uint16(data[0]) | uint16(data[1])<<8
}
