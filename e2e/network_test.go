package e2e

import (
	"net"
	"strings"
	"testing"
	"time"
)

var lab *Lab

func TestMain(m *testing.M) {
	lab = Open()
	defer lab.Close()
	m.Run()
}

// TestHostsAreJoinedByACableOnly holds the harness to what its users rely on: two hosts hear each other's
// multicast, nobody else is there, and a cable that is pulled out is out.
func TestHostsAreJoinedByACableOnly(t *testing.T) {
	home, phone := lab.Pair(t)
	group := &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
	var heard, said *net.UDPConn
	home.Do(t, func() error {
		device, err := net.InterfaceByName(home.Device)
		if err != nil {
			return err
		}
		heard, err = net.ListenMulticastUDP("udp4", device, group)
		return err
	})
	defer heard.Close()
	phone.Do(t, func() (err error) {
		said, err = net.DialUDP("udp4", nil, group)
		return err
	})
	defer said.Close()
	hear := func(limit time.Duration) (from string, err error) {
		buffer := make([]byte, 100)
		for end := time.Now().Add(limit); ; {
			if err := heard.SetReadDeadline(end); err != nil {
				return "", err
			}
			n, addr, err := heard.ReadFromUDP(buffer)
			if err != nil || string(buffer[:n]) == "hello" {
				return addr.String(), err
			}
		}
	}
	say := func() { _, _ = said.Write([]byte("hello")) }

	say()
	if from, err := hear(2 * time.Second); err != nil || !strings.HasPrefix(from, phone.Addr.String()+":") {
		t.Fatalf("heard %q, %v, want a hello from %v", from, err, phone.Addr)
	}
	home.Down(t)
	say()
	if from, err := hear(200 * time.Millisecond); err == nil {
		t.Errorf("heard %q without a cable", from)
	}
	home.Up(t)
	say()
	if _, err := hear(2 * time.Second); err != nil {
		t.Errorf("nothing was heard after the cable came back: %v", err)
	}
	home.Do(t, func() error {
		devices, err := net.Interfaces()
		if len(devices) != 2 { // lo and the cable
			t.Errorf("the host has the interfaces %+v", devices)
		}
		return err
	})
}
