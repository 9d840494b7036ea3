package forgetful

import (
	"context"
	"slices"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or a folder. Its content is the volume's lock's.
type node struct {
	fs.Inode
	v    *volume
	ino  uint64
	mode uint32
	data []byte // up to the last byte that was written; zeros follow up to size
	size int64
}

// Every method that go-fuse is to find.
var (
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeMknoder   = (*node)(nil)
	_ fs.NodeLinker    = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeFlusher   = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeAllocater = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

// change runs do, with the lock held, unless the disk fails the operation.
func (n *node) change(need need, do func(half bool)) syscall.Errno {
	n.v.mu.Lock()
	defer n.v.mu.Unlock()
	errno, half := n.v.meet(need)
	if errno == 0 {
		do(half)
	}
	return errno
}

// child makes a node in this folder. kind is a type of file as in st_mode.
func (n *node) child(ctx context.Context, name string, mode, kind uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	c := &node{v: n.v, mode: mode & 0o7777}
	errno := n.change(room, func(bool) {
		c.ino = n.v.inode()
		op := Op{Kind: Create, Dir: n.ino, Name: name, Inode: c.ino}
		switch kind {
		case syscall.S_IFDIR:
			op.Kind = Mkdir
		case syscall.S_IFREG:
		default:
			return // a socket means nothing once its process is gone
		}
		n.v.add(op)
	})
	if errno != 0 {
		return nil, errno
	}
	out.Mode = kind | c.mode
	return n.NewPersistentInode(ctx, c, fs.StableAttr{Mode: kind, Ino: c.ino}), 0
}

// Create makes a file and opens it.
func (n *node) Create(ctx context.Context, name string, _ uint32, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, errno := n.child(ctx, name, mode, syscall.S_IFREG, out)
	return inode, nil, fuse.FOPEN_KEEP_CACHE, errno
}

// Mkdir makes a folder.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.child(ctx, name, mode, syscall.S_IFDIR, out)
}

// Mknod makes a socket, or a file.
func (n *node) Mknod(ctx context.Context, name string, mode uint32, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.child(ctx, name, mode, mode&syscall.S_IFMT, out)
}

// Link gives a file one more name.
func (n *node) Link(_ context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	c, ok := target.(*node)
	if !ok || c.v != n.v {
		return nil, syscall.EXDEV
	}
	errno := n.change(room, func(bool) {
		n.v.add(Op{Kind: Link, Dir: n.ino, Name: name, Inode: c.ino})
		c.describe(&out.Attr)
	})
	return c.EmbeddedInode(), errno
}

// Unlink takes a name away.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	return n.change(anyChange, func(bool) { n.v.add(Op{Kind: Unlink, Dir: n.ino, Name: name}) })
}

// Rmdir takes the name of a folder away.
func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	if c := n.GetChild(name); c != nil && len(c.Children()) > 0 {
		return syscall.ENOTEMPTY
	}
	return n.Unlink(ctx, name)
}

// Rename gives a file another name on the same volume.
func (n *node) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := parent.(*node)
	switch {
	case flags != 0:
		return syscall.EINVAL
	case !ok || to.v != n.v:
		return syscall.EXDEV
	}
	return n.change(anyChange, func(bool) {
		n.v.add(Op{Kind: Rename, Dir: n.ino, Name: name, Dir2: to.ino, Name2: newName})
	})
}

// Open opens a file. The kernel keeps its pages: it is the only one that changes them.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_TRUNC != 0 {
		if errno := n.change(anyChange, func(bool) { n.resize(0) }); errno != 0 {
			return nil, 0, errno
		}
	}
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read returns what is there now, durable or not.
func (n *node) Read(_ context.Context, _ fs.FileHandle, into []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n.v.mu.Lock()
	defer n.v.mu.Unlock()
	length := min(int64(len(into)), n.size-off)
	if length <= 0 {
		return fuse.ReadResultData(nil), 0
	}
	into = into[:length]
	clear(into)
	if off < int64(len(n.data)) {
		copy(into, n.data[off:])
	}
	return fuse.ReadResultData(into), 0
}

// Write takes the data, or half of it.
func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (written uint32, errno syscall.Errno) {
	errno = n.change(room, func(half bool) {
		if half {
			data = data[:(len(data)+1)/2]
		}
		written = uint32(len(data))
		n.v.add(Op{Kind: Write, Inode: n.ino, Off: off, Data: slices.Clone(data)})
		n.data, n.size = write(n.data, n.size, off, data)
	})
	return written, errno
}

// Fsync makes a file or the names in a folder durable.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	kind := Sync
	if n.IsDir() {
		kind = SyncDir
	}
	note := func(kind Kind) { n.v.add(Op{Kind: kind, Inode: n.ino, Upto: len(n.v.log.Ops)}) }
	errno := n.change(durability, func(bool) { note(kind) })
	if errno != 0 && kind == Sync {
		n.v.mu.Lock()
		defer n.v.mu.Unlock()
		note(SyncFailed)
	}
	return errno
}

// Flush is asked when a descriptor is closed. It makes nothing durable.
func (n *node) Flush(context.Context, fs.FileHandle) syscall.Errno { return 0 }

// Getattr says how long a file is.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.v.mu.Lock()
	defer n.v.mu.Unlock()
	n.describe(&out.Attr)
	return 0
}

func (n *node) describe(out *fuse.Attr) {
	out.Mode, out.Size, out.Blocks, out.Nlink = n.Mode()|n.mode, uint64(n.size), uint64(n.size+511)/512, 1
}

// Setattr changes the length or the mode; owners and times are not kept.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	errno := syscall.Errno(0)
	if size, ok := in.GetSize(); ok {
		errno = n.change(anyChange, func(bool) { n.resize(int64(size)) })
	}
	n.v.mu.Lock()
	defer n.v.mu.Unlock()
	if mode, ok := in.GetMode(); ok {
		n.mode = mode & 0o7777
	}
	n.describe(&out.Attr)
	return errno
}

// Allocate takes room: here it makes the file longer.
func (n *node) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	if mode != 0 {
		return syscall.EOPNOTSUPP
	}
	return n.change(room, func(bool) {
		if end := int64(off + size); end > n.size {
			n.resize(end)
		}
	})
}

func (n *node) resize(size int64) {
	n.v.add(Op{Kind: Truncate, Inode: n.ino, Off: size})
	n.data, n.size = truncate(n.data, size)
}

// Statfs says how much room there is.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	const block, blocks = 4096, 1 << 18
	*out = fuse.StatfsOut{Bsize: block, Frsize: block, Blocks: blocks, Bfree: blocks / 2, Bavail: blocks / 2, NameLen: 255}
	if n.v != nil && n.v.full() {
		out.Bfree, out.Bavail = 0, 0
	}
	return 0
}

// write and truncate change a content: data, then zeros up to size.
func write(data []byte, size, off int64, more []byte) ([]byte, int64) {
	end := off + int64(len(more))
	if end > int64(len(data)) {
		data = append(data, make([]byte, end-int64(len(data)))...)
	}
	copy(data[off:], more)
	return data, max(size, end)
}

func truncate(data []byte, size int64) ([]byte, int64) {
	if size < int64(len(data)) {
		data = data[:size:size] // what grows again must not find the old bytes
	}
	return data, size
}
