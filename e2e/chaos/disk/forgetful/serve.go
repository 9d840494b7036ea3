package forgetful

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// root holds the volumes.
type root struct {
	node
	began time.Time

	mu      sync.Mutex
	volumes map[string]*volume
	first   uint64 // inode numbers of the next volume
}

// perVolume is how many files a volume can have in its life.
const perVolume = 1 << 20

// Mkdir makes a new volume.
func (r *root) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first += perVolume
	v := newVolume(r.began, r.first)
	r.volumes[name] = v
	n := &node{v: v, ino: v.log.Root, mode: mode & 0o7777}
	out.Mode = syscall.S_IFDIR | n.mode
	return r.NewPersistentInode(ctx, n, fs.StableAttr{Mode: syscall.S_IFDIR, Ino: n.ino}), 0
}

// Rmdir forgets a volume and everything in it.
func (r *root) Rmdir(_ context.Context, name string) syscall.Errno {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.volumes, name)
	return 0
}

// Create, Mknod and Unlink: there are only volumes in the root.
func (r *root) Create(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EPERM
}

// Mknod makes nothing in the root.
func (r *root) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

// Link makes nothing in the root.
func (r *root) Link(context.Context, fs.InodeEmbedder, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

// Unlink finds nothing in the root.
func (r *root) Unlink(context.Context, string) syscall.Errno { return syscall.EPERM }

// tickEvery is how finely a log tells time that went by while nothing was written.
const tickEvery = 5 * time.Millisecond

// Serve mounts the file system on a folder and answers on a unix socket until the context ends. It needs
// /dev/fuse and the right to mount: root, or a user and mount namespace of one's own. It must not run in
// the process that uses the mount.
func Serve(ctx context.Context, mount, socket string) error {
	r := &root{began: time.Now(), volumes: map[string]*volume{}}
	r.v, r.mode = newVolume(r.began, 1), 0o755
	server, err := fs.Mount(mount, r, &fs.Options{NullPermissions: true, RootStableAttr: &fs.StableAttr{Ino: 1},
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "forgetful", Name: "forgetful", DisableXAttrs: true}})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return errors.Join(err, server.Unmount())
	}
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	go r.tick(ctx)
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				err = nil
			}
			return errors.Join(err, server.Unmount())
		}
		go r.answer(conn)
	}
}

// tick notes in every log that time went by.
func (r *root) tick(ctx context.Context) {
	every := time.NewTicker(tickEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		r.mu.Lock()
		for _, v := range r.volumes {
			v.mu.Lock()
			v.add(Op{Kind: Tick})
			v.mu.Unlock()
		}
		r.mu.Unlock()
	}
}

// request and response are lines of JSON on the socket.
type request struct {
	Volume string
	Do     string // mark, fault, count, log
	Text   string // the promise; the path of the log
	Fault  Fault
}

type response struct {
	Error         string
	Count, Failed int
}

func (r *root) answer(conn net.Conn) {
	defer conn.Close()
	in, out := json.NewDecoder(bufio.NewReader(conn)), json.NewEncoder(conn)
	for {
		var q request
		if in.Decode(&q) != nil {
			return
		}
		a, err := r.do(q)
		if err != nil {
			a.Error = err.Error()
		}
		if out.Encode(a) != nil {
			return
		}
	}
}

func (r *root) do(q request) (a response, err error) {
	r.mu.Lock()
	v := r.volumes[q.Volume]
	r.mu.Unlock()
	if v == nil {
		return a, errors.New("there is no volume " + q.Volume)
	}
	if q.Do == "log" {
		return a, v.snapshot().writeFile(q.Text)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch q.Do {
	case "mark":
		v.add(Op{Kind: Mark, Name: q.Text})
	case "fault":
		v.fault, v.count, v.failed = q.Fault, 0, 0
	case "count":
		a.Count, a.Failed = v.count, v.failed
	default:
		err = errors.New("it cannot " + q.Do)
	}
	return a, err
}
