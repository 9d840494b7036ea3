package forgetful

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// Control is a line to the file system's process. It is safe for use by several goroutines.
type Control struct {
	mount string

	mu   sync.Mutex
	conn net.Conn
	in   *json.Decoder
	out  *json.Encoder
}

// Connect opens a line to the file system that Serve mounted.
func Connect(ctx context.Context, mount, socket string) (*Control, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	return &Control{mount: mount, conn: conn, in: json.NewDecoder(conn), out: json.NewEncoder(conn)}, nil
}

// Close ends the line.
func (c *Control) Close() error { return c.conn.Close() }

func (c *Control) ask(q request) (response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var a response
	if err := c.out.Encode(q); err != nil {
		return a, err
	}
	if err := c.in.Decode(&a); err != nil {
		return a, err
	}
	if a.Error != "" {
		return a, errors.New("forgetful: " + a.Error)
	}
	return a, nil
}

// Volume is one disk.
type Volume struct {
	Path string // where it is mounted
	name string
	c    *Control
}

// New makes a volume: an empty folder of mode 0700.
func (c *Control) New(name string) (*Volume, error) {
	v := &Volume{Path: filepath.Join(c.mount, name), name: name, c: c}
	return v, os.Mkdir(v.Path, 0o700)
}

// Remove forgets the volume.
func (v *Volume) Remove() error { return os.Remove(v.Path) }

// Mark notes a promise in the log. When it returns, every image of a later point must keep it.
func (v *Volume) Mark(promise string) error {
	_, err := v.c.ask(request{Volume: v.name, Do: "mark", Text: promise})
	return err
}

// Fail has the disk fail from now on; the zero value heals it. Operations are counted from here.
func (v *Volume) Fail(f Fault) error {
	_, err := v.c.ask(request{Volume: v.name, Do: "fault", Fault: f})
	return err
}

// Count returns how many operations there were since Fail that could have failed, and how many did.
func (v *Volume) Count() (all, failed int, err error) {
	a, err := v.c.ask(request{Volume: v.name, Do: "count"})
	return a.Count, a.Failed, err
}

// Log returns what was done to the volume until now.
func (v *Volume) Log() (*Log, error) {
	f, err := os.CreateTemp("", "forgetful-log-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	f.Close()
	if _, err := v.c.ask(request{Volume: v.name, Do: "log", Text: f.Name()}); err != nil {
		return nil, err
	}
	return readLog(f.Name())
}
