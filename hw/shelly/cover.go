package shelly

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// How often a device that is away is tried.
const (
	firstTry = 250 * time.Millisecond
	lastTry  = 2 * time.Second
)

// pace is how often a device is asked.
type pace struct {
	moving, rest time.Duration // where its door is, while the motor runs and while it stands
	settings     time.Duration // how it is set: a person may change that
}

func usualPace() pace {
	return pace{moving: 500 * time.Millisecond, rest: time.Second, settings: 5 * time.Second}
}

// Cover is a motor on a device that is set up as a cover: a door that is told where to go and says where it is. The
// device itself ends each move, with its own maximum times.
type Cover struct {
	config CoverConfig
	pace   pace
	device string
	log    zerolog.Logger
	feed   hw.Feed[device.Reading]
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{} // ask now
	turn   chan struct{} // one order at a time

	mu   sync.Mutex
	up   *usable // nil while the device does not answer, or must not be used
	why  error   // why it is not
	last device.Reading
}

// usable is a device that may be told where to go.
type usable struct {
	peer
	limits
	over chan struct{} // closed when it is to be looked at from the start
}

var (
	_ device.Opener    = (*Cover)(nil)
	_ device.Refresher = (*Cover)(nil)
	_ device.Stopper   = (*Cover)(nil)
)

// OpenCover starts to connect, until env is closed. It sends no order.
func OpenCover(ctx context.Context, env *hw.Env, c CoverConfig) (*Cover, error) {
	return openCover(ctx, env, c, usualPace())
}

func openCover(ctx context.Context, env *hw.Env, c CoverConfig, often pace) (*Cover, error) {
	o := &Cover{config: c, pace: often, device: env.Device(), log: env.Log, done: make(chan struct{}), wake: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		why: errors.New("it was not heard yet")}
	run, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	shared, err := hw.Share(ctx, env, fmt.Sprintf("shelly-cover:%s/%d", c.mac(), c.Cover), func(context.Context) (*Cover, func() error, error) {
		go o.run(run)
		return o, func() error { o.cancel(); <-o.done; return nil }, nil
	})
	if err == nil && shared != o {
		err = &hw.OpError{Op: "request the cover", Device: env.Device(), Err: hw.ErrInUse, Hint: "a motor moves one door: give each door a cover of its own"}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return o, nil
}

// Readings implements device.Opener.
func (o *Cover) Readings(ctx context.Context) <-chan device.Reading { return o.feed.Subscribe(ctx) }

// run keeps the device known.
func (o *Cover) run(ctx context.Context) {
	defer close(o.done)
	defer o.feed.Close()
	retry, said := firstTry, ""
	for {
		err := o.visit(ctx, func() { retry, said = firstTry, "" })
		o.lost(err)
		if ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			o.log.Warn().Err(err).Msg("the cover cannot be used")
			said = text
		}
		pause := time.NewTimer(retry)
		select {
		case <-pause.C:
			retry = min(2*retry, lastTry)
		case <-ctx.Done():
			pause.Stop()
			return
		}
	}
}

// visit connects, and asks again and again until something is wrong, which it returns.
func (o *Cover) visit(ctx context.Context, begun func()) error {
	p, err := o.config.connect(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	l, err := o.allowed(ctx, p)
	if err != nil {
		return err
	}
	checked := time.Now()
	u := &usable{peer: p, limits: l, over: make(chan struct{})}
	r, err := o.ask(ctx, u)
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.up, o.why = u, nil
	o.tell(r)
	o.mu.Unlock()
	begun()
	o.log.Info().Msg("the cover answers")
	for {
		every := o.pace.rest
		if r.Moving != device.TargetUnknown {
			every = o.pace.moving
		}
		pause := time.NewTimer(every)
		select {
		case <-pause.C:
		case <-o.wake:
		case <-p.Changed():
		case <-p.Gone():
			pause.Stop()
			return fmt.Errorf("%w: it went away", device.ErrUnavailable)
		case <-u.over:
			pause.Stop()
			return fmt.Errorf("%w: an answer did not come", device.ErrUnavailable)
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
		pause.Stop()
		if time.Since(checked) >= o.pace.settings {
			if _, err = o.allowed(ctx, p); err != nil {
				return err
			}
			checked = time.Now()
		}
		if r, err = o.look(ctx, u); err != nil {
			return err
		}
	}
}

// allowed asks what the device does by itself, and whether it may be used so.
func (o *Cover) allowed(ctx context.Context, p peer) (limits, error) {
	l, err := p.limits(ctx, o.config.Cover)
	if err == nil {
		err = o.config.allows(l)
	}
	return l, err
}

// look asks where the door is, and tells it.
func (o *Cover) look(ctx context.Context, u *usable) (device.Reading, error) {
	r, err := o.ask(ctx, u)
	if err != nil {
		return r, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.up != u {
		return r, fmt.Errorf("%w: it went away", device.ErrUnavailable)
	}
	o.tell(r)
	return r, nil
}

// tell publishes what is newer than what was. The caller holds mu.
func (o *Cover) tell(r device.Reading) {
	if r.Taken.Before(o.last.Taken) {
		return
	}
	o.last = r
	o.feed.Publish(r)
}

// ask asks the device that is meant, and no other one.
func (o *Cover) ask(ctx context.Context, u *usable) (device.Reading, error) {
	s, err := u.status(ctx)
	if err != nil {
		return device.Reading{}, err
	}
	if s.mac != o.config.mac() {
		return device.Reading{}, anotherAnswers(s.mac)
	}
	c, told := s.covers[o.config.Cover]
	if !told {
		return device.Reading{}, strange("set the device up as a cover (roller) on its own page, or use its relays: boards:", "it has no cover %d", o.config.Cover)
	}
	r := device.Reading{At: c.at, Moving: c.moving, Fault: c.fault, Energised: device.No, Taken: s.At}
	switch {
	case c.blocked:
		r.Obstructed = device.Yes
	case u.feels:
		r.Obstructed = device.No
	}
	return r, nil
}

// lost says that nobody knows where the door is.
func (o *Cover) lost(why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.up, o.why, o.last = nil, why, device.Reading{}
	o.feed.Break()
}

// link is the device while it may be used, or why it may not.
func (o *Cover) link(op string) (*usable, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.up != nil {
		return o.up, nil
	}
	if own := (*hw.OpError)(nil); errors.As(o.why, &own) {
		return nil, hw.Explain(o.device, op, o.why)
	}
	return nil, &hw.OpError{Op: op, Device: o.device, Err: fmt.Errorf("%w: the Shelly was not reached", device.ErrUnavailable),
		Hint: "see that it has power and is in the network, and that url is its address; nothing was sent"}
}

// fail has the device looked at from the start.
func (o *Cover) fail(u *usable, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.up == u {
		o.up, o.why = nil, why
		close(u.over)
	}
}

// Refresh implements device.Refresher.
func (o *Cover) Refresh(ctx context.Context) (device.Reading, error) {
	u, err := o.link("ask")
	if err != nil {
		return device.Reading{}, err
	}
	r, err := o.look(ctx, u)
	if err != nil {
		if ctx.Err() == nil {
			o.fail(u, err)
		}
		return r, hw.Explain(o.device, "ask", err)
	}
	return r, nil
}

// Trigger implements device.Opener. An order is where to go, and may come again.
func (o *Cover) Trigger(ctx context.Context, target device.Target) error {
	switch target {
	case device.TargetOpen:
		return o.order(ctx, wayOpen)
	case device.TargetClosed:
		return o.order(ctx, wayClose)
	case device.TargetUnknown:
	}
	return &hw.OpError{Op: "trigger", Device: o.device, Err: errors.New("no target is given"), Hint: "ask for open or closed"}
}

// Stop implements device.Stopper.
func (o *Cover) Stop(ctx context.Context) error { return o.order(ctx, wayStop) }

// order sends an order, once. Once it is under way it does not matter that ctx ends: the door may move by then.
func (o *Cover) order(ctx context.Context, to way) error {
	if err := ctx.Err(); err != nil {
		return hw.Explain(o.device, string(to), err)
	}
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return hw.Explain(o.device, string(to), ctx.Err())
	}
	defer func() { <-o.turn }()
	u, err := o.link(string(to))
	if err != nil {
		return err
	}
	err = u.move(context.WithoutCancel(ctx), o.config.Cover, to)
	if errors.Is(err, device.ErrUnsure) {
		o.fail(u, err)
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return hw.Explain(o.device, string(to), err)
}
