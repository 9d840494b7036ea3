package tasmota

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

const (
	answerWithin = time.Second // devices answer in some hundredths of one
	lostAfter    = 5 * time.Second
)

// tally counts the questions that were not answered yet, so that a late answer is not taken for one to a newer
// question. It outlives the links to a device; a new connection has a new one.
type tally struct {
	mu   sync.Mutex
	owed map[string][]time.Time // by said.question
}

func newTally() *tally { return &tally{owed: map[string][]time.Time{}} }

func (t *tally) ask(question string) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owed[question] = append(slices.DeleteFunc(t.owed[question], func(at time.Time) bool { return now.Sub(at) > lostAfter }), now)
}

// answered takes the oldest question of its kind off, and reports whether there are newer ones: then it is no
// answer to those.
func (t *tally) answered(question string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	owed := t.owed[question]
	if len(owed) <= 1 {
		delete(t.owed, question)
		return false
	}
	t.owed[question] = owed[1:]
	return true
}

// link is what is said to one device and heard from it, while it is there. A new one begins whenever the device
// or the broker came back.
type link struct {
	c     Config
	mqtt  hw.MQTT
	asked *tally
	turn  chan struct{} // one question at a time; orders have a turn of their own
	push  chan struct{} // something changed: ask
	over  chan struct{} // closed when the device went away

	mu    sync.Mutex
	wait  *waiting // for an answer
	order *waiting // for what an order brings about
	ended bool

	pulses map[int]time.Duration // how long the device lets its relays be away from rest, as far as it was asked
}

// waiting is what somebody waits for.
type waiting struct {
	question string // empty for an order
	fits     func(said) bool
	answer   chan said
}

func newLink(c Config, m hw.MQTT, asked *tally) *link {
	return &link{c: c, mqtt: m, asked: asked, turn: make(chan struct{}, 1), push: make(chan struct{}, 1), over: make(chan struct{}), pulses: map[int]time.Duration{}}
}

// hear takes what a live message says; old: it answers a question that nobody waits for any more.
func (l *link) hear(s said, old bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.order; o != nil && o.fits(s) {
		l.order = nil
		o.answer <- s
	}
	if w := l.wait; w != nil && !old && (w.fits(s) || s.unknown) {
		l.wait = nil
		if s.unknown {
			l.asked.answered(w.question)
		}
		w.answer <- s
	}
	if s.answers == "" && (s.moved || len(s.relays)+len(s.switches) > 0) {
		select {
		case l.push <- struct{}{}:
		default:
		}
	}
}

// ask asks something that changes nothing, and waits for the answer.
func (l *link) ask(ctx context.Context, command, payload string, fits func(said) bool) (said, error) {
	bounded, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := take(bounded, l.turn); err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: the device is busy", device.ErrUnavailable)
		}
		return said{}, err
	}
	defer func() { <-l.turn }()
	question := command
	if command == "STATUS" {
		question = map[string]string{"10": statusSNS, "11": statusSTS}[payload]
	}
	w := &waiting{question: question, fits: fits, answer: make(chan said, 1)}
	if err := l.begin(&l.wait, w); err != nil {
		return said{}, err
	}
	defer l.forget(w)
	l.asked.ask(question)
	if err := l.publish(ctx, command, payload); err != nil {
		return said{}, err
	}
	select {
	case s := <-w.answer:
		if s.unknown {
			return said{}, strange("update the firmware of the device: Tasmota 9.2 or newer", "the device does not know %s", command)
		}
		return s, nil
	case <-l.over:
		return said{}, errGone
	case <-bounded.Done():
		if ctx.Err() != nil {
			return said{}, ctx.Err()
		}
	}
	return said{}, fmt.Errorf("%w: the device does not answer", device.ErrUnavailable)
}

func (l *link) publish(ctx context.Context, command, payload string) error {
	if err := l.mqtt.Publish(ctx, l.c.at("cmnd", command), []byte(payload)); err != nil {
		return fmt.Errorf("%w: the MQTT broker was not reached", device.ErrUnavailable)
	}
	return nil
}

// begin makes w what is waited for.
func (l *link) begin(at **waiting, w *waiting) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return errGone
	}
	*at = w
	return nil
}

func (l *link) forget(w *waiting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wait == w {
		l.wait = nil
	}
	if l.order == w {
		l.order = nil
	}
}

// settings asks how a relay is set.
func (l *link) settings(ctx context.Context, n int) (settings, error) {
	var set settings
	s, err := l.ask(ctx, fmt.Sprintf("PulseTime%d", n), "", func(s said) bool { _, ok := s.pulses[n]; return ok })
	if err != nil {
		return set, err
	}
	set.pulse = s.pulses[n]
	if set.powerOn, err = l.option(ctx, "PowerOnState"); err != nil {
		return set, err
	}
	detached, err := l.option(ctx, "SetOption114")
	set.detached = detached == "ON"
	return set, err
}

func (l *link) option(ctx context.Context, name string) (string, error) {
	s, err := l.ask(ctx, name, "", func(s said) bool { return s.options[name] != "" })
	return s.options[name], err
}

// set switches a relay. The order is sent once; an error says that it was not sent, unless it is
// device.ErrUnsure.
func (l *link) set(ctx context.Context, n int, on bool) error {
	word := map[bool]string{true: "ON", false: "OFF"}[on]
	w := &waiting{fits: func(s said) bool { got, ok := s.relays[n]; return ok && got == on && s.answers == "" }, answer: make(chan said, 1)}
	if err := l.begin(&l.order, w); err != nil {
		return err
	}
	defer l.forget(w)
	if err := l.publish(ctx, fmt.Sprintf("POWER%d", n), word); err != nil {
		return err
	}
	late := time.NewTimer(answerWithin)
	defer late.Stop()
	select {
	case <-w.answer:
		return nil
	case <-l.over:
	case <-late.C:
	}
	return fmt.Errorf("%w: the device does not answer", device.ErrUnsure)
}

func take(ctx context.Context, turn chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
