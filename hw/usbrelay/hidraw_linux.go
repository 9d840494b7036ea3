package usbrelay

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hidiocgfeature9 is HIDIOCGFEATURE(9) of linux/hidraw.h: read and write, 9 bytes, 'H', 7. It has the same
// value on every architecture that is built for.
const hidiocgfeature9 = 0xC0094807

type hidrawFile struct{ *os.File }

func openHidraw(path string) (hidraw, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return hidrawFile{f}, nil
}

// Feature implements hidraw.
func (f hidrawFile) Feature() ([hidReport]byte, error) {
	buf := [hidReport]byte{1}
	raw, err := f.SyscallConn()
	if err != nil {
		return buf, err
	}
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, hidiocgfeature9, uintptr(unsafe.Pointer(&buf)))
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return buf, err
}
