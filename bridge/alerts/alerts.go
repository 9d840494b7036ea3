// Package alerts tells the owner what the house is about: a door that was left open, a door that is open
// at night, a keypad that is guessed at, a lock that is stuck, a device that is gone, a battery that is
// low. It watches states and problems, decides by the owner's rules and delivers by ntfy, webhook, e-mail
// and MQTT. Nothing is sent until the owner says what and where; nothing here can move a door.
package alerts

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
)

// Options are what alerts need of the house.
type Options struct {
	Board *health.Board
	Clock access.Clock
	Zone  func() *time.Location
	MQTT  func() (hw.MQTT, error)
	Log   zerolog.Logger
}

// Alerts watch and tell. The zero value cannot be used; New makes one.
type Alerts struct {
	o Options

	mu     sync.Mutex
	seen   map[string]api.Device // the newest state of each device, for rules that come later
	fresh  map[string]bool       // those that the watcher has not looked at
	config *config.Alerts        // nil: nothing is wanted
	next   bool                  // config is new
	nudge  chan struct{}

	stop context.CancelFunc
	done chan struct{}
}

// New returns alerts that are told nothing yet and tell nothing.
func New(o Options) *Alerts {
	return &Alerts{o: o, seen: map[string]api.Device{}, fresh: map[string]bool{}, nudge: make(chan struct{}, 1)}
}

// Seen takes a new state of a device. It never waits, and wakes nobody in a house without alerts.
func (a *Alerts) Seen(d api.Device) {
	a.mu.Lock()
	a.seen[d.ID] = d
	a.fresh[d.ID] = true
	wanted := a.config != nil
	a.mu.Unlock()
	if wanted {
		a.wake()
	}
}

// Apply takes new rules and receivers, and the devices that there are from now on. What waited for a
// receiver that stays is kept only if nothing about alerts changed.
func (a *Alerts) Apply(c *config.Alerts, devices []string) {
	stay := map[string]bool{}
	for _, id := range devices {
		stay[id] = true
	}
	a.mu.Lock()
	for id := range a.seen {
		if !stay[id] {
			delete(a.seen, id)
			delete(a.fresh, id)
		}
	}
	if !reflect.DeepEqual(a.config, c) {
		a.config, a.next = c, true
		for id := range a.seen {
			a.fresh[id] = true
		}
	}
	a.mu.Unlock()
	a.wake()
}

func (a *Alerts) wake() {
	select {
	case a.nudge <- struct{}{}:
	default:
	}
}

// Start begins to watch.
func (a *Alerts) Start() {
	ctx, stop := context.WithCancel(context.Background())
	a.stop, a.done = stop, make(chan struct{})
	go func() {
		defer close(a.done)
		a.run(ctx)
	}()
}

// Stop ends it. What was not delivered is not kept: what is still so is found again at the next start.
func (a *Alerts) Stop(ctx context.Context) error {
	if a.stop == nil {
		return nil
	}
	a.stop()
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *Alerts) run(ctx context.Context) {
	problems := a.o.Board.Subscribe(ctx)
	var last []health.Problem
	w := newWatcher(rules{})
	var couriers []*courier
	end := func() {}
	defer func() { end() }()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case p, ok := <-problems:
			if !ok {
				return
			}
			last = p
		case <-a.nudge:
		case <-timer.C:
		}
		states, stay, c, changed := a.take()
		if changed {
			end()
			w = newWatcher(rulesOf(orNone(c)))
			couriers, end = a.couriers(ctx, c)
		}
		now, moment := time.Now(), a.o.Clock.Moment()
		for _, d := range states {
			w.seen(d, now)
		}
		w.forget(stay)
		w.problems = last
		due, again := w.due(now, moment.Now.In(a.o.Zone()), moment.Trust != access.TrustFloor)
		for _, alert := range due {
			for _, to := range couriers {
				to.take(alert)
			}
		}
		timer.Reset(time.Until(again))
	}
}

func orNone(c *config.Alerts) *config.Alerts {
	if c == nil {
		return &config.Alerts{}
	}
	return c
}

// take returns what is new, and every device that there is.
func (a *Alerts) take() (states []api.Device, stay []string, c *config.Alerts, changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.fresh {
		states = append(states, a.seen[id])
	}
	clear(a.fresh)
	for id := range a.seen {
		stay = append(stay, id)
	}
	c, changed, a.next = a.config, a.next, false
	return states, stay, c, changed
}

// couriers opens the receivers of a configuration; end stops them.
func (a *Alerts) couriers(ctx context.Context, c *config.Alerts) (all []*courier, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	for name, s := range a.senders(c) {
		to := newCourier(name, s, a.o.Board, a.o.Log)
		all = append(all, to)
		group.Go(func() { to.run(ctx) })
	}
	return all, func() {
		cancel()
		group.Wait()
		for _, to := range all {
			a.o.Board.Clear(health.AlertUndelivered, to.name)
		}
	}
}

// defaultTopic is where alerts go when the owner names no topic.
const defaultTopic = "loquet/alerts"

func (a *Alerts) senders(c *config.Alerts) map[string]sender {
	out := map[string]sender{}
	if c == nil {
		return out
	}
	if c.Ntfy != nil {
		out["ntfy"] = &ntfy{c: *c.Ntfy, client: newClient()}
	}
	if c.Webhook != nil {
		out["webhook"] = &webhook{c: *c.Webhook, client: newClient()}
	}
	if c.Email != nil {
		out["email"] = &postbox{c: *c.Email}
	}
	if c.MQTT != nil {
		name := c.MQTT.Topic
		if name == "" {
			name = defaultTopic
		}
		out["mqtt"] = &topic{name: name, mqtt: func() (publisher, error) { return a.o.MQTT() }}
	}
	return out
}
