package client

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// SocketName is the name of a bridge's socket in its folder of state.
const SocketName = "loquet.sock"

// Where says where to look for a bridge. The zero value looks in the usual places.
type Where struct {
	URL    string // the flag --url
	Token  string // the flag --token
	State  string // the flag --state
	Getenv func(string) string
	Run    []string // folders of services; nil: /run/loquet
}

// Find returns a client of the bridge that is meant: the flags, then LOQUET_URL with LOQUET_TOKEN,
// then LOQUET_STATE, then /run/loquet, then the default folders of state, then this user's demo. What
// was said (by flag or environment) is not checked and never replaced by another; of the rest, the
// first bridge that accepts is taken.
func Find(ctx context.Context, w Where) (*Client, error) {
	if w.Getenv == nil {
		w.Getenv = os.Getenv
	}
	token := w.Token
	if token == "" {
		token = w.Getenv("LOQUET_TOKEN")
	}
	folder := w.Folder()
	switch {
	case w.URL != "":
		return URL(w.URL, token)
	case folder != "":
		return Socket(filepath.Join(folder, SocketName)), nil
	case w.Getenv("LOQUET_URL") != "":
		return URL(w.Getenv("LOQUET_URL"), token)
	}
	return find(ctx, w)
}

// Folder is the folder of state by which Find was told which bridge is meant; empty if it was told
// otherwise, or not at all.
func (w Where) Folder() string {
	getenv := w.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	switch {
	case w.URL != "":
		return ""
	case w.State != "":
		return w.State
	case getenv("LOQUET_URL") != "":
		return ""
	}
	return getenv("LOQUET_STATE")
}

// NotRunning reports whether err says that nothing listens on the socket of a bridge.
func NotRunning(err error) bool {
	_, unreachable := errors.AsType[*Error](err)
	return unreachable && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED))
}

func find(ctx context.Context, w Where) (*Client, error) {
	var first error // a socket that is there but refuses says more than one that is not
	for _, path := range candidates(w) {
		err := probe(ctx, path)
		if err == nil {
			return Socket(path), nil
		}
		if first == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			first = explainDial(path, err)
		}
	}
	if first != nil {
		return nil, first
	}
	return nil, &Error{Why: "no bridge is running here", Remedy: "start one (loquet demo, or loquet run), or say where it is: --url and --token, or --state"}
}

func candidates(w Where) []string {
	folders := w.Run
	if folders == nil {
		folders = []string{"/run/loquet"}
	}
	folders = append(folders, DefaultStates(w.Getenv)...)
	paths := make([]string, 0, len(folders)+1)
	for _, f := range folders {
		paths = append(paths, filepath.Join(f, SocketName))
	}
	if d, err := FindDemo(w.Getenv); err == nil {
		paths = append(paths, d.Socket)
	}
	return paths
}

// DefaultStates are the folders in which a bridge keeps its state if nobody says otherwise: the
// service's, then the user's.
func DefaultStates(getenv func(string) string) []string {
	folders := []string{"/var/lib/loquet"}
	if state := getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return append(folders, filepath.Join(state, "loquet"))
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return append(folders, filepath.Join(home, ".local", "state", "loquet"))
	}
	return folders
}

func probe(ctx context.Context, path string) error {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return err
	}
	return c.Close()
}

// explainDial says what a failed connection means to somebody who wants a door to open.
func explainDial(name string, err error) *Error {
	e := &Error{Why: "the bridge does not answer at " + name, Remedy: "check that it runs (loquet run, or systemctl status loquet)", Err: err}
	var timeout net.Error
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Why, e.Remedy = "you may not use the bridge at "+name, "run this as root, or as a member of the group loquet"
	case errors.Is(err, fs.ErrNotExist):
		e.Why = "no bridge is running at " + name
	case errors.Is(err, syscall.EINVAL):
		e.Why, e.Remedy = "the path of the socket is too long: "+name, "use a folder of state with a shorter path"
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Why = "the bridge at " + name + " did not answer in time"
	}
	return e
}
