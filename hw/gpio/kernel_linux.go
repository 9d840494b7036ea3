package gpio

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls of linux/gpio.h: direction<<30 | size<<16 | 0xB4<<8 | number.
const (
	getChipInfo = 0x8044B401
	getLineInfo = 0xC100B405
	getLine     = 0xC250B407
	getValues   = 0xC010B40E
	setValues   = 0xC010B40F
)

// newKernel is the running kernel.
func newKernel() kernel { return linux{} }

type linux struct{}

func (linux) paths() ([]string, error) {
	entries, err := os.ReadDir("/dev")
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "gpiochip") && e.Type()&fs.ModeCharDevice != 0 {
			paths = append(paths, filepath.Join("/dev", e.Name()))
		}
	}
	return paths, err
}

func (linux) open(path string) (chip, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return chipFile{f}, nil
}

func (linux) clock() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// keepsOutputs reads the parameter that Raspberry Pi OS adds to its pin controllers and switches on;
// dtparam=strict_gpiod switches it off (github.com/raspberrypi/linux, issue 6117).
func (linux) keepsOutputs() bool {
	paths, _ := filepath.Glob("/sys/module/*/parameters/persist_gpio_outputs")
	for _, path := range paths {
		if b, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(b)) == "Y" {
			return true
		}
	}
	return false
}

type chipFile struct{ *os.File }

func (c chipFile) info() (chipInfo, error) {
	var i chipInfo
	err := call(c.File, getChipInfo, unsafe.Pointer(&i))
	return i, err
}

func (c chipFile) line(offset uint32) (lineInfo, error) {
	i := lineInfo{Offset: offset}
	err := call(c.File, getLineInfo, unsafe.Pointer(&i))
	return i, err
}

func (c chipFile) request(r lineRequest) (request, error) {
	if err := call(c.File, getLine, unsafe.Pointer(&r)); err != nil {
		return nil, err
	}
	fd := int(r.FD) // the kernel sets O_CLOEXEC
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return lineFile{os.NewFile(uintptr(fd), c.Name()+" lines")}, nil
}

// lineFile is non-blocking, so that reads have deadlines and Close ends them.
type lineFile struct{ *os.File }

func (l lineFile) get(mask uint64) (uint64, error) {
	v := lineValues{Mask: mask}
	err := call(l.File, getValues, unsafe.Pointer(&v))
	return v.Bits, err
}

func (l lineFile) set(bits, mask uint64) error {
	v := lineValues{Bits: bits, Mask: mask}
	return call(l.File, setValues, unsafe.Pointer(&v))
}

func (l lineFile) file() *os.File { return l.File }

func (l lineFile) events(buf []lineEvent, wait time.Duration) (int, error) {
	if err := l.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return 0, err
	}
	const size = int(unsafe.Sizeof(lineEvent{}))
	n, err := l.Read(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(buf))), len(buf)*size))
	return n / size, err
}

// call makes an ioctl without switching the file to blocking mode, as Fd might.
func call(f *os.File, number uint, arg unsafe.Pointer) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		for {
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, uintptr(number), uintptr(arg))
			if errno != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if errno != 0 {
		return fmt.Errorf("%s: %w", f.Name(), errno)
	}
	return nil
}
