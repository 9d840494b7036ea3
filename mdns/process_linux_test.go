package mdns_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/mdns"
)

// process is a responder in a namespace.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	in      interface{ Write([]byte) (int, error) }
	close   func() error
	reports chan report
	log     *bytes.Buffer
}

func start(t *testing.T, namespace string, p part) *process {
	t.Helper()
	arg, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", namespace, os.Args[0], string(arg))
	cmd.Env = append(os.Environ(), roleVar+"=respond")
	log := new(bytes.Buffer)
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &process{t: t, cmd: cmd, in: in, close: in.Close, reports: make(chan report, 1000), log: log}
	go func() {
		defer close(r.reports)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var one report
			if json.Unmarshal(lines.Bytes(), &one) == nil {
				r.reports <- one
			}
		}
	}()
	t.Cleanup(r.end)
	return r
}

func (p *process) tell(command string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		p.t.Fatal(err)
	}
}

// end closes the responder with its goodbyes.
func (p *process) end() {
	if p.close == nil {
		return
	}
	_ = p.close()
	p.close = nil
	for range p.reports {
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("responder: %v", err)
	}
	if p.t.Failed() {
		p.t.Logf("%s", p.log)
	}
}

// wait returns the first report that fits, within a time.
func (p *process) wait(within time.Duration, what string, fits func(report) bool) report {
	p.t.Helper()
	timeout := time.After(within)
	for {
		select {
		case r, ok := <-p.reports:
			if !ok {
				p.t.Fatalf("responder ended while waiting for %s", what)
			}
			if fits(r) {
				return r
			}
		case <-timeout:
			p.t.Fatalf("no %s within %v", what, within)
		}
	}
}

// heard is the first report that fits, of those that have come.
func (p *process) heard(fits func(report) bool) (report, bool) {
	for {
		select {
		case r, ok := <-p.reports:
			if !ok {
				p.t.Fatal("responder ended")
			}
			if fits(r) {
				return r, true
			}
		default:
			return report{}, false
		}
	}
}

func (p *process) established() string {
	p.t.Helper()
	return p.wait(patience, "established service", func(r report) bool { return r.Established != "" }).Established
}

func (p *process) entry(within time.Duration, what string, fits func(*mdns.Entry) bool) *mdns.Entry {
	p.t.Helper()
	return p.wait(within, what, func(r report) bool { return r.Entry != nil && fits(r.Entry) }).Entry
}

func (p *process) facts() *mdns.Facts {
	p.t.Helper()
	p.tell("facts")
	return p.wait(patience, "facts", func(r report) bool { return r.Facts != nil }).Facts
}

// avahi starts a bus and an avahi-daemon in a namespace and returns how to run its tools there.
func avahi(t *testing.T, namespace string) func(args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	socket := "unix:path=" + dir + "/bus"
	write := func(name, text string) string {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir + "/" + name
	}
	bus := write("bus.conf", `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>`+socket+`</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/><allow receive_type="method_call"/><allow receive_type="signal"/>
<allow receive_type="method_return"/><allow receive_type="error"/><allow send_type="method_return"/><allow send_type="error"/></policy></busconfig>`)
	conf := write("avahi.conf", "[server]\nhost-name=avahi-"+namespace+"\nallow-interfaces=eth0\nuse-ipv4=yes\nuse-ipv6=yes\nenable-dbus=yes\nratelimit-interval-usec=1000000\nratelimit-burst=1000\n[publish]\n")
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command("ip", append([]string{"netns", "exec", namespace}, args...)...)
		cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+socket)
		return cmd
	}
	background(t, command("dbus-daemon", "--config-file="+bus, "--nofork", "--nopidfile"))
	eventually(t, patience, "a bus", func() bool {
		conn, err := net.Dial("unix", dir+"/bus")
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	// Its user owns its folder; in a user namespace there is only root.
	users := write("passwd", "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/false\n")
	groups := write("group", "root:x:0:\navahi:x:0:\n")
	background(t, command("unshare", "-m", "sh", "-ec", `mount -t tmpfs none /run
		mkdir -p /run/avahi-daemon
		mount --bind "$1" /etc/passwd
		mount --bind "$2" /etc/group
		exec avahi-daemon -f "$3" --no-drop-root --no-chroot --no-rlimits`, "sh", users, groups, conf))
	eventually(t, patience, "avahi", func() bool { return command("avahi-browse", "-at").Run() == nil })
	return command
}

// listed runs avahi-browse and returns its resolved lines, for a namespace's interface.
func listed(t *testing.T, avahi func(...string) *exec.Cmd, kind string) []string {
	t.Helper()
	out, err := avahi("avahi-browse", "-rpt", "--no-db-lookup", kind).Output()
	if err != nil {
		t.Fatalf("avahi-browse: %v", err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "=") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	slices.Sort(lines)
	return lines
}
