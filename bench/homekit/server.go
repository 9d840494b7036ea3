package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/loquet/loquet/bench/figures"
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
	*figures.Process
	kind kind
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
	p, err := figures.Start(dir, append(prefix, c.args...)...)
	if err != nil {
		return nil, err
	}
	return &server{command: c, Process: p, kind: k}, nil
}

// stop ends a server as a service manager would.
func (s *server) stop() error { return s.Stop(s.pid()) }

// pid is that of the server itself, also where a tracer started it.
func (s *server) pid() int {
	if r, err := s.readReady(); err == nil && r.PID != 0 {
		return r.PID
	}
	return s.PID()
}

func (s *server) readReady() (figures.Ready, error) {
	if s.ready == "" {
		return figures.Ready{}, errors.New("there is no ready file")
	}
	return figures.ReadReady(s.ready)
}

// await waits for the listener and, where it is not fixed, the code.
func (s *server) await(ctx context.Context) error {
	err := s.Until(ctx, 60*time.Second, func() error {
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
	if err != nil {
		return fmt.Errorf("%s: %w", s.kind.name, err)
	}
	return nil
}
