package garadget

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Times of the driver.
const (
	silentAfter  = 30 * time.Second // without a word: unavailable
	downAfter    = 10 * time.Second // without a broker: the same, sooner
	pollTime     = 10 * time.Second
	confirmTime  = 2 * time.Minute // between two looks at who answers
	freshTime    = 2 * time.Second // how old an answer may be before an order
	askTime      = time.Second
	arrivedTime  = 1500 * time.Millisecond // for the answer after an order
	leaveTime    = 3 * time.Second         // and a scan: for a closed door to be seen leaving
	blockedTime  = 30 * time.Second        // how long a door that did not close counts as obstructed
	conflictTime = 2 * time.Minute         // how long a second board of that name is remembered
	restTime     = 5 * time.Second         // at rest for so long before settings are written
	writtenTime  = 30 * time.Second        // for a board to connect anew with its settings
	maxNames     = 64
)

// What a board is asked.
const (
	getStatus = "get-status"
	getConfig = "get-config"
)

// sameName is the problem of two boards with one name.
const sameName hw.Problem = "mqtt-same-name"

// Board is one Garadget. One goroutine owns it.
type Board struct {
	device string
	config Config
	env    *hw.Env
	mqtt   hw.MQTT
	log    zerolog.Logger
	feed   hw.Feed[device.Reading]
	orders chan *order
	asks   chan *ask
	done   chan struct{}

	// what follows belongs to the goroutine of run
	up        bool // the broker is there
	name      string
	confirmed time.Time // when the board under that name last told its id; zero: it has not since it came
	conflict  time.Time // when another board last answered under that name
	heard     time.Time // when the board was last heard; zero: it is unavailable
	polled    time.Time
	status    status
	statusAt  time.Time
	changed   time.Time // of status
	settings  settings
	asked     map[string]time.Time // names that were asked who they are
	tried     map[string]int       // settings that were written
	written   time.Time            // when, last
	owed      []time.Time          // when a status was asked for that has not come
	waiting   []*ask
	order     *order    // in hand
	pulses    time.Time // until when the relay may pull; zero: it is at rest
	leaving   time.Time // by when a closed door must be seen to leave; zero: nobody waits
	blocked   time.Time // until when the door counts as obstructed
	stopSent  bool      // since the last change
	fault     string
}

var (
	_ device.Opener    = (*Board)(nil)
	_ device.Refresher = (*Board)(nil)
	_ device.Stopper   = (*Board)(nil)
)

// Open listens for the board with the id of c until env is closed. It waits for nobody and sends nothing
// that moves a door.
func Open(ctx context.Context, env *hw.Env, c Config) (*Board, error) {
	mqtt, err := env.MQTT()
	if err != nil {
		return nil, err
	}
	c.ID = strings.ToLower(c.ID)
	b := &Board{device: env.Device(), config: c, env: env, mqtt: mqtt, log: env.Log, orders: make(chan *order), asks: make(chan *ask),
		done: make(chan struct{}), asked: map[string]time.Time{}, tried: map[string]int{}, status: statusUnknown}
	run, cancel := context.WithCancel(context.Background())
	shared, err := hw.Share(ctx, env, "garadget:"+c.ID, func(context.Context) (*Board, func() error, error) {
		go b.run(run, mqtt.Listen(run, "garadget/+/status", "garadget/+/config", "garadget/+/LWT"))
		return b, func() error {
			cancel()
			<-b.done
			return nil
		}, nil
	})
	if err == nil && shared != b {
		err = &hw.OpError{Op: "request the board", Device: env.Device(), Err: hw.ErrInUse, Hint: "a board moves one door: give each door a board of its own"}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return b, nil
}

// Readings implements device.Opener.
func (b *Board) Readings(ctx context.Context) <-chan device.Reading { return b.feed.Subscribe(ctx) }

func (b *Board) run(ctx context.Context, events <-chan hw.MQTTEvent) {
	defer close(b.done)
	defer b.feed.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		orders, given := b.orders, (<-chan struct{})(nil)
		if b.order != nil {
			orders, given = nil, b.order.ctx.Done()
		}
		select {
		case <-ctx.Done():
			b.abandon()
			return
		case e, ok := <-events:
			if !ok {
				b.abandon()
				return
			}
			b.event(ctx, e)
		case a := <-b.asks:
			b.take(ctx, a)
		case o := <-orders:
			b.begin(ctx, o)
		case <-given:
			b.giveUp(context.Cause(b.order.ctx))
		case <-timer.C:
		}
		b.tick(ctx, time.Now())
		timer.Reset(time.Until(b.next(time.Now())))
	}
}

// event takes in what the broker says.
func (b *Board) event(ctx context.Context, e hw.MQTTEvent) {
	if e.Topic == "" {
		b.up = e.Up
		if e.Up && b.name != "" {
			b.confirmed = time.Time{} // somebody else may have the name by now
			b.say(ctx, getConfig)
			b.say(ctx, getStatus)
		}
		return
	}
	if e.Lost && b.name != "" && time.Since(b.polled) >= askTime { // it may have been the board's own word
		b.polled = time.Now()
		b.poll(ctx, b.polled)
	}
	name, last, ok := split(e.Topic)
	if !ok {
		return
	}
	switch last {
	case "config":
		b.described(ctx, name, e)
	case "status":
		b.told(ctx, name, e)
	case "LWT":
		b.testament(ctx, name, e)
	}
}

// described is a board that says who it is.
func (b *Board) described(ctx context.Context, name string, e hw.MQTTEvent) {
	s, err := parseSettings(e.Payload)
	switch {
	case err != nil:
		b.log.Debug().Err(err).Msg("a message that no Garadget sends")
	case s.ID != b.config.ID && name == b.name && !e.Retained:
		b.stranger(s.ID)
	case s.ID != b.config.ID:
	case e.Retained: // it was there once: ask whether it is
		if b.name == "" {
			b.name = name
		}
		b.who(ctx, name)
	default:
		b.itself(ctx, name, s, e.Taken)
	}
}

// stranger is another board that answers under the name of ours.
func (b *Board) stranger(id string) {
	if b.conflict.IsZero() {
		b.log.Error().Str("name", b.name).Str("other", id).Msg("two boards have the same name")
		b.env.Problem(sameName, fmt.Sprintf("%s: the boards %s and %s", b.name, b.config.ID, id), true)
	}
	b.conflict = time.Now()
	b.gone("another board has the same name")
}

// itself is our board, live.
func (b *Board) itself(ctx context.Context, name string, s settings, at time.Time) {
	if b.name != name {
		b.log.Info().Str("name", name).Msg("the board answers under this name")
		b.status, b.statusAt = statusUnknown, time.Time{}
	}
	first := b.confirmed.IsZero()
	b.name, b.confirmed, b.heard = name, at, at
	if first {
		b.warn(s)
		b.owed = nil // what was asked before it came is lost
	}
	b.settings = s
	if b.statusAt.IsZero() || first {
		b.say(ctx, getStatus)
	}
}

// warn tells of settings that make a board unreliable.
func (b *Board) warn(s settings) {
	if keep := s.KeepAlive % 256; keep < 5 || s.KeepAlive > 120 {
		b.log.Warn().Int("mqto", s.KeepAlive).Msg("the board's time-out is not good: set it to 15 on its own set-up page")
	}
	if s.Mode&1 != 0 {
		b.log.Warn().Int("mqtt", s.Mode).Msg("the board also talks to its maker's cloud, and hangs when that is away: set it to MQTT only")
	}
}

// told is a status. Of a board that has not said who it is yet nothing is believed.
func (b *Board) told(ctx context.Context, name string, e hw.MQTTEvent) {
	s, err := parseStatus(e.Payload)
	if err != nil {
		b.log.Debug().Err(err).Msg("a message that no Garadget sends")
		return
	}
	if e.Retained || name != b.name || b.confirmed.IsZero() {
		if b.name == "" || name == b.name {
			b.who(ctx, name)
		}
		return
	}
	if !b.conflict.IsZero() {
		return // it may be the other board's
	}
	b.heard = e.Taken
	asked := len(b.owed) > 0 && !e.Taken.Before(b.owed[0])
	if asked {
		b.owed = b.owed[1:]
	}
	b.become(s, e.Taken)
	b.answered(ctx, e.Taken, asked)
}

// become takes over what the board says of the door.
func (b *Board) become(s status, at time.Time) {
	if s != b.status {
		if b.status == statusClosing && s == statusStopped && !b.stopSent { // its time was over and the laser saw nothing
			b.blocked = at.Add(blockedTime)
		} else {
			b.blocked = time.Time{}
		}
		b.changed, b.stopSent, b.fault = at, false, ""
		b.leaving = time.Time{}
	}
	b.status, b.statusAt = s, at
	if !b.pulses.IsZero() && at.After(b.pulses) {
		b.pulses = time.Time{} // it goes on after its pulse was due: it has ended it
	}
	b.publish()
}

func (b *Board) publish() {
	if b.statusAt.IsZero() {
		return
	}
	r := b.status.reading()
	r.Taken, r.Fault = b.statusAt, b.fault
	r.Obstructed = device.No
	if !b.blocked.IsZero() {
		r.Obstructed = device.Yes
	}
	if b.pulses.IsZero() {
		r.Energised = device.No
	}
	b.feed.Publish(r)
}

// testament is a word about the connection of a board.
func (b *Board) testament(ctx context.Context, name string, e hw.MQTTEvent) {
	if name != b.name || e.Retained {
		return
	}
	if string(e.Payload) == "Offline" {
		b.gone("the board lost its connection")
		return
	}
	b.confirmed = time.Time{}
	b.say(ctx, getConfig)
}

// who asks a board for its id, not too often.
func (b *Board) who(ctx context.Context, name string) {
	if last, ok := b.asked[name]; ok && time.Since(last) < askTime || !b.up {
		return
	}
	if len(b.asked) >= maxNames {
		clear(b.asked)
	}
	b.asked[name] = time.Now()
	b.send(ctx, name, getConfig)
}

// gone makes the door unavailable.
func (b *Board) gone(why string) {
	if !b.heard.IsZero() {
		b.log.Warn().Str("why", why).Msg("the board does not answer")
	}
	b.heard, b.confirmed, b.statusAt = time.Time{}, time.Time{}, time.Time{}
	b.status, b.pulses, b.leaving, b.blocked, b.fault = statusUnknown, time.Time{}, time.Time{}, time.Time{}, ""
	b.feed.Break()
	for _, a := range b.waiting {
		a.answer <- result{err: b.away()}
	}
	b.waiting, b.owed = nil, nil
	if b.order != nil {
		b.giveUp(errors.New(why))
	}
}

// say sends something that moves nothing.
func (b *Board) say(ctx context.Context, what string) { b.send(ctx, b.name, what) }

func (b *Board) send(ctx context.Context, name, what string) {
	at := time.Now() // the answer may be there before Publish returns
	if err := b.mqtt.Publish(ctx, "garadget/"+name+"/command", []byte(what)); err != nil {
		b.log.Debug().Err(err).Msg("the board was not asked")
		return
	}
	if what == getStatus {
		b.owed = append(b.unanswered(at), at)
	}
}

// unanswered are the questions that may still be answered.
func (b *Board) unanswered(now time.Time) []time.Time {
	for len(b.owed) > 0 && now.Sub(b.owed[0]) > askTime {
		b.owed = b.owed[1:]
	}
	return b.owed
}
