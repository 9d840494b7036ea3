package matter

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/disk/rig"
	"github.com/loquet/loquet/matter"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/store"
)

// envState makes the test binary the node: its folder.
const envState = "LOQUET_CHAOS_MATTER_STATE"

var lab *e2e.Lab

func TestMain(m *testing.M) {
	if served, err := rig.Serve(); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(envState); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// greeting is what a node says when it serves.
type greeting struct {
	Addr     string
	Passcode uint32
	Fabrics  []string // "compressed id-node id", of each fabric
}

// serve is the node. A line on its input lets a commissioner in.
func serve(dir string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, dir, store.Options{})
	if err != nil {
		return err
	}
	server, err := matter.New(matter.Config{Storage: s.Space("matter", store.Precious), Addr: "127.0.0.1:0",
		Interfaces: func() []cluster.Interface { return nil },
		Product: cluster.Product{VendorName: "Loquet", ProductName: "Test", VendorID: 0xFFF1, ProductID: 0x8000, HardwareVersionText: "1",
			SoftwareVersionText: "1", SerialNumber: "1", UniqueID: "1"}})
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	say := func() error {
		g := greeting{Addr: server.Addr().String(), Passcode: server.Setup().Passcode}
		for _, f := range server.Fabrics() {
			g.Fabrics = append(g.Fabrics, fmt.Sprintf("%X-%X", f.Compressed, f.NodeID))
		}
		return json.NewEncoder(os.Stdout).Encode(g)
	}
	for in := bufio.NewScanner(os.Stdin); ; {
		if err := say(); err != nil {
			return err
		}
		if !in.Scan() {
			return in.Err()
		}
		if !server.Commissionable() {
			if err := server.OpenWindow(3 * time.Minute); err != nil {
				return err
			}
		}
	}
}

// node is the process of one life.
type node struct {
	greeting
	at    net.Addr
	cmd   *exec.Cmd
	lines *bufio.Scanner
	in    *os.File
}

func startNode(t *testing.T, dir string) *node {
	t.Helper()
	out, in, err := os.Pipe()
	must(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envState+"="+dir)
	cmd.Stdin, cmd.Stderr = out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	must(t, out.Close())
	n := &node{cmd: cmd, lines: bufio.NewScanner(said), in: in}
	n.hear(t)
	n.at, err = net.ResolveUDPAddr("udp", n.Addr)
	must(t, err)
	return n
}

func (n *node) hear(t *testing.T) {
	t.Helper()
	if !n.lines.Scan() {
		t.Fatalf("the node does not start: %v", n.cmd.Wait())
	}
	n.greeting = greeting{}
	must(t, json.Unmarshal(n.lines.Bytes(), &n.greeting))
}

// kill ends the process at once.
func (n *node) kill() {
	_ = n.cmd.Process.Signal(syscall.SIGKILL)
	_ = n.cmd.Wait() // "signal: killed" is what is wanted
	_ = n.in.Close()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
