package gpio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guardLink is one guard process and the socket to it. send, hand and drop are called with the guard
// locked; a nil link does nothing.
type guardLink struct {
	cmd    *exec.Cmd
	socket *os.File
	pong   chan struct{}
	dead   chan struct{} // closed when the process has ended
	exit   error         // how; written before dead is closed

	mu    sync.Mutex
	drops map[uint32]chan struct{}
}

// startGuard starts the guard process. It has a process group of its own: what a terminal sends to the
// daemon must not end it first.
func startGuard(command []string) (*guardLink, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(fds[1]), "guard")
	defer func() { _ = theirs.Close() }()
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, errors.Join(err, unix.Close(fds[0]))
	}
	ours := os.NewFile(uintptr(fds[0]), "guard")
	cmd := exec.CommandContext(context.Background(), command[0], command[1:]...) // it ends with its socket, and not before
	cmd.ExtraFiles = []*os.File{theirs}                                          // guardFD
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	l := &guardLink{cmd: cmd, socket: ours, pong: make(chan struct{}, 1), dead: make(chan struct{}), drops: make(map[uint32]chan struct{})}
	go func() {
		l.exit = cmd.Wait()
		close(l.dead)
	}()
	go l.read()
	return l, nil
}

// send never waits: a guard that does not read is a guard that does not live.
func (l *guardLink) send(m wardMessage, line *os.File) bool {
	if l == nil {
		return false
	}
	sent := false
	raw, err := l.socket.SyscallConn()
	if err != nil {
		return false
	}
	post := func(rights []byte) {
		_ = raw.Control(func(fd uintptr) {
			sent = unix.Sendmsg(int(fd), m.bytes(), rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) == nil
		})
	}
	if line == nil {
		post(nil)
		return sent
	}
	held, err := line.SyscallConn()
	if err != nil {
		return false
	}
	_ = held.Control(func(fd uintptr) { post(unix.UnixRights(int(fd))) })
	return sent
}

// hand gives the guard a line.
func (l *guardLink) hand(w *ward) {
	l.send(wardMessage{op: wardAdd, id: w.id, rest: w.rest}, w.file)
}

// drop asks for a line back. The channel is closed when the guard has let go of it; nil where there is no guard.
func (l *guardLink) drop(id uint32) <-chan struct{} {
	if l == nil {
		return nil
	}
	gone := make(chan struct{})
	l.mu.Lock()
	l.drops[id] = gone
	l.mu.Unlock()
	if !l.send(wardMessage{op: wardDrop, id: id}, nil) {
		l.kill()
	}
	return gone
}

// await waits until the guard has let go of a line. One that does not is killed, which lets go of all.
func (l *guardLink) await(gone <-chan struct{}) {
	if l == nil {
		return
	}
	late := time.NewTimer(guardAnswer)
	defer late.Stop()
	select {
	case <-gone:
	case <-l.dead:
	case <-late.C:
		l.kill()
		<-l.dead
	}
}

func (l *guardLink) kill() { _ = l.cmd.Process.Kill() }

// end lets the guard go: it ends by itself when its socket does. One that is broken is killed.
func (l *guardLink) end(broken bool) {
	if broken {
		l.kill()
	}
	_ = l.socket.Close()
	late := time.NewTimer(guardAnswer)
	defer late.Stop()
	select {
	case <-l.dead:
	case <-late.C:
		l.kill()
		<-l.dead
	}
}

// why is how the process ended.
func (l *guardLink) why() error {
	if l.exit != nil {
		return fmt.Errorf("it ended: %w", l.exit)
	}
	return errors.New("it ended")
}

func (l *guardLink) read() {
	buf := make([]byte, wardSize+1)
	for {
		n, err := l.socket.Read(buf)
		if err != nil {
			return
		}
		m, ok := parseWard(buf[:n])
		switch {
		case !ok:
		case m.op == wardPing:
			select {
			case l.pong <- struct{}{}:
			default:
			}
		case m.op == wardDrop:
			l.mu.Lock()
			gone := l.drops[m.id]
			delete(l.drops, m.id)
			l.mu.Unlock()
			if gone != nil {
				close(gone)
			}
		}
	}
}
