package gpio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// remedy says what the owner can do about an error of the kernel.
func remedy(op string, err error) error {
	var said *hw.OpError
	switch {
	case err == nil, errors.As(err, &said):
		return err
	case errors.Is(err, fs.ErrPermission):
		return &hw.OpError{Op: op, Err: err,
			Hint: "let the user that runs loquet use the chips: sudo usermod -aG gpio USER, then start it again"}
	case errors.Is(err, errors.ErrUnsupported):
		return &hw.OpError{Op: op, Err: err, Hint: "use a Linux machine for lines of its own, or a board on a bus or a network"}
	case errors.Is(err, syscall.ENOTTY):
		return &hw.OpError{Op: op, Err: err, Hint: "loquet needs Linux 5.10 or newer for its lines: update this machine"}
	case errors.Is(err, hw.ErrNoLine):
		return &hw.OpError{Op: op, Err: err,
			Hint: "correct the line in the configuration, or connect the board: gpioinfo lists chips and lines (Debian package gpiod)"}
	case gone(err):
		return unplugged(op, err)
	}
	return &hw.OpError{Op: op, Err: err, Hint: "see what the kernel says: dmesg, and gpioinfo (Debian package gpiod)"}
}

// unplugged is the error of lines whose chip is not there.
func unplugged(op string, err error) error {
	return &hw.OpError{Op: op, Err: fmt.Errorf("%w: the GPIO chip is gone: %w", device.ErrUnavailable, err),
		Hint: "connect the board with the GPIO chip again: its lines come back by themselves, outputs at rest"}
}

// gone says that the lines of a request will not answer any more.
func gone(err error) bool {
	return errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO) || errors.Is(err, os.ErrClosed) || errors.Is(err, fs.ErrNotExist)
}

// busy names who holds a line that the kernel does not give.
func busy(op string, c chip, places []place) error {
	var who []string
	hint := "stop that program, or remove what claims the line from the machine's config.txt, or use another line"
	for _, p := range places {
		info, err := c.line(p.offset)
		if err != nil || info.Flags&flagUsed == 0 {
			continue
		}
		by := text(info.Consumer)
		if strings.HasPrefix(by, "loquet") {
			hint = "give each output a line of its own, and let only one loquet run"
		}
		if by == "" {
			by = "the kernel"
		}
		who = append(who, fmt.Sprintf("%s is held by %q", p, by))
	}
	if len(who) == 0 {
		who = []string{"the kernel does not give it"}
	}
	return &hw.OpError{Op: op, Err: fmt.Errorf("%w: %s", hw.ErrInUse, strings.Join(who, ", ")), Hint: hint}
}
