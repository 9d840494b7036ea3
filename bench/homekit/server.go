package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// kind is a server that can be started.
type kind struct {
	name  string
	begin func(o *options, dir string) (command, error)
}

// command is how a server is started on a folder of state.
type command struct {
	args  []string
	addr  string
	code  string
	ready string // the file that has the code, if the code is not fixed
	api   string // loquet's socket
}

// server is a running one.
type server struct {
	command
	kind  kind
	cmd   *exec.Cmd
	stdin io.WriteCloser
	began time.Time
	ended chan struct{} // closed when it has ended
	log   *os.File
}

const (
	port      = 21826 // below the ports that the kernel gives to those who connect (ip_local_port_range)
	peersAt   = "bench/homekit/peers"
	fixedCode = "031-45-154"
)

var address = fmt.Sprintf("127.0.0.1:%d", port)

func kinds() []kind {
	return []kind{
		{"loquet", loquet},
		{"hap-nodejs", func(o *options, dir string) (command, error) {
			return command{
				args: []string{"node", peersAt + "/hap-nodejs.cjs", dir, fmt.Sprint(port), fmt.Sprint(o.doors), fmt.Sprint(o.locks)},
				addr: address, code: fixedCode,
			}, nil
		}},
		{"homebridge", homebridge},
	}
}

func homebridge(o *options, dir string) (command, error) {
	plugin, err := filepath.Abs(peersAt + "/homebridge-bench")
	if err != nil {
		return command{}, err
	}
	text := fmt.Sprintf(`{"bridge":{"name":"Peer","username":"CC:22:3D:E3:CE:31","port":%d,"pin":%q,"bind":["127.0.0.1"],"advertiser":"ciao"},
"accessories":[],"platforms":[{"platform":"Bench","doors":%d,"locks":%d}]}`, port, fixedCode, o.doors, o.locks)
	return command{
		args: []string{"node", peersAt + "/node_modules/homebridge/bin/homebridge.js", "-U", dir, "-P", plugin, "-I", "-Q", "-T"},
		addr: address, code: fixedCode,
	}, os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600)
}

func loquet(o *options, dir string) (command, error) {
	file, ready := filepath.Join(dir, "loquet.yaml"), filepath.Join(dir, "ready.json")
	return command{
		args: []string{
			o.binary, "run", "--config", file, "--state", filepath.Join(dir, "state"), "--ready-file", ready,
			"--homekit", address, "--matter", "off", "--console", "127.0.0.1:0", "--interface", "lo",
		},
		addr: address, ready: ready, api: filepath.Join(dir, "state", "loquet.sock"),
	}, os.WriteFile(file, house(o.doors, o.locks), 0o600)
}

// start starts a server on a folder; prefix is put before its command.
func (k kind) start(o *options, dir string, prefix ...string) (*server, error) {
	c, err := k.begin(o, dir)
	if err != nil {
		return nil, err
	}
	s := &server{command: c, kind: k, ended: make(chan struct{})}
	if s.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	args := append(prefix, c.args...)
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	s.began = time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // how it ended is in its log
	}()
	return s, nil
}

// stop ends a server as a service manager would.
func (s *server) stop() error {
	defer s.log.Close()
	if err := syscall.Kill(s.pid(), syscall.SIGTERM); err != nil {
		return err
	}
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case <-s.ended:
		return nil
	case <-limit.C:
		return errors.Join(fmt.Errorf("%s did not end", s.kind.name), s.cmd.Process.Kill())
	}
}

// pid is that of the server itself, also where a tracer started it.
func (s *server) pid() int {
	if r, err := s.readReady(); err == nil && r.PID != 0 {
		return r.PID
	}
	return s.cmd.Process.Pid
}

type readyFile struct {
	PID     int `json:"pid"`
	HomeKit []struct {
		Addr string `json:"addr"`
		Code string `json:"setup_code"`
	} `json:"homekit"`
}

func (s *server) readReady() (r readyFile, err error) {
	if s.ready == "" {
		return r, errors.New("there is no ready file")
	}
	text, err := os.ReadFile(s.ready)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

// within asks until an answer comes without an error.
func within(ctx context.Context, limit time.Duration, ask func() error) error {
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

// await waits for the listener and, where it is not fixed, the code.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := s.answers(ctx)
	if err != nil {
		said, _ := os.ReadFile(s.log.Name())
		return fmt.Errorf("%s: %w: it said: %s", s.kind.name, err, said)
	}
	return nil
}

func (s *server) answers(ctx context.Context) error {
	return within(ctx, 60*time.Second, func() error {
		if s.ready == "" {
			c, err := dial(ctx, s.addr)
			if err == nil {
				return c.Close()
			}
			return err
		}
		r, err := s.readReady()
		if err != nil {
			return err
		}
		if len(r.HomeKit) == 0 {
			return errors.New("no bridge in the ready file")
		}
		s.addr, s.code = r.HomeKit[0].Addr, r.HomeKit[0].Code
		return nil
	})
}
