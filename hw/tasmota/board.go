package tasmota

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Prefixes of lines. They are counted as the device does, from 1.
const (
	relayLine  = "relay-"
	switchLine = "switch-"
)

const (
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 2 * time.Second
)

// Board is one device with Tasmota. It may go and come back.
type Board struct {
	c      Config
	mqtt   hw.MQTT
	log    zerolog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
	turn   chan struct{} // one order at a time, and nothing is lent while relays are brought to rest
	wake   chan struct{} // a switch was lent, or the device came: look now

	mu     sync.Mutex
	broker bool            // there is one
	away   bool            // it says that the device is not there
	kept   map[string]bool // orders that it keeps
	asked  *tally          // what was asked over this connection
	talk   *link           // what hears the device; nil while nothing is asked
	up     *link           // nil while the device does not answer, or must not be used
	why    error           // why it is not up
	outs   map[int]*output
	ins    map[*input]struct{}
	closed bool
}

var _ hw.Board = (*Board)(nil)

var errNotYet = fmt.Errorf("%w: it was not heard yet", device.ErrUnavailable)

func newBoard(log zerolog.Logger, c Config, m hw.MQTT) *Board {
	b := &Board{
		c: c, mqtt: m, log: log, turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), why: errNotYet,
		kept: map[string]bool{}, asked: newTally(), outs: map[int]*output{}, ins: map[*input]struct{}{},
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	events := m.Listen(b.ctx, c.at("stat", "+"), c.at("tele", "+"), c.at("cmnd", "+"))
	b.all.Go(func() { b.listen(events) })
	b.all.Go(b.run)
	return b
}

// Close brings every relay that is lent to rest and lets go of the device.
func (b *Board) Close() error {
	b.mu.Lock()
	b.closed = true
	outs, ins := maps.Clone(b.outs), maps.Clone(b.ins)
	b.mu.Unlock()
	var errs []error
	for _, o := range outs {
		errs = append(errs, o.Close())
	}
	for in := range ins {
		errs = append(errs, in.Close())
	}
	b.cancel()
	b.all.Wait()
	return errors.Join(errs...)
}

// number reads the number behind the prefix of a line.
func number(line, prefix string, count int) (int, error) {
	digits, ok := strings.CutPrefix(line, prefix)
	n, err := strconv.Atoi(digits)
	switch {
	case ok && err == nil && strconv.Itoa(n) == digits && n >= 1 && n <= count:
		return n, nil
	case count == 0:
		return 0, fmt.Errorf("%w: the configuration of this device gives it none", hw.ErrNoLine)
	}
	return 0, fmt.Errorf("%w: this device has %s1 to %s%d", hw.ErrNoLine, prefix, prefix, count)
}

// listen hears what the broker delivers, until there is no more.
func (b *Board) listen(events <-chan hw.MQTTEvent) {
	for e := range events {
		b.event(e)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone(false)
}

func (b *Board) event(e hw.MQTTEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case e.Topic == "":
		clear(b.kept)
		b.away = false
		b.gone(e.Up)
	case strings.HasPrefix(e.Topic, b.c.at("cmnd", "")):
		if e.Retained {
			b.kept[e.Topic] = true
			b.drop()
		} else if len(e.Payload) == 0 {
			delete(b.kept, e.Topic)
		}
	case e.Topic == b.c.at("tele", "LWT"):
		if len(e.Payload) <= len("Offline") {
			b.present(string(e.Payload), e.Retained)
		}
	case e.Retained: // nobody says how old it is
	default:
		b.hear(e.Topic, e.Payload)
	}
}

// hear takes a live message of stat or tele. The caller holds mu.
func (b *Board) hear(topic string, payload []byte) {
	leaf, answer := strings.CutPrefix(topic, b.c.at("stat", ""))
	if !answer {
		leaf, _ = strings.CutPrefix(topic, b.c.at("tele", ""))
	}
	s, ok := parse(leaf, payload)
	if !ok {
		return
	}
	old := !answer || b.asked.answered(s.question())
	if b.talk != nil {
		b.talk.hear(s, old)
	}
}

// present is what the broker says of the device's connection. One that is new begins from the start: the
// device may have been set otherwise. The caller holds mu.
func (b *Board) present(word string, retained bool) {
	switch word {
	case "Offline":
		b.away = true
		b.drop()
	case "Online":
		b.away = false
		if !retained {
			b.asked = newTally()
			b.drop()
		}
		b.look()
	}
}

// gone is a change of the broker. The caller holds mu.
func (b *Board) gone(up bool) {
	b.broker = up
	b.asked = newTally()
	b.drop()
	b.look()
}

// drop ends what is said to the device. The caller holds mu.
func (b *Board) drop() {
	b.up = nil
	if b.talk != nil {
		b.talk.end()
		b.talk = nil
	}
}

func (b *Board) look() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run keeps the device known.
func (b *Board) run() {
	backoff, told := firstBackoff, ""
	for b.ctx.Err() == nil {
		err := b.visit(&backoff)
		if b.ctx.Err() != nil {
			return
		}
		b.end(err)
		if text := err.Error(); text != told {
			b.log.Warn().Err(err).Msg("the device with Tasmota cannot be used")
			told = text
		}
		select {
		case <-time.After(backoff):
			backoff = min(2*backoff, lastBackoff)
		case <-b.wake:
		case <-b.ctx.Done():
		}
	}
}

// begin says who may be asked now; nil with the reason if nobody.
func (b *Board) begin() (*link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.broker:
		return nil, fmt.Errorf("%w: there is no connection to the MQTT broker", device.ErrUnavailable)
	case b.away:
		return nil, fmt.Errorf("%w: the broker says that the device is not connected", device.ErrUnavailable)
	}
	for topic := range b.kept {
		return nil, strange("take it away: publish an empty message that is kept (retained) to that topic, and switch SwitchRetain, ButtonRetain and PowerRetain off on the device",
			"the broker keeps an order for it at %s, which would be carried out at each reconnection", clip(topic))
	}
	b.talk = newLink(b.c, b.mqtt, b.asked)
	return b.talk, nil
}

// visit serves until something is wrong, which it returns.
func (b *Board) visit(backoff *time.Duration) error {
	l, err := b.begin()
	if err != nil {
		return err
	}
	if err := b.settle(l); err != nil {
		return err
	}
	*backoff = firstBackoff
	b.log.Info().Msg("the device with Tasmota answers")
	return b.watch(l)
}

// settle looks at how the device is set, brings every relay that is lent to rest, and only then lets orders
// through.
func (b *Board) settle(l *link) error {
	if err := take(b.ctx, b.turn); err != nil {
		return err
	}
	defer b.give()
	s, err := b.ask(l)
	if err != nil {
		return err
	}
	settled := map[int]*output{}
	for {
		next, n, err := b.open(l, s, settled)
		if err != nil || next == nil {
			return err
		}
		if err := b.rest(l, s, n, next); err != nil {
			return err
		}
		settled[n] = next
	}
}

// open lets orders through once all outputs are settled; until then it returns one that is not.
func (b *Board) open(l *link, s status, settled map[int]*output) (*output, int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, o := range b.outs {
		if settled[n] != o {
			return o, n, nil
		}
	}
	if b.talk != l {
		return nil, 0, errGone
	}
	b.up, b.why = l, nil
	for _, o := range b.outs {
		o.Back()
	}
	b.heard(s)
	return nil, 0, nil
}

// ask asks where everything is.
func (b *Board) ask(l *link) (status, error) {
	asked := time.Now()
	all, err := l.relays(b.ctx)
	if err != nil {
		return status{}, err
	}
	sw, err := l.switches(b.ctx)
	all.switches, all.asked = sw.switches, asked
	return all, err
}

// watch asks the device again and again until something is wrong, and says what.
func (b *Board) watch(l *link) error {
	tick := time.NewTicker(b.c.Poll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-b.wake:
		case <-l.push:
		case <-l.over:
			return errGone
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
		s, err := b.ask(l)
		if err != nil {
			return err
		}
		if err := b.compare(s); err != nil {
			return err
		}
	}
}

// compare tells inputs what the device says, and finds relays that are not where they were left: somebody else
// switches them.
func (b *Board) compare(s status) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, o := range b.outs {
		on, told := s.relays[n]
		if !told {
			return errNoRelay(n)
		}
		if o.since.IsZero() || o.since.After(s.asked) || o.want != o.rest || on == o.want {
			continue
		}
		return fmt.Errorf("%w: relay-%d is not where it was left: somebody else switched it", device.ErrUnavailable, n)
	}
	b.heard(s)
	return nil
}

func errNoRelay(n int) error {
	return strange("correct the line, and see that the device is not set up with shutters", "the device has no relay-%d", n)
}

// heard tells inputs what the device says. The caller holds mu.
func (b *Board) heard(s status) {
	for in := range b.ins {
		if on, told := s.switches[in.n]; told {
			in.seen(on, s.asked)
		} else {
			in.lost()
		}
	}
}

// end tells everybody that the device is gone, and why.
func (b *Board) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop()
	b.why = err
	for _, o := range b.outs {
		o.Lost()
	}
	for in := range b.ins {
		in.lost()
	}
}

// fail has the device looked at from the start.
func (b *Board) fail(l *link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l != nil && b.up == l {
		b.why = fmt.Errorf("%w: an order was not confirmed", device.ErrUnavailable)
		b.drop()
	}
}

// there is the device, or why it is not.
func (b *Board) there() (*link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up != nil {
		return b.up, nil
	}
	why := b.why
	if why == nil {
		why = errGone
	}
	var op *hw.OpError
	if errors.As(why, &op) {
		return nil, why
	}
	return nil, &hw.OpError{Op: "reach the device with Tasmota", Err: why, Hint: "see that it has power, is in the network and knows this MQTT broker, and that topic is its own; nothing was energised"}
}

func (b *Board) give() { <-b.turn }
