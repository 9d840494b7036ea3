// Package announce tells the network about the servers of a house, for as long as there is a
// network: multicast DNS that fails is opened again, and its owner hears of what phones would only
// show as No Response.
package announce

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/mdns"
)

// hapType is what HomeKit accessories are found by (HAP R2 6.4).
const hapType = "_hap._tcp"

// Times between tries to open multicast DNS, and between looks at how it goes.
const (
	firstWait   = time.Second
	longestWait = time.Minute
	firstLook   = 2 * time.Second
	lookEvery   = 30 * time.Second
)

// Options of an Announcer.
type Options struct {
	Interfaces []string // empty: all sensible ones
	Hostname   string   // one label
	Board      *health.Board
	Log        zerolog.Logger
	Changed    func()         // the interfaces or addresses that are served have changed; must not wait; nil: nobody
	Transport  mdns.Transport // instead of sockets, for tests
}

// Announcer announces servers. Its methods may be called from any goroutine, Set also before Start.
type Announcer struct {
	opts   Options
	cancel context.CancelFunc
	done   chan struct{}

	mu        sync.Mutex
	responder *mdns.Responder // nil while there is none
	servers   map[string]*server
	offers    []*offer        // services beside those
	others    map[string]Copy // what is announced with an identity and is not ours, by interface and name
	soon      chan struct{}   // holds one: look soon, a copy came or went
}

// server is one HomeKit server that is to be announced.
type server struct {
	ad   homekit.Advertisement
	reg  *mdns.Registration // nil while there is no responder
	stop context.CancelFunc // ends the watch over its name
}

// New returns an Announcer that only remembers what Set says.
func New() *Announcer {
	return &Announcer{servers: map[string]*server{}, others: map[string]Copy{}, soon: make(chan struct{}, 1)}
}

// Start announces until Close. It can be called once, and returns at once.
func (a *Announcer) Start(opts Options) {
	ctx, cancel := context.WithCancel(context.Background())
	a.mu.Lock()
	a.opts, a.cancel, a.done = opts, cancel, make(chan struct{})
	a.mu.Unlock()
	go func() {
		defer close(a.done)
		a.run(ctx)
	}()
}

// Close says goodbye for everything, and returns when that is sent or ctx ends.
func (a *Announcer) Close(ctx context.Context) error {
	a.cancel()
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("goodbye on the network: %w", ctx.Err())
	}
}

// run keeps a responder going until ctx ends, and says goodbye then.
func (a *Announcer) run(ctx context.Context) {
	for wait := firstWait; ctx.Err() == nil; wait = min(2*wait, longestWait) {
		begun := time.Now()
		err := a.respond(ctx)
		if ctx.Err() != nil {
			return
		}
		// doors work for controllers that know the address; that nobody finds them is told
		a.opts.Log.Error().Err(err).Dur("wait", wait).Msg("no multicast DNS, phones cannot find this bridge")
		a.opts.Board.Raise(health.NoMulticast, "", err.Error())
		if time.Since(begun) > longestWait {
			wait = firstWait
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (a *Announcer) respond(ctx context.Context) error {
	r, err := mdns.New(mdns.Config{Interfaces: a.opts.Interfaces, Hostname: a.opts.Hostname, Log: a.opts.Log, Changed: a.opts.Changed, Transport: a.opts.Transport})
	if err != nil {
		return err
	}
	a.use(r)
	defer a.use(nil)
	looking, end := context.WithCancel(ctx)
	var looks sync.WaitGroup
	looks.Go(func() { a.look(looking, r) })
	looks.Go(func() { _ = r.Browse(looking, hapType, a.heard) })
	err = r.Run(ctx)
	end()
	looks.Wait()
	return err
}

// use announces everything on a new responder; nil: there is none now.
func (a *Announcer) use(r *mdns.Responder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.responder = r
	clear(a.others)
	for bridge, s := range a.servers {
		s.forget()
		if r != nil {
			a.publish(bridge, s)
		}
	}
	for _, o := range a.offers {
		o.reg = nil
	}
	a.publishOffers()
}

func (s *server) forget() {
	if s.reg != nil {
		s.stop()
		s.reg = nil
	}
}

// Set says what the network should see of a bridge. Port 0 means nothing any more. It never waits.
func (a *Announcer) Set(bridge string, ad homekit.Advertisement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.servers[bridge]
	switch {
	case ad.Port == 0:
		delete(a.servers, bridge)
		if s != nil && s.reg != nil {
			a.withdraw(s)
		}
		if a.opts.Board != nil {
			a.opts.Board.Clear(health.NameConflict, bridge)
			a.opts.Board.Clear(health.CloneSeen, subject(bridge))
		}
	case s == nil:
		s = &server{ad: ad}
		a.servers[bridge] = s
		if a.responder != nil {
			a.publish(bridge, s)
		}
	case s.reg != nil && s.ad.Port == ad.Port && s.ad.Instance == ad.Instance:
		s.ad = ad
		if err := s.reg.Update(ad.TXT); err != nil {
			a.opts.Log.Error().Err(err).Str("bridge", bridge).Msg("announcement not updated")
		}
	default:
		s.ad = ad
		if s.reg != nil {
			a.withdraw(s)
		}
		if a.responder != nil {
			a.publish(bridge, s)
		}
	}
}

// withdraw says goodbye. The responder does what it is asked in order, so nobody needs to wait for it.
func (a *Announcer) withdraw(s *server) {
	reg := s.reg
	s.forget()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = reg.Withdraw(ended) // posted; the end of the context is that we do not wait
}

func (a *Announcer) publish(bridge string, s *server) {
	reg, err := a.responder.Publish(mdns.Service{Instance: s.ad.Instance, Type: hapType, Port: s.ad.Port, TXT: s.ad.TXT})
	if err != nil {
		a.opts.Log.Error().Err(err).Str("bridge", bridge).Msg("not announced")
		a.opts.Board.Raise(health.NoMulticast, bridge, err.Error())
		return
	}
	a.opts.Board.Clear(health.NoMulticast, bridge)
	ctx, stop := context.WithCancel(context.Background())
	s.reg, s.stop = reg, stop
	go a.watchName(ctx, bridge, reg)
}

// watchName tells the owner when another device on the network has the bridge's name.
func (a *Announcer) watchName(ctx context.Context, bridge string, reg *mdns.Registration) {
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-reg.Renamed():
			a.opts.Log.Warn().Str("bridge", bridge).Str("name", name).Msg("name is taken on this network, announced under another")
			a.opts.Board.Raise(health.NameConflict, bridge, "announced as "+name)
		}
	}
}

// look tells the owner of what keeps phones from finding the house, for as long as it is there.
func (a *Announcer) look(ctx context.Context, r *mdns.Responder) {
	timer, next := time.NewTimer(firstLook), time.Now().Add(firstLook)
	defer timer.Stop()
	plan := func(after time.Duration) { next = time.Now().Add(after); timer.Reset(after) }
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.soon:
			if time.Until(next) > firstLook { // whoever comes and goes all the time holds up nothing
				plan(firstLook)
			}
			continue
		case <-timer.C:
		}
		if facts, err := r.Facts(ctx); err == nil {
			a.judge(facts)
			a.tellCopies()
		}
		plan(lookEvery)
	}
}

func (a *Announcer) judge(f mdns.Facts) {
	if len(f.Interfaces) > 0 || a.onLoopback() {
		a.opts.Board.Clear(health.NoMulticast, "")
	} else {
		a.opts.Board.Raise(health.NoMulticast, "", why(f.Skipped))
	}
	if f.Neighbour.IsZero() || time.Since(f.Neighbour) > time.Hour {
		a.opts.Board.Clear(health.SecondResponder, "")
	} else {
		a.opts.Board.Raise(health.SecondResponder, "", "")
	}
}

// onLoopback: the owner asked for interfaces of this machine alone, and knows that nobody else looks.
func (a *Announcer) onLoopback() bool {
	return len(a.opts.Interfaces) > 0 && !slices.ContainsFunc(a.opts.Interfaces, func(name string) bool {
		i, err := net.InterfaceByName(name)
		return err != nil || i.Flags&net.FlagLoopback == 0
	})
}

func why(skipped []mdns.Skipped) string {
	var words []string
	for _, s := range skipped {
		words = append(words, s.Name+": "+s.Why)
	}
	return strings.Join(words, "; ")
}
