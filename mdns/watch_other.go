//go:build !linux

package mdns

import (
	"net"
	"net/netip"
	"reflect"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// pollEvery is how often the interfaces are compared where the system does not tell.
const pollEvery = 5 * time.Second

// watcher compares the interfaces every few seconds.
type watcher struct {
	changes chan struct{}
	stop    chan struct{}
	once    sync.Once
	done    chan struct{}
}

func watch(zerolog.Logger) (*watcher, error) {
	w := &watcher{changes: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w, nil
}

func (w *watcher) run() {
	defer close(w.done)
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	before, _ := interfaces()
	for {
		select {
		case <-w.stop:
			return
		case <-ticker.C:
		}
		current, err := interfaces()
		if err != nil || reflect.DeepEqual(before, current) {
			continue
		}
		before = current
		select {
		case w.changes <- struct{}{}:
		default:
		}
	}
}

func (w *watcher) close() {
	w.once.Do(func() { close(w.stop) })
	<-w.done
}

func interfaces() ([]Interface, error) {
	found, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []Interface
	for _, i := range found {
		one := Interface{
			Index:     i.Index,
			Name:      i.Name,
			Up:        i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0,
			Multicast: i.Flags&net.FlagMulticast != 0,
			Loopback:  i.Flags&net.FlagLoopback != 0,
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went in between
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && !p.Addr().IsMulticast() && !p.Addr().IsUnspecified() && len(one.Addrs) < maxAddresses {
				one.Addrs = append(one.Addrs, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()))
			}
		}
		all = append(all, one)
	}
	return all, nil
}
