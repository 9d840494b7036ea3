package forgetful

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Replay goes through a log and knows at each point what is durable and what is not. It goes forwards only.
type Replay struct {
	log   *Log
	at    int // operations before it have happened
	files map[uint64]*file
	dirs  map[uint64]*dir
	luck  *rand.Rand // decides what a failed sync has left
}

// file is what the disk holds of a file for sure, and what has been done to it since.
type file struct {
	data    []byte
	size    int64
	pending []change
}

// dir is the same of the names in a folder.
type dir struct {
	names   map[string]uint64
	pending []change
}

// change is an operation that is not durable, with its place in the log.
type change struct {
	Op
	at   int
	lost bool // a sync failed after it: no later one makes it durable
}

// NewReplay begins before the first operation. The seed decides what a failed sync has left.
func NewReplay(l *Log, seed uint64) *Replay {
	return &Replay{log: l, files: map[uint64]*file{}, luck: rand.New(rand.NewPCG(seed, 1)),
		dirs: map[uint64]*dir{l.Root: {names: map[string]uint64{}}}}
}

// Advance lets the operations before a point happen.
func (r *Replay) Advance(to int) {
	for ; r.at < min(to, len(r.log.Ops)); r.at++ {
		r.happen(change{Op: r.log.Ops[r.at], at: r.at})
	}
}

func (r *Replay) happen(c change) {
	switch c.Kind {
	case Create:
		r.files[c.Inode] = &file{}
	case Mkdir:
		r.dirs[c.Inode] = &dir{names: map[string]uint64{}}
	case Write, Truncate:
		f := r.files[c.Inode]
		f.pending = append(f.pending, c)
	case Sync:
		r.files[c.Inode].sync(c.Upto, r.luck)
	case SyncFailed:
		for i := range r.files[c.Inode].pending {
			r.files[c.Inode].pending[i].lost = true
		}
	case SyncDir:
		r.dirs[c.Inode].sync(c.Upto)
	}
	switch c.Kind {
	case Create, Mkdir, Link, Unlink, Rename:
		r.dirs[c.Dir].pending = append(r.dirs[c.Dir].pending, c)
	}
	if c.Kind == Rename && c.Dir2 != c.Dir {
		r.dirs[c.Dir2].pending = append(r.dirs[c.Dir2].pending, c)
	}
}

// sync makes durable what was done before a point, but for what an earlier sync has lost: of that, any.
func (f *file) sync(upto int, luck *rand.Rand) {
	f.pending = slices.DeleteFunc(f.pending, func(c change) bool {
		if c.at >= upto {
			return false
		}
		if !c.lost || luck.IntN(2) == 0 {
			f.data, f.size = c.apply(f.data, f.size)
		}
		return true
	})
}

// apply carries a write or a truncation out.
func (c change) apply(data []byte, size int64) ([]byte, int64) {
	if c.Kind == Truncate {
		return truncate(data, c.Off)
	}
	return write(data, size, c.Off, c.Data)
}

func (d *dir) sync(upto int) {
	d.pending = slices.DeleteFunc(d.pending, func(c change) bool {
		if c.at < upto {
			c.enter(d.names, done)
		}
		return c.at < upto
	})
}

// outcome is how much of a rename the disk holds.
type outcome uint8

const (
	done outcome = iota
	half         // under both names
)

// enter changes the names in a folder. Both names of a rename are in one folder: a rename between two is
// not used by anything that is tested here, and each folder does its own half.
func (c change) enter(names map[string]uint64, how outcome) {
	switch c.Kind {
	case Create, Mkdir, Link:
		names[c.Name] = c.Inode
	case Unlink:
		delete(names, c.Name)
	case Rename:
		if inode, ok := names[c.Name]; ok {
			names[c.Name2] = inode
		}
		if how == done {
			delete(names, c.Name)
		}
	}
}

// Marks returns the promises that were made before a point, with their places.
func (l *Log) Marks(before int) map[int]string {
	out := map[int]string{}
	for i, op := range l.Ops[:min(before, len(l.Ops))] {
		if op.Kind == Mark {
			out[i] = op.Name
		}
	}
	return out
}

func (d *dir) clone() map[string]uint64 { return maps.Clone(d.names) }
