package commission

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/loquet/loquet/matter"
)

// portTries is how far above a busy port a free one is looked for.
const portTries = 100

// portKey is the record of the port that was asked for and the one in use.
const portKey = "bridge/port"

// listen opens the port in use before, the one asked for, or the next free one, and keeps which: controllers find the port by
// the announcement, but a steady one survives stale caches.
func (n *Node) listen(ctx context.Context) (net.PacketConn, error) {
	host, text, err := net.SplitHostPort(n.opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("matter: address %q: %w", n.opts.Addr, err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("matter: port %q: %w", text, err)
	}
	asked := uint16(number)
	var tries []uint16
	keptAsked, keptUsed := n.port()
	if keptAsked == asked && keptUsed != 0 {
		tries = append(tries, keptUsed)
	}
	if asked == 0 {
		tries = append(tries, 0)
	}
	for i := range uint16(portTries) {
		if asked > 0 && asked+i >= asked { // not beyond 65535
			tries = append(tries, asked+i)
		}
	}
	var lc net.ListenConfig
	var last error
	for _, port := range tries {
		conn, err := lc.ListenPacket(ctx, "udp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if errors.Is(err, syscall.EADDRINUSE) {
			last = err
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("matter: %w", err)
		}
		used := uint16(conn.LocalAddr().(*net.UDPAddr).Port)
		n.keepPort(asked, used, asked == keptAsked && used == keptUsed)
		return conn, nil
	}
	return nil, fmt.Errorf("matter: no free port from %d on: %w", asked, last)
}

// port is the record: zeros if there is none, or none that can be read.
func (n *Node) port() (asked, used uint16) {
	b, ok, err := n.storage.Get(portKey)
	if err != nil || !ok || len(b) != 4 {
		return 0, 0
	}
	return binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
}

func (n *Node) keepPort(asked, used uint16, same bool) {
	if asked != 0 && used != asked {
		n.opts.Log.Warn().Uint16("asked", asked).Uint16("port", used).Msg("the Matter port is busy: listening on another one, and keeping it")
	}
	if same {
		return
	}
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, asked), used)
	if err := n.storage.Apply(map[string][]byte{portKey: b}); err != nil {
		n.opts.Log.Error().Err(err).Msg("the Matter port could not be kept")
	}
}

// lasting has a socket that dies opened again at its port, and the owner told meanwhile.
func (n *Node) lasting(conn net.PacketConn) net.PacketConn {
	at := conn.LocalAddr().String()
	return matter.NewLasting(conn, func(ctx context.Context) (net.PacketConn, error) {
		return new(net.ListenConfig).ListenPacket(ctx, "udp", at)
	}, func(err error) {
		if err == nil {
			n.opts.Log.Info().Str("addr", at).Msg("the Matter socket is open again")
		} else {
			n.opts.Log.Error().Err(err).Str("addr", at).Msg("the Matter socket is down, opening it again")
		}
		n.mu.Lock()
		n.deaf = err
		n.mu.Unlock()
		n.opts.Changed()
	})
}

// controllers is the type of the services of those who are looked for (Matter 1.4 section 4.3.2).
const controllers = "_matter._tcp"

// findTime bounds the look for one of them: it is dialled where it was last heard after that.
const findTime = 3 * time.Second

// resolver finds controllers on the network; nil if nobody looks.
func (n *Node) resolver() func(ctx context.Context, instance string) (net.Addr, error) {
	if n.opts.Find == nil {
		return nil
	}
	return func(ctx context.Context, instance string) (net.Addr, error) {
		ctx, cancel := context.WithTimeout(ctx, findTime)
		defer cancel()
		at, err := n.opts.Find(ctx, instance, controllers)
		if err != nil {
			return nil, err
		}
		return net.UDPAddrFromAddrPort(at), nil
	}
}
