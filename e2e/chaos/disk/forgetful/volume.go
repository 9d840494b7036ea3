package forgetful

import (
	"sync"
	"syscall"
	"time"
)

// volume is one disk: a folder in the root.
type volume struct {
	began time.Time

	mu     sync.Mutex
	log    Log
	fault  Fault
	count  int // operations that could have failed
	failed int // that did
	next   uint64
}

// Fault says what fails. The zero value is a disk that is well.
type Fault struct {
	// What fails: "eio" and "enospc" fail any operation that changes something, "short" makes a write take
	// half, "sync" fails a sync, "full" fails what needs room, "readonly" fails every change. Empty: nothing.
	What string
	Nth  int  // the first operation that fails, counted from 1
	Ever bool // and all after it, too
}

func newVolume(began time.Time, next uint64) *volume {
	return &volume{began: began, log: Log{Root: next}, next: next + 1}
}

// need is what an operation asks of the disk.
type need uint8

const (
	anyChange need = iota
	room
	durability
)

// meet counts an operation that may fail and says how it does: an error, or only half of a write.
func (v *volume) meet(n need) (errno syscall.Errno, half bool) {
	v.count++
	f := v.fault
	if f.What == "" || v.count < f.Nth || (v.count > f.Nth && !f.Ever) {
		return 0, false
	}
	switch f.What {
	case "eio":
		errno = syscall.EIO
	case "enospc":
		errno = syscall.ENOSPC
	case "readonly":
		errno = syscall.EROFS
	case "full":
		if n == room {
			errno = syscall.ENOSPC
		}
	case "sync":
		if n == durability {
			errno = syscall.EIO
		}
	case "short":
		half = n == room
	}
	if errno == 0 && !half {
		if !f.Ever { // it waits for an operation that it fits
			v.fault.Nth++
		}
		return 0, false
	}
	v.failed++
	return errno, half
}

// add notes an operation that was carried out.
func (v *volume) add(op Op) {
	op.At = time.Since(v.began)
	v.log.Ops = append(v.log.Ops, op)
}

func (v *volume) inode() uint64 {
	v.next++
	return v.next
}

// full reports whether a program that asks is told that there is no room.
func (v *volume) full() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.fault.What == "full" && v.count+1 >= v.fault.Nth
}

// snapshot is the log as it is now. Operations are never changed once they are in it.
func (v *volume) snapshot() *Log {
	v.mu.Lock()
	defer v.mu.Unlock()
	return &Log{Root: v.log.Root, Ops: v.log.Ops[:len(v.log.Ops):len(v.log.Ops)]}
}
