package bridge

import (
	"context"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/loquet/loquet/health"
	hap "github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/internal/ready"
	"github.com/loquet/loquet/mdns"
)

// hapType is what HomeKit accessories are found by (HAP R2 6.4).
const hapType = "_hap._tcp"

// announcements are what the network is told of the bridges.
type announcements struct {
	mu       sync.Mutex
	byBridge map[string]*mdns.Registration
}

// advertise tells the network about a bridge, or about a change of it. It is called by the servers and
// never waits for the network.
func (a *App) advertise(bridge string, ad hap.Advertisement) {
	if a.mdns == nil {
		return
	}
	a.announced.mu.Lock()
	defer a.announced.mu.Unlock()
	if g := a.announced.byBridge[bridge]; g != nil {
		if ad.Port == 0 { // the bridge has stopped
			delete(a.announced.byBridge, bridge)
			go func() { _ = g.Withdraw(a.run_) }()
			return
		}
		if err := g.Update(ad.TXT); err != nil {
			a.log.Error().Err(err).Str("bridge", bridge).Msg("announcement not updated")
		}
		return
	}
	if ad.Port == 0 {
		return
	}
	g, err := a.mdns.Publish(mdns.Service{Instance: ad.Instance, Type: hapType, Port: ad.Port, TXT: ad.TXT})
	if err != nil {
		a.log.Error().Err(err).Str("bridge", bridge).Msg("not announced")
		a.board.Raise(health.NoMulticast, bridge, err.Error())
		return
	}
	a.announced.byBridge[bridge] = g
	go a.watchName(bridge, g)
}

// watchName tells the owner when another device on the network has the bridge's name.
func (a *App) watchName(bridge string, g *mdns.Registration) {
	for {
		select {
		case <-a.run_.Done():
			return
		case name, ok := <-g.Renamed():
			if !ok {
				return
			}
			a.log.Warn().Str("bridge", bridge).Str("name", name).Msg("name is taken on this network, announced under another")
			a.board.Raise(health.NameConflict, bridge, name)
		}
	}
}

// pairingsChanged keeps the ready file true. It is called by the servers and must not wait.
func (a *App) pairingsChanged() {
	if a.isStarted() {
		go a.refreshReady()
	}
}

func (a *App) openReady(_ context.Context) error {
	if err := a.writeReadyNow(); err != nil {
		return err
	}
	if path := a.opts.ReadyFile; path != "" {
		a.onStop("ready file", func(context.Context) error { return ready.Remove(path) })
	}
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		a.log.Warn().Err(err).Msg("systemd was not told")
	}
	a.onStop("systemd", func(context.Context) error {
		_, err := daemon.SdNotify(false, daemon.SdNotifyStopping)
		return err
	})
	go a.feedWatchdog(a.run_)
	return nil
}

func (a *App) refreshReady() {
	if err := a.writeReadyNow(); err != nil {
		a.log.Error().Err(err).Msg("ready file not written")
	}
}

func (a *App) writeReadyNow() error {
	if a.opts.ReadyFile == "" {
		return nil
	}
	a.ready.Lock()
	defer a.ready.Unlock()
	return ready.Write(a.opts.ReadyFile, a.readyNow())
}

// probeLimit bounds a look at one part of the program.
const probeLimit = 2 * time.Second
