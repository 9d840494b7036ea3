package figures

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is a server that is measured. It ends with the program that measures.
type Process struct {
	Stdin io.Writer
	Began time.Time     // just before it was started
	Ended chan struct{} // closed when it has ended
	cmd   *exec.Cmd
	log   *os.File
}

// Start starts a server; what it says goes to the file "log" of a folder.
func Start(dir string, args ...string) (*Process, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.Command(args[0], args[1:]...), log: log, Ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.Stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p.Began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		defer close(p.Ended)
		_ = p.cmd.Wait() // how it ended is in its log
	}()
	return p, nil
}

// PID is that of the program started.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Said is the end of what it wrote.
func (p *Process) Said() string {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// Stop ends it as a service manager would; pid is whom it tells, which is another than PID where a tracer was started.
func (p *Process) Stop(pid int) error {
	defer p.log.Close()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	select {
	case <-p.Ended:
		return nil
	case <-limit.C:
		return errors.Join(errors.New("it did not end within 30 s"), p.cmd.Process.Kill())
	}
}

// Within asks, every millisecond, until an answer comes without an error.
func Within(ctx context.Context, limit time.Duration, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", limit, err)
		}
	}
}

// Until is Within that gives up as soon as the server has ended, and then says what it said.
func (p *Process) Until(ctx context.Context, limit time.Duration, ask func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.Ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := Within(ctx, limit, ask); err != nil {
		return fmt.Errorf("%w: it said: %s", err, p.Said())
	}
	return nil
}
