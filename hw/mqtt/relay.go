package mqtt

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board"
)

const (
	switchName = "the MQTT switch" // in sentences
	relayLine  = "relay-"
)

// Switch is a board with one relay, relay-1, that goes back by itself. It may go and come back.
type Switch struct {
	*board.Board
	relay *relay
}

// OpenSwitch listens until env is closed.
func OpenSwitch(ctx context.Context, env *hw.Env, c SwitchConfig) (*Switch, error) {
	r := &relay{config: c.whole(), env: env, grace: usualGrace, come: make(chan struct{}, 1), news: make(chan struct{})}
	if err := r.recall(); err != nil {
		return nil, err
	}
	fields := map[string]string{}
	if c.State != "" {
		fields[c.State] = c.Field
	}
	r.link = link{source: c.Source, fields: fields, orders: c.Command, each: r.event, heard: r.heard, lost: r.lost, met: func(context.Context) { r.met() }}
	if err := r.link.start(ctx, env, c.Command); err != nil {
		return nil, err
	}
	p := board.Plan{
		Name: switchName, Reach: "see that it has power, is in the network and knows this MQTT broker, and that its topics are right",
		Relays: board.Lines{Prefix: relayLine, First: 1, Count: 1, Missing: "see what it says on its state topic: it must be the word of state_on or of state_off"},
		Falls:  true, Retry: 250 * time.Millisecond, LastRetry: 30 * time.Second,
		Connect: func(context.Context, bool) (board.Link, error) { return r.begin() }, Come: r.come,
	}
	if c.State != "" {
		p.Poll = time.Second
	}
	return &Switch{Board: board.New(env.Log, p), relay: r}, nil
}

// Output implements hw.Board. The first pulse after the device came is left to the device's own timer.
func (s *Switch) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	out, err := s.Board.Output(ctx, line, o)
	if err != nil {
		return nil, err
	}
	return &pulsed{Output: out, relay: s.relay, o: o}, nil
}

// pulsed is the relay, with pulses that are the device's own affair where its timer is yet to be seen.
type pulsed struct {
	hw.Output
	relay *relay
	o     hw.OutputOptions
}

// Why implements hw.Reasoned.
func (p *pulsed) Why() error { return hw.Why(p.Output) }

// Set implements hw.Output.
func (p *pulsed) Set(ctx context.Context, active bool, max time.Duration) error {
	if active == p.o.Rest {
		return p.Output.Set(ctx, active, max)
	}
	if max <= 0 || max > p.o.Cap {
		max = p.o.Cap
	}
	back := p.relay.back()
	if max > back {
		return board.Unusable(switchName, fmt.Sprintf("set the device's own timer to %v and auto_off to the same; nothing was energised", max),
			"its relay is to be held for %v, and the device lets go after %v (auto_off)", max, back)
	}
	if p.relay.unseen() {
		max = back
	}
	return p.Output.Set(ctx, active, max)
}

// relay is what the device says of itself, and what stands in the way of using it.
type relay struct {
	config SwitchConfig
	env    *hw.Env
	grace  time.Duration
	link   link
	come   chan struct{} // it is worth asking who is there

	mu      sync.Mutex
	there   bool // the device is
	known   bool // it said where its relay is
	doubted bool // an order came since of which nobody knows what came of it
	high    bool // that
	at      time.Time
	heardOf uint64        // counts what it said
	news    chan struct{} // closed when it says something
	planted bool          // the broker keeps an order
	failed  string        // when the relay did not come back by itself; empty: it never failed to
	visit   *visit        // what is said to it; nil while nothing is
}

// back is after how long the device itself brings its relay to rest.
func (r *relay) back() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.AutoOff
}

// unseen says that the relay was not seen to come back by itself since the device came, and can be.
func (r *relay) unseen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.State != "" && (r.visit == nil || !r.visit.proven)
}

// rests says whether the device says that its relay is at a level.
func (r *relay) rests(high bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known && r.high == high
}

// count is how often the device spoke.
func (r *relay) count() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heardOf
}

// awaited says that the device has yet to say where its relay is, as each does that just came.
func (r *relay) awaited() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.State != "" && !r.known && !r.doubted
}

// doubt says that what the device said last may not be so any more.
func (r *relay) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known, r.doubted = false, true
}

// event is every message, before it is read: an order that the broker keeps would be carried out whenever the device
// connects.
func (r *relay) event(e hw.MQTTEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.Topic == "":
		r.planted = false
	case e.Topic != r.config.Command:
	case e.Retained && len(e.Payload) > 0:
		r.planted = true
		r.drop()
	case !e.Retained && len(e.Payload) == 0 && r.planted:
		r.planted = false
		r.look()
	}
}

// heard is what the device says of its relay.
func (r *relay) heard(_, value string, _ time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there, r.at = true, time.Now()
	r.known, r.high = value == r.config.StateOn || value == r.config.StateOff, value == r.config.StateOn
	r.doubted = false
	r.heardOf++
	close(r.news)
	r.news = make(chan struct{})
	if v := r.visit; v != nil {
		select {
		case v.push <- struct{}{}:
		default:
		}
	}
	r.look()
}

// met is the device saying that it is there.
func (r *relay) met() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there = true
	r.look()
}

// lost is the device gone, or the broker.
func (r *relay) lost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there, r.known, r.doubted = false, false, false
	r.drop()
}

// drop ends what is said to the device. The caller holds mu.
func (r *relay) drop() {
	if r.visit != nil {
		close(r.visit.over)
		r.visit = nil
	}
}

// look has the frame ask who is there. The caller holds mu.
func (r *relay) look() {
	if r.visit != nil {
		return
	}
	select {
	case r.come <- struct{}{}:
	default:
	}
}

// begin says who may be told something now, or why nobody.
func (r *relay) begin() (board.Link, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.failed != "" && r.failed != r.config.Confirmed:
		return nil, board.Unusable(switchName, r.remedy(), "its relay did not come back by itself within %v (auto_off)", r.config.AutoOff)
	case r.planted:
		return nil, board.Unusable(switchName, "take it away: publish an empty message that is kept (retained) to that topic, and see who keeps orders there",
			"the broker keeps an order for it at %s, which would be carried out at each reconnection", board.Clip(r.config.Command))
	case !r.there:
		return nil, fmt.Errorf("%w: it was not heard", device.ErrUnavailable)
	}
	r.drop()
	r.visit = &visit{relay: r, push: make(chan struct{}, 1), over: make(chan struct{})}
	return r.visit, nil
}
