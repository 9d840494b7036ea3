package esphome

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

const (
	pingEvery    = 5 * time.Second // what is silent for three of them is long gone
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 2 * time.Second // a device is back within 5 s of its network
)

// link is the connection to a device, which may go and come back.
type link struct {
	c      Config
	log    zerolog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	up     *session // nil while the device does not answer, or is another one
	why    error    // why it is not up
	things map[*thing]struct{}
}

// thing is an entity that a driver uses.
type thing struct {
	link *link
	name string // of the device in the configuration, for errors
	kind int    // the type of its listing
	id   string
	feed hw.Feed[sighting]

	// Guarded by link.mu.
	key  uint32
	why  error // why it cannot be used although the device is there
	last sighting
}

// sighting is the newest state of a thing.
type sighting struct {
	state fields
	at    time.Time // when it was told, or a later ping that told of no change
}

var states = map[int]int{listBinarySensor: stateBinarySensor, listCover: stateCover, listLock: stateLock}

func newLink(log zerolog.Logger, c Config) *link {
	l := &link{c: c, log: log, done: make(chan struct{}), things: map[*thing]struct{}{}, why: fmt.Errorf("%w: it is not connected yet", device.ErrUnavailable)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	go l.run()
	return l
}

// Close ends the connection. Nothing is told to the device.
func (l *link) Close() error {
	l.cancel()
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	for t := range l.things {
		t.feed.Close()
	}
	return nil
}

// add makes an entity of the device known. It comes with the device.
func (l *link) add(name string, kind int, id string) *thing {
	t := &thing{link: l, name: name, kind: kind, id: id}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.things[t] = struct{}{}
	if l.up != nil {
		l.introduce(t, l.up)
		if t.why == nil { // its state was told before anybody listened: ask for all of them again
			go func(s *session) { _ = s.send(packet{statesRequest, nil}) }(l.up)
		}
	}
	return t
}

func (l *link) run() {
	defer close(l.done)
	backoff, told := firstBackoff, ""
	for l.ctx.Err() == nil {
		err := l.visit(&backoff)
		if l.ctx.Err() != nil {
			return
		}
		l.lost(err)
		if text := err.Error(); text != told {
			l.log.Warn().Err(err).Msg("the ESPHome device cannot be used")
			told = text
		}
		select {
		case <-time.After(backoff):
			backoff = min(2*backoff, lastBackoff)
		case <-l.ctx.Done():
		}
	}
}

// visit connects and serves until something is wrong, which it returns.
func (l *link) visit(backoff *time.Duration) error {
	key, err := l.c.key()
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{Timeout: greetWithin}).DialContext(l.ctx, "tcp", l.c.address())
	if err != nil {
		return fmt.Errorf("%w: it cannot be reached", device.ErrUnavailable)
	}
	defer conn.Close()
	s, err := greet(l.ctx, conn, key, l.heard)
	if err != nil {
		return explain(err)
	}
	if s.mac != normal(l.c.MAC) {
		return strange("correct host: give the device a fixed address in the router", "the device at this address is another one, with the MAC address %s", clip(s.mac))
	}
	l.mu.Lock()
	l.up, l.why = s, nil
	for t := range l.things {
		l.introduce(t, s)
	}
	l.mu.Unlock()
	*backoff = firstBackoff
	l.log.Info().Msg("the ESPHome device answers")
	read := make(chan struct{})
	go func() { defer close(read); s.run() }()
	defer func() { s.end(context.Canceled); <-read }()
	if err := s.send(packet{statesRequest, nil}); err != nil {
		return err
	}
	return l.keep(s)
}

// keep pings until the connection ends, and returns why it did.
func (l *link) keep(s *session) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := l.ping(l.ctx, s); err != nil {
				return err
			}
		case <-s.ended:
			return fmt.Errorf("%w: %w", device.ErrUnavailable, s.reason())
		case <-l.ctx.Done():
			return l.ctx.Err()
		}
	}
}

// ping makes everything fresh that the device did not tell anew.
func (l *link) ping(ctx context.Context, s *session) (time.Time, error) {
	asked := time.Now()
	if err := s.ask(ctx); err != nil {
		if errors.Is(err, device.ErrUnsure) { // a ping changes nothing
			err = fmt.Errorf("%w: the device does not answer", device.ErrUnavailable)
		}
		return asked, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up != s {
		return asked, errSilent
	}
	for t := range l.things {
		if t.last.state != nil && t.last.at.Before(asked) {
			t.last.at = asked
			t.feed.Publish(t.last)
		}
	}
	return asked, nil
}

// introduce finds a thing on the device. The caller holds mu.
func (l *link) introduce(t *thing, s *session) {
	e, ok := s.find(t.kind, t.id)
	t.key, t.why = e.key, nil
	switch {
	case !ok:
		t.why = strange("correct entity: it is the entity's name in small letters, with _ for blanks", "the device has no such entity %s", t.id)
	case e.assumed:
		t.why = strange("give the device's cover or lock a sensor: without one nobody knows where the door is", "the device itself does not know the state of %s, it assumes it", t.id)
	case t.kind == listCover && !e.stops:
		t.why = strange("add a stop action to the device's cover", "the cover %s cannot be stopped", t.id)
	}
	if t.why != nil {
		l.log.Warn().Err(t.why).Msg("an entity of the ESPHome device cannot be used")
	}
}

// heard takes a state that the device tells.
func (l *link) heard(p packet, at time.Time) {
	f, err := parse(p.data)
	if err != nil {
		return // it says nothing; the connection is whole
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for t := range l.things {
		if states[t.kind] == p.kind && t.why == nil && t.key == f.key() {
			t.last = sighting{f, at}
			t.feed.Publish(t.last)
		}
	}
}

// lost tells everybody that the device is gone, and why.
func (l *link) lost(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.why = nil, err
	for t := range l.things {
		t.last = sighting{}
		t.feed.Break()
	}
}

// present is the session for a thing, or why there is none.
func (t *thing) present() (*session, error) {
	l := t.link
	l.mu.Lock()
	defer l.mu.Unlock()
	why := t.why
	if l.up == nil {
		why = l.why
	}
	var op *hw.OpError
	switch {
	case why == nil:
		return l.up, nil
	case errors.As(why, &op):
		return nil, why
	}
	return nil, &hw.OpError{Op: "reach the ESPHome device", Err: why, Hint: "see that it has power and is in the network, and that host is its address; nothing was moved"}
}

// order sends one command, once.
func (t *thing) order(ctx context.Context, kind int, build func(m message) message) error {
	s, err := t.present()
	if err == nil {
		t.link.mu.Lock()
		key := t.key
		t.link.mu.Unlock()
		err = s.ask(ctx, packet{kind, build(message(nil).fixed(1, key))})
	}
	return hw.Explain(t.name, "move "+t.id, err)
}

// refresh asks and returns the newest state.
func (t *thing) refresh(ctx context.Context) (sighting, error) {
	got, err := t.ask(ctx)
	return got, hw.Explain(t.name, "ask for "+t.id, err)
}

func (t *thing) ask(ctx context.Context) (sighting, error) {
	s, err := t.present()
	if err != nil {
		return sighting{}, err
	}
	if _, err := t.link.ping(ctx, s); err != nil {
		return sighting{}, err
	}
	t.link.mu.Lock()
	defer t.link.mu.Unlock()
	if t.last.state == nil {
		return sighting{}, fmt.Errorf("%w: the device has not told the state of %s yet", device.ErrUnavailable, t.id)
	}
	return t.last, nil
}

// strange is a device that is there and cannot be used, with what to do about it.
func strange(hint, format string, args ...any) error {
	return &hw.OpError{Op: "use the ESPHome device", Err: fmt.Errorf("%w: "+format, append([]any{device.ErrUnavailable}, args...)...), Hint: hint}
}

// explain adds what to do to the errors of a greeting.
func explain(err error) error {
	switch {
	case errors.Is(err, errEncrypted):
		return strange("put the device's key into a file and name it: key_file", "%v", err)
	case errors.Is(err, errPlain):
		return strange("write plain: true, or better give the device a key (api: encryption:)", "%v", err)
	case errors.Is(err, errKey):
		return strange("correct the key in key_file: the device's configuration has it under api: encryption:", "%v", err)
	case errors.Is(err, errLogin):
		return strange("remove the password from the device's api: and give it a key (encryption:)", "%v", err)
	}
	return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
}
