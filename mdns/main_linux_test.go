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
		err = askAround()
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
const floodRate = 12_000

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

// askAround asks for the service "Villa" by multicast and as an ordinary resolver does, each until it is
// answered, and again after a second as clients do, and prints how long that took.
func askAround() error {
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
	b, err := (&dns.Msg{Question: []dns.Question{question(hap, dns.TypePTR)}}).Pack()
	if err != nil {
		return err
	}
	for _, conn := range []*net.UDPConn{one, many} {
		began := time.Now()
		for try := 1; ; try++ {
			if _, err := conn.WriteTo(b, group); err != nil {
				return err
			}
			if err := conn.SetReadDeadline(began.Add(time.Duration(try) * 1100 * time.Millisecond)); err != nil {
				return err
			}
			err := answered(conn)
			if err == nil {
				break
			}
			if time.Since(began) > patience {
				return err
			}
		}
		fmt.Println(time.Since(began))
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
