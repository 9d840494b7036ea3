package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// SocketGroup is the group whose members may use the socket, where it exists.
const SocketGroup = "loquet"

// ErrInUse says that another bridge answers on the socket.
var ErrInUse = errors.New("another bridge answers there")

// maxSocketPath is what fits into sockaddr_un on Linux (unix(7)), without the terminating zero.
const maxSocketPath = 107

// ListenUnix listens on a unix socket that only its owner and the members of SocketGroup may use
// (mode 0660): that permission is the authentication. A socket that a killed bridge left behind is
// replaced, one that answers is not (ErrInUse), and neither is anything that is no socket.
func ListenUnix(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path of the socket is longer than %d bytes: %s", maxSocketPath, path)
	}
	if err := clearStale(path); err != nil {
		return nil, err
	}
	// Bound in a folder that only we may enter, then moved: there is no instant in which the umask
	// decides who may connect.
	hidden := path
	if !private(filepath.Dir(path)) {
		dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		hidden = filepath.Join(dir, "s")
	}
	if len(hidden) > maxSocketPath {
		return nil, fmt.Errorf("the path of the socket is too long: %s", path)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it would unlink the hidden name
	if err := reveal(hidden, path); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &socket{UnixListener: l, path: path}, nil
}

// private reports whether only we may enter a folder. Then no other is made in it: on a full disk there
// may be room for a socket and none for a folder.
func private(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}

func reveal(hidden, path string) error {
	if err := os.Chmod(hidden, 0o660); err != nil {
		return err
	}
	if g, err := user.LookupGroup(SocketGroup); err == nil {
		if gid, err := strconv.Atoi(g.Gid); err == nil {
			// Without the right to give it away, it stays with the owner's group.
			if err := os.Chown(hidden, -1, gid); err != nil && !errors.Is(err, fs.ErrPermission) {
				return err
			}
		}
	}
	return os.Rename(hidden, path)
}

func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is in the way: it is not a socket", path)
	}
	c, err := new(net.Dialer).DialContext(context.Background(), "unix", path) // a local socket answers at once
	if err == nil {
		return errors.Join(fmt.Errorf("%s: %w", path, ErrInUse), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// socket takes its path away when it closes, unless another has taken the place.
type socket struct {
	*net.UnixListener
	path string
}

func (s *socket) Close() error {
	err := s.UnixListener.Close()
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	if rm := os.Remove(s.path); !errors.Is(rm, fs.ErrNotExist) {
		return errors.Join(err, rm)
	}
	return err
}
