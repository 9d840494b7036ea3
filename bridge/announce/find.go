package announce

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/loquet/loquet/mdns"
)

// ErrNotFound says that nobody on the network answers for a service.
var ErrNotFound = errors.New("nobody on this network answers for it")

// Find looks on the network for where one service is served, by its name and type, until ctx ends.
func (a *Announcer) Find(ctx context.Context, instance, kind string) (netip.AddrPort, error) {
	a.mu.Lock()
	r := a.responder
	a.mu.Unlock()
	if r == nil {
		return netip.AddrPort{}, ErrNotFound
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var at netip.AddrPort
	err := r.Browse(ctx, kind, func(e mdns.Entry) {
		if e.Gone || e.Port == 0 || len(e.Addrs) == 0 || !strings.EqualFold(e.Instance, instance) {
			return
		}
		at = netip.AddrPortFrom(best(e), uint16(e.Port))
		cancel()
	})
	switch {
	case at.IsValid():
		return at, nil
	case err != nil:
		return netip.AddrPort{}, err
	}
	return netip.AddrPort{}, ErrNotFound
}

// best is the address to speak to: one that stays, a link-local one only with its interface.
func best(e mdns.Entry) netip.Addr {
	for _, a := range e.Addrs {
		if !a.IsLinkLocalUnicast() {
			return a
		}
	}
	if a := e.Addrs[0]; a.Is6() && a.Zone() == "" {
		return a.WithZone(e.Interface)
	}
	return e.Addrs[0]
}
