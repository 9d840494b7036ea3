package homekit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// portTries is how far above a busy port a free one is looked for.
const portTries = 100

// Addr is where the server listens, nil before Start.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// listen opens the port in use before, the one asked for, or the next free one, and keeps which: controllers find the
// port by the announcement, but a steady one survives stale caches.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	host, text, err := net.SplitHostPort(s.addr)
	if err != nil {
		return nil, fmt.Errorf("homekit: address %q: %w", s.addr, err)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("homekit: port %q: %w", text, err)
	}
	asked, kept := uint16(n), s.vault.portInfo()
	var tries []uint16
	if kept.asked == asked && kept.used != 0 {
		tries = append(tries, kept.used)
	}
	if asked == 0 {
		tries = append(tries, 0)
	}
	for i := range uint16(portTries) {
		if asked > 0 && asked+i >= asked { // not beyond 65535
			tries = append(tries, asked+i)
		}
	}
	// No keepalive: HAP forbids it from the accessory, as it wakes phones.
	lc := net.ListenConfig{KeepAlive: -1}
	var last error
	for _, port := range tries {
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if errors.Is(err, syscall.EADDRINUSE) {
			last = err
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("homekit: %w", err)
		}
		s.keepPort(portInfo{asked: asked, used: uint16(l.Addr().(*net.TCPAddr).Port)}, kept)
		return l, nil
	}
	return nil, fmt.Errorf("homekit: no free port from %d on: %w", asked, last)
}

func (s *Server) keepPort(p, kept portInfo) {
	if p.asked != 0 && p.used != p.asked {
		s.log.Warn().Uint16("asked", p.asked).Uint16("port", p.used).Msg("the port is busy: listening on another one, and keeping it")
	}
	if p == kept {
		return
	}
	if err := s.vault.setPort(p); err != nil {
		s.log.Error().Err(err).Msg("the port could not be kept")
	}
}

func (v *vault) portInfo() portInfo {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.port
}
