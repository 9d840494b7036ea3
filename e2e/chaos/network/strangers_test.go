package network

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/homekit/haptest"
)

// strangers are hosts of the same network that mean harm. All of them are addresses of one interface.
type strangers struct {
	t      *testing.T
	h      *home
	addrs  []net.IP
	paired atomic.Int64 // pairings that one of them came to: there may be none
	deeds  atomic.Int64
	work   sync.WaitGroup
}

const hosts = 16

func invade(t *testing.T, h *home) *strangers {
	t.Helper()
	s := &strangers{t: t, h: h}
	for i := range hosts {
		addr := net.IPv4(192, 0, 2, byte(100+i))
		e2e.Run(t, e2e.Command{Name: "ip", Args: []string{"-n", h.outside.Name, "address", "add", addr.String() + "/24", "dev", h.outside.Device}}, patience)
		s.addrs = append(s.addrs, addr)
	}
	return s
}

// deed is one way to do harm, done again and again. A rate is the rest between two.
type deed struct {
	name string
	rest time.Duration
	do   func(s *strangers, ctx context.Context, from net.IP, addr string)
	many int // how many do it at the same time
}

// deeds are the ways, with the rests of a storm; a soak takes longer rests.
func deeds() []deed {
	return []deed{
		{"mdns flood", time.Millisecond, (*strangers).shout, 2},
		{"syn flood", time.Millisecond, (*strangers).knock, 1},
		{"connection flood", 2 * time.Millisecond, (*strangers).come, 4},
		{"slow loris", 20 * time.Millisecond, (*strangers).dawdle, 24},
		{"pairing storm", 10 * time.Millisecond, (*strangers).guess, 6},
		{"verify storm", 10 * time.Millisecond, (*strangers).pretend, 4},
		{"garbage", 5 * time.Millisecond, (*strangers).babble, 4},
		{"oversized bodies", 10 * time.Millisecond, (*strangers).pour, 4},
	}
}

// storm does everything at once until ctx ends; slower is by how much the rests are longer.
func (s *strangers) storm(ctx context.Context, slower int) {
	addr := s.h.addr(s.t)
	for _, d := range deeds() {
		for k := range d.many {
			s.work.Go(func() {
				s.h.outside.Do(s.t, func() error { // the thread stays outside
					for i := k; ctx.Err() == nil; i++ {
						d.do(s, ctx, s.addrs[i%hosts], addr)
						s.deeds.Add(1)
						pause(ctx, d.rest*time.Duration(slower))
					}
					return nil
				})
			})
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// visit connects as a stranger; nil if nobody answers.
func visit(from net.IP, addr string) net.Conn {
	d := dialer(from)
	d.Timeout = 2 * time.Second
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil
	}
	return conn
}

// shout sends a packet to everybody's mDNS: a question, nonsense, or a claim to be somebody.
func (s *strangers) shout(_ context.Context, from net.IP, _ string) {
	conn, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: from}}).Dial("udp4", "224.0.0.251:5353")
	if err != nil {
		return
	}
	defer conn.Close()
	for range 8 {
		_, _ = conn.Write(packet())
	}
}

// packet makes an mDNS packet that asks, that is cut, or that is noise.
func packet() []byte {
	noise := make([]byte, 12+mrand.IntN(1200))
	_, _ = rand.Read(noise)
	kind := mrand.IntN(4)
	if kind == 0 {
		return noise
	}
	head := make([]byte, 12)
	binary.BigEndian.PutUint16(head[4:], uint16(1+mrand.IntN(40)))
	name := []byte("\x04_hap\x04_tcp\x05local\x00")
	if kind == 1 {
		name = fmt.Appendf(nil, "\x08%08x\x05local\x00", mrand.Uint32())
	}
	question := append(name, 0, []byte{12, 255, 33, 16, 1}[mrand.IntN(5)], byte(mrand.IntN(2)<<7), 1)
	b := append(head, bytes.Repeat(question, int(binary.BigEndian.Uint16(head[4:])))...)
	if kind == 3 {
		b = b[:mrand.IntN(len(b))]
	}
	return b
}

// knock sends the beginnings of connections that never were, from addresses that nobody has.
func (s *strangers) knock(ctx context.Context, _ net.IP, addr string) {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	target := &unix.SockaddrInet4{Addr: [4]byte(to.IP.To4())}
	for range 8 {
		_ = unix.Sendto(fd, syn(to), 0, target)
	}
}

// syn is a TCP segment with SYN in an IPv4 packet.
func syn(to *net.TCPAddr) []byte {
	b := make([]byte, 40)
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:], []byte{192, 0, 2, byte(120 + mrand.IntN(100))})
	copy(b[16:], to.IP.To4())
	binary.BigEndian.PutUint16(b[20:], uint16(1024+mrand.IntN(60000)))
	binary.BigEndian.PutUint16(b[22:], uint16(to.Port))
	binary.BigEndian.PutUint32(b[24:], mrand.Uint32())
	b[32], b[33] = 5<<4, 2
	binary.BigEndian.PutUint16(b[34:], 64240)
	pseudo := append(bytes.Clone(b[12:20]), 0, unix.IPPROTO_TCP, 0, 20)
	binary.BigEndian.PutUint16(b[36:], checksum(append(pseudo, b[20:]...)))
	return b
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// come connects and goes, politely or not.
func (s *strangers) come(_ context.Context, from net.IP, addr string) {
	conn := visit(from, addr)
	if conn == nil {
		return
	}
	if mrand.IntN(2) == 0 {
		_ = conn.(*net.TCPConn).SetLinger(0)
	}
	_ = conn.Close()
}

// dawdle sends a head of a request, byte after byte.
func (s *strangers) dawdle(ctx context.Context, from net.IP, addr string) {
	conn := visit(from, addr)
	if conn == nil {
		return
	}
	defer conn.Close()
	for _, c := range []byte("POST /pair-setup HTTP/1.1\r\nHost: a\r\nContent-Type: application/pairing+tlv8\r\nContent-Length: 9\r\n\r\n") {
		if _, err := conn.Write([]byte{c}); err != nil || ctx.Err() != nil {
			return
		}
		pause(ctx, 500*time.Millisecond)
	}
}

// guess tries to pair with a code that it does not know.
func (s *strangers) guess(_ context.Context, from net.IP, addr string) {
	conn := visit(from, addr)
	if conn == nil {
		return
	}
	defer conn.Close()
	c := haptest.New(conn, nil)
	c.Timeout = 2 * time.Second
	if _, err := c.PairSetup(fmt.Sprintf("%03d-%02d-%03d", mrand.IntN(1000), mrand.IntN(100), mrand.IntN(1000))); err == nil {
		s.paired.Add(1)
	}
}

// pretend proves to be somebody whom nobody has paired.
func (s *strangers) pretend(_ context.Context, from net.IP, addr string) {
	conn := visit(from, addr)
	if conn == nil {
		return
	}
	defer conn.Close()
	c := haptest.New(conn, nil)
	c.Timeout = 2 * time.Second
	if c.PairVerify(s.h.first.Bridge) == nil {
		s.paired.Add(1)
	}
}

// babble sends what is no request, or the frames of a session that it does not have.
func (s *strangers) babble(_ context.Context, from net.IP, addr string) {
	conn := visit(from, addr)
	if conn == nil {
		return
	}
	defer conn.Close()
	b := make([]byte, 2+mrand.IntN(4000))
	_, _ = rand.Read(b)
	if mrand.IntN(2) == 0 {
		binary.LittleEndian.PutUint16(b, 1024)
	}
	_, _ = conn.Write(b)
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = conn.Read(b)
}

// pour sends a body that has no end.
func (s *strangers) pour(ctx context.Context, from net.IP, addr string) {
	conn := visit(from, addr)
	if conn == nil {
		return
	}
	defer conn.Close()
	path := []string{"/pair-setup", "/pair-verify", "/characteristics", "/pairings", "/accessories"}[mrand.IntN(5)]
	length := "Content-Length: 67108864"
	if mrand.IntN(2) == 0 {
		length = "Transfer-Encoding: chunked"
	}
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", path, length)
	_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	chunk := append([]byte("4000\r\n"), bytes.Repeat([]byte("x"), 0x4000)...)
	for sent := 0; err == nil && sent < 4<<20 && ctx.Err() == nil; sent += len(chunk) {
		_, err = conn.Write(append(chunk, "\r\n"...))
	}
}
