package mqtt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/board"
)

const (
	answerWithin = time.Second            // devices answer in some hundredths of one
	usualGrace   = 500 * time.Millisecond // by which a device's own timer may be off, with its word of it
	near         = 400 * time.Millisecond // a pulse that has no longer to go is not cut short to see the device's timer
)

// errAway is why a device that went away is not used.
var errAway = fmt.Errorf("%w: the device went away", device.ErrUnavailable)

// visit is what is said to the device while it is there. Orders come one at a time.
type visit struct {
	relay *relay
	push  chan struct{} // it said something: ask
	over  chan struct{} // closed when it went away

	proven bool      // its relay was seen to come back by itself; guarded by relay.mu
	sent   time.Time // when its relay was ordered away from rest; zero: it was not, or was ordered back
	after  uint64    // how often it had spoken by then
}

// Ask implements board.Link: what it said last is so, as long as it is there.
func (v *visit) Ask(context.Context, board.Asked) (board.Status, error) {
	r := v.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	s := board.Status{Relays: map[int]bool{}, At: time.Now()}
	if r.visit != v {
		return s, errAway
	}
	if r.known {
		s.Relays[1] = r.high
	}
	return s, nil
}

// Rest implements board.Link. A relay that the device lets be away for longer than it may is left alone.
func (v *visit) Rest(ctx context.Context, o board.Relay) error {
	r := v.relay
	if back := r.back(); back > o.Cap {
		return board.Unusable(switchName, fmt.Sprintf("set the device's own timer to %v or less, and auto_off to the same", o.Cap),
			"it would let its relay be away from rest for %v (auto_off), and %v is the longest that this output may", back, o.Cap)
	}
	if r.awaited() { // it is there, and its word is on its way
		v.await(time.Now().Add(answerWithin), func() bool { return r.known })
	}
	if r.rests(o.Rest) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return v.order(o.Rest)
}

// Set implements board.Link. Once it is under way it does not matter that ctx ends: the answer may come after the pulse.
func (v *visit) Set(ctx context.Context, o board.Order) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if o.High == o.Rest {
		return v.release(o.Rest)
	}
	if time.Now().After(o.Until) {
		return fmt.Errorf("%w: it is too late", device.ErrUnavailable)
	}
	v.sent, v.after = time.Now(), v.relay.count()
	return v.order(o.High)
}

// release brings the relay back. Where the device's own timer was not seen yet and is about to end, it is waited for;
// one that does not end is the last that is asked of this device.
func (v *visit) release(rest bool) error {
	r, sent := v.relay, v.sent
	v.sent = time.Time{}
	if sent.IsZero() || r.config.State == "" {
		return v.order(rest)
	}
	back := r.back()
	home := func() bool { return r.known && r.high == rest && r.heardOf > v.after }
	grace := r.grace
	end := sent.Add(back + grace)
	trial := r.unseen() && time.Until(sent.Add(back)) <= near
	if trial {
		v.await(end, home)
	}
	r.mu.Lock()
	went, took := home(), r.at.Sub(sent)
	v.proven = v.proven || went && took >= back-r.grace && took <= back+r.grace
	r.mu.Unlock()
	if went {
		return nil // by itself
	}
	over := time.Since(end) // much later: this machine stood still, and the device's word may wait to be read
	err := v.order(rest)
	if trial && over >= 0 && over <= near && v.there() {
		r.fail(time.Now())
	}
	return err
}

// order sends an order, once, and waits until the device says that it is so, where it does. An error says that it was
// not sent, unless it is device.ErrUnsure.
func (v *visit) order(high bool) error {
	r := v.relay
	if !v.there() {
		return errAway
	}
	before := r.count()
	word := map[bool]string{true: r.config.On, false: r.config.Off}[high]
	if err := r.link.mqtt.Publish(context.Background(), r.config.Command, []byte(word)); errors.Is(err, device.ErrUnsure) {
		r.doubt()
		return err
	} else if err != nil {
		return fmt.Errorf("%w: the MQTT broker was not reached", device.ErrUnavailable)
	}
	if r.config.State == "" || v.await(time.Now().Add(answerWithin), func() bool { return r.known && r.high == high && r.heardOf > before }) {
		return nil
	}
	r.doubt()
	return fmt.Errorf("%w: the device does not say that it switched", device.ErrUnsure)
}

// await waits until something is so, and reports whether it is. so is called with relay.mu held.
func (v *visit) await(until time.Time, so func() bool) bool {
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	for {
		v.relay.mu.Lock()
		is, news := so(), v.relay.news
		v.relay.mu.Unlock()
		if is {
			return true
		}
		select {
		case <-news:
		case <-v.over:
			return false
		case <-late.C:
			return false
		}
	}
}

func (v *visit) there() bool {
	v.relay.mu.Lock()
	defer v.relay.mu.Unlock()
	return v.relay.visit == v
}

// Changed implements board.Link.
func (v *visit) Changed() <-chan struct{} { return v.push }

// Gone implements board.Link.
func (v *visit) Gone() <-chan struct{} { return v.over }

// Close implements board.Link.
func (v *visit) Close() {
	r := v.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.visit == v {
		r.drop()
	}
}
