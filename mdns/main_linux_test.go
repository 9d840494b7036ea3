package mdns_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/mdns"
)

// Processes of the tests in network namespaces are this binary with another part to play.
const (
	roleVar   = "LOQUET_MDNS_ROLE"
	insideVar = "LOQUET_MDNS_INSIDE"
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		os.Exit(m.Run())
	}
	var err error
	switch role {
	case "respond":
		err = respond(os.Args[1])
	case "flood":
		err = flood(os.Args[1])
	case "ask":
		err = askOnce()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role, err)
		os.Exit(1)
	}
}

// part is what a responder process is told to do.
type part struct {
	Hostname   string
	Interfaces []string
	Services   []mdns.Service
	Browse     string
}

// report is one line of what it says.
type report struct {
	At          time.Time
	Established string      `json:",omitempty"`
	Renamed     string      `json:",omitempty"`
	Entry       *mdns.Entry `json:",omitempty"`
	Facts       *mdns.Facts `json:",omitempty"`
}

// respond runs a responder until its input ends. Lines of input are commands: "facts", "withdraw",
// "update a=1".
func respond(arg string) error {
	var p part
	if err := json.Unmarshal([]byte(arg), &p); err != nil {
		return err
	}
	say := make(chan report)
	go func() {
		enc := json.NewEncoder(os.Stdout)
		for r := range say {
			r.At = time.Now()
			_ = enc.Encode(r)
		}
	}()
	log := zerolog.New(os.Stderr).Level(zerolog.DebugLevel).With().Timestamp().Str("host", p.Hostname).Logger()
	r, err := mdns.New(mdns.Config{Hostname: p.Hostname, Interfaces: p.Interfaces, Log: log})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	var regs []*mdns.Registration
	for _, s := range p.Services {
		g, err := r.Publish(s)
		if err != nil {
			return err
		}
		regs = append(regs, g)
		go func() {
			<-g.Established()
			say <- report{Established: g.Name()}
			for name := range g.Renamed() {
				say <- report{Renamed: name}
			}
		}()
	}
	if p.Browse != "" {
		go r.Browse(ctx, p.Browse, func(e mdns.Entry) { say <- report{Entry: &e} })
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "facts":
			f, err := r.Facts(ctx)
			if err != nil {
				return err
			}
			say <- report{Facts: &f}
		case "withdraw":
			if err := regs[0].Withdraw(ctx); err != nil {
				return err
			}
		case "update":
			if err := regs[0].Update(strings.Fields(rest)); err != nil {
				return err
			}
		}
	}
	cancel()
	return <-ended
}

// floodRate is in packets a second: far more than any network has, and not more than the kernel
// brings to the listening processes of the test on a small machine.
const floodRate = 20_000

// flood sends what a hostile host might for some seconds: garbage, queries, conflicting probes and
// answers, from its own and from made-up addresses.
func flood(arg string) error {
	span, err := time.ParseDuration(arg)
	if err != nil {
		return err
	}
	raw, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer syscall.Close(raw)
	group := netip.MustParseAddr("224.0.0.251")
	if err := syscall.SetsockoptInet4Addr(raw, syscall.IPPROTO_IP, syscall.IP_MULTICAST_IF, myAddress().As4()); err != nil {
		return err
	}
	var payloads [][]byte
	for _, m := range hostile() {
		m.Compress = true
		b, err := m.Pack()
		if err != nil {
			return err
		}
		payloads = append(payloads, b)
	}
	payloads = append(payloads, bytes.Repeat([]byte{0xc0, 0x0c}, 500), bytes.Repeat([]byte{0xff}, 1400))
	own, sent := myAddress().As4(), 0
	for began := time.Now(); time.Since(began) < span; sent++ {
		if float64(sent) > floodRate*time.Since(began).Seconds() {
			<-time.After(time.Millisecond)
		}
		from := own
		if sent%4 == 3 {
			from = [4]byte{10, 77, byte(sent >> 10), byte(sent >> 2)}
		}
		data := datagram(from, group.As4(), payloads[sent%len(payloads)])
		if err := syscall.Sendto(raw, data, 0, &syscall.SockaddrInet4{Addr: group.As4()}); err != nil && err != syscall.ENOBUFS {
			return err
		}
	}
	fmt.Println(sent)
	return nil
}

// askOnce asks for the service "Villa" once by multicast and once as an ordinary resolver does, and
// fails if an answer takes more than a second: the time that a record may have to wait after the last
// time it was multicast, which a flood can always have been just now (RFC 6762 6).
func askOnce() error {
	i, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	group := &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
	many, err := net.ListenMulticastUDP("udp4", i, group)
	if err != nil {
		return err
	}
	defer many.Close()
	one, err := net.ListenUDP("udp4", &net.UDPAddr{IP: myAddress().AsSlice()})
	if err != nil {
		return err
	}
	defer one.Close()
	for _, c := range []struct {
		name string
		conn *net.UDPConn
	}{{"ordinary", one}, {"multicast", many}} {
		b, err := (&dns.Msg{Question: []dns.Question{question(hap, dns.TypePTR)}}).Pack()
		if err != nil {
			return err
		}
		began := time.Now()
		if _, err := c.conn.WriteTo(b, group); err != nil {
			return err
		}
		if err := c.conn.SetReadDeadline(began.Add(1100 * time.Millisecond)); err != nil {
			return err
		}
		if err := answered(c.conn); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("%s %v ", c.name, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// answered reads until the answer comes.
func answered(conn *net.UDPConn) error {
	buf := make([]byte, 9000)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		m := new(dns.Msg)
		if n < 12 || buf[2]&0x80 == 0 || m.Unpack(buf[:n]) != nil {
			continue
		}
		for _, rr := range m.Answer {
			if p, ok := rr.(*dns.PTR); ok && p.Ptr == "Villa._hap._tcp.local." && p.Hdr.Ttl > 0 {
				return nil
			}
		}
	}
}

func myAddress() netip.Addr {
	i, err := net.InterfaceByName("eth0")
	if err != nil {
		return netip.IPv4Unspecified()
	}
	addrs, _ := i.Addrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			return p.Addr()
		}
	}
	return netip.IPv4Unspecified()
}

// hostile are packets against a service "Villa" on the host "villa".
func hostile() []*dns.Msg {
	const name = "Villa._hap._tcp.local."
	srv := &dns.SRV{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeSRV, Class: dns.ClassINET, Ttl: 120}, Priority: 9, Port: 9, Target: "evil.local."}
	gone := &dns.PTR{Hdr: dns.RR_Header{Name: hap, Rrtype: dns.TypePTR, Class: dns.ClassINET}, Ptr: name}
	var many []dns.Question
	for range 100 {
		many = append(many, question(hap, dns.TypeANY))
	}
	return []*dns.Msg{
		{Question: []dns.Question{question(hap, dns.TypePTR)}},
		{Question: []dns.Question{{Name: name, Qtype: dns.TypeANY, Qclass: 1 | 1<<15}}, Ns: []dns.RR{srv}},
		{Question: many},
		{MsgHdr: dns.MsgHdr{Truncated: true}, Question: []dns.Question{question(hap, dns.TypePTR)}},
		{MsgHdr: dns.MsgHdr{Response: true}, Answer: []dns.RR{gone}},
	}
}

// datagram builds an IPv4 and a UDP header in front of data, both ports 5353.
func datagram(from, to [4]byte, data []byte) []byte {
	total := 28 + len(data)
	b := []byte{0x45, 0, byte(total >> 8), byte(total), 0, 0, 0, 0, 255, 17, 0, 0}
	b = append(append(b, from[:]...), to[:]...)
	b = append(b, 5353>>8, 5353&0xff, 5353>>8, 5353&0xff, byte((8+len(data))>>8), byte(8+len(data)), 0, 0)
	return append(b, data...)
}

// lacking skips a test for want of something, with the reason; where everything has to be there, that
// is a failure.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI lacks what this test needs: "+format, args...)
	}
	t.Skipf(format, args...)
}

// inNamespaces runs the calling test again in network and mount namespaces of its own, and says true
// there. Nothing it does reaches the machine's own interfaces, and all is gone when it ends.
func inNamespaces(t *testing.T, tools ...string) bool {
	t.Helper()
	for _, tool := range append(tools, "unshare", "ip") {
		if _, err := exec.LookPath(tool); err != nil {
			lacking(t, "%s is not installed", tool)
		}
	}
	if os.Getenv(insideVar) != "" {
		return true
	}
	flags := []string{"-nm"}
	if os.Getuid() != 0 {
		flags = []string{"-Urnm"}
	}
	if out, err := exec.Command("unshare", append(flags, "sh", "-c", "mount -t tmpfs none /run && ip netns add x")...).CombinedOutput(); err != nil {
		lacking(t, "network namespaces cannot be made here: %v: %s", err, out)
	}
	script := `mount -t tmpfs none /run && exec "$0" "$@"`
	args := append(flags, "sh", "-c", script, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), insideVar+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("in the namespaces: %v", err)
	}
	if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skip("skipped in the namespaces")
	}
	return false
}

// lan joins namespaces by a bridge; each has "eth0" with 10.77.0.n/16 and a link-local address.
func lan(t *testing.T, names ...string) {
	t.Helper()
	sh(t, "ip link add lan type bridge mcast_snooping 0 && ip link set lan up")
	for i, name := range names {
		sh(t, fmt.Sprintf(`ip netns add %[1]s
			ip link add %[1]s-port type veth peer name eth0 netns %[1]s
			ip link set %[1]s-port master lan up
			ip netns exec %[1]s sysctl -qw net.ipv6.conf.eth0.accept_dad=0
			ip -n %[1]s link set lo up
			ip -n %[1]s addr add 10.77.0.%[2]d/16 dev eth0
			ip -n %[1]s link set eth0 up`, name, i+1))
	}
}

func sh(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
}

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

func (p *process) established() string {
	p.t.Helper()
	return p.wait(10*time.Second, "established service", func(r report) bool { return r.Established != "" }).Established
}

func (p *process) entry(within time.Duration, what string, fits func(*mdns.Entry) bool) *mdns.Entry {
	p.t.Helper()
	return p.wait(within, what, func(r report) bool { return r.Entry != nil && fits(r.Entry) }).Entry
}

func (p *process) facts() *mdns.Facts {
	p.t.Helper()
	p.tell("facts")
	return p.wait(5*time.Second, "facts", func(r report) bool { return r.Facts != nil }).Facts
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
	eventually(t, 5*time.Second, "a bus", func() bool { _, err := os.Stat(dir + "/bus"); return err == nil })
	background(t, command("unshare", "-m", "sh", "-c",
		"mount -t tmpfs none /run; mkdir -p /run/avahi-daemon; exec avahi-daemon -f "+conf+" --no-drop-root --no-chroot --no-rlimits"))
	eventually(t, 10*time.Second, "avahi", func() bool { return command("avahi-browse", "-at").Run() == nil })
	return command
}

// background runs a command until the test ends.
func background(t *testing.T, cmd *exec.Cmd) *bytes.Buffer {
	t.Helper()
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", strings.Join(cmd.Args, " "), out)
		}
	})
	return out
}

// eventually asks until something is so.
func eventually(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	end := time.Now().Add(within)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Now().After(end) {
			t.Fatalf("no %s within %v", what, within)
		}
		<-tick.C
	}
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
