package secplus

import (
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/secplus/frames"
)

// talk is what the goroutine of an opener of Security+ 1.0 knows.
//
// Somebody has to ask such an opener where its door is, several times a second: a digital wall panel does, and then
// loquet listens, and puts its own bytes between the panel's; or loquet leads, where no panel is heard.
type talk struct {
	*Button
	wire   wire // nil: the port is not open
	in     chan piece
	dialAt time.Time
	ear    frames.Ear
	timer  *time.Timer

	lead    bool      // loquet asks
	led     bool      // it did before, and there was no panel
	since   time.Time // nobody else was heard on the wire since
	foreign int       // bytes of somebody else while loquet leads
	old     bool      // the panel asks what openers do not answer
	hello   []byte    // what a panel says when it gets power, and has yet to be said
	turn    int       // of the questions
	pollAt  time.Time // when to say the next one
	rx, tx  time.Time // when a byte was heard and sent last
	message time.Time // when a message of a panel was over
	open    bool      // our question has no answer yet

	up      bool
	door    byte // as in a status: what it said twice
	maybe   byte // what it said last
	at      time.Time
	heard   time.Time // when it said anything of the door
	asked   int       // questions without an answer
	blocked device.Tri
	light   bool
	locked  bool

	order   *push
	held    bool // the button is pressed
	letGo   int  // how often it is to be let go: panels do it twice
	letGoAt time.Time
	asking  []*question
}

const (
	freshDoor  = time.Second            // how old the word of a door at rest may be when the button is pressed
	letGoLimit = time.Second            // after that the button is let go whoever speaks
	forget     = 5 * time.Second        // after that a stray byte is forgotten
	strays     = 3                      // make a panel
	lateTime   = 500 * time.Millisecond // in which what is late may come: no other byte of ours before, or it would be taken for something else
	inject     = 400 * time.Millisecond
	injectOld  = 2 * time.Second // how often an opener is asked between the words of an old panel
	hailEvery  = 32              // questions without an answer, and loquet says again what a panel says when it gets power
)

// hail is what a panel says when it gets power: all buttons are let go. It moves nothing.
func hail() []byte {
	return []byte{frames.LetGoDoor, frames.LetGoDoor, frames.LetGoLock, frames.LetGoLock, frames.LetGoLight, frames.LetGoLight}
}

func (o *Button) run() {
	k := &talk{Button: o, timer: time.NewTimer(0), letGo: 1} // a bridge that was killed may have left the button pressed
	defer close(o.done)
	defer k.timer.Stop()
	for {
		k.timer.Reset(time.Until(k.act(time.Now())))
		inbox := o.inbox
		if k.order != nil || len(k.asking) > maxAsking {
			inbox = nil // one press at a time
		}
		select {
		case <-o.ctx.Done():
			k.end()
			return
		case p := <-k.in:
			k.take(p)
		case m := <-inbox:
			switch m := m.(type) {
			case *push:
				m.saw = k.door
				if k.order = m; !k.up {
					k.answer(fmt.Errorf("%w: it does not answer", device.ErrUnavailable))
				}
			case *question:
				k.asking = append(k.asking, m)
			}
		case <-k.expired():
			k.giveUp()
		case <-k.timer.C:
		}
	}
}

func (k *talk) expired() <-chan struct{} {
	if k.order == nil {
		return nil
	}
	return k.order.ctx.Done()
}

// giveUp ends an order whose time is over.
func (k *talk) giveUp() {
	err := k.order.ctx.Err()
	if k.order.pressed {
		err = fmt.Errorf("%w: the opener did not answer in time: %w", device.ErrUnsure, err)
	}
	k.answer(err)
}

func (k *talk) answer(err error) {
	k.order.done <- err
	k.order = nil
}

// later is how long nothing is to be done at most.
const later = time.Hour

// act does what is due, and says when to look again.
func (k *talk) act(now time.Time) time.Time {
	if k.wire == nil {
		if now.Before(k.dialAt) {
			return k.dialAt
		}
		if k.connect(now); k.wire == nil {
			return k.dialAt
		}
	}
	k.asking = slices.DeleteFunc(k.asking, func(q *question) bool { return q.ctx.Err() != nil })
	next := now.Add(later)
	if k.up {
		if silent := k.heard.Add(k.t.silent); now.Before(silent) {
			next = silent
		} else {
			k.away("it does not answer")
			k.hello = hail()
		}
	}
	if !k.lead && k.panel != panelDigital {
		if over := k.since.Add(k.patience()); now.Before(over) {
			next = earlier(next, over)
		} else {
			k.log.Info().Msg("no wall panel asks the opener: loquet does")
			k.lead, k.led, k.foreign, k.hello, k.pollAt = true, true, 0, hail(), now
		}
	}
	return earlier(next, k.speak(now))
}

// patience is how long nobody must be heard before loquet leads.
func (k *talk) patience() time.Duration {
	if k.panel == panelNone || k.led {
		return k.t.brief
	}
	return k.t.listen
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (k *talk) connect(now time.Time) {
	w, err := k.dial()
	if err != nil {
		k.set(false, "the serial port cannot be opened: "+err.Error())
		k.dialAt = now.Add(k.t.dial)
		return
	}
	k.wire, k.in, k.since, k.lead, k.asked = w, make(chan piece, 16), now, false, 0
	k.ear.Drop()
	k.message, k.open = time.Time{}, false
	go listen(w, k.in, k.ctx.Done())
}

// take takes in what came over the wire.
func (k *talk) take(p piece) {
	if p.err != nil {
		k.broken(p.err)
		return
	}
	for _, b := range p.bytes {
		k.rx = p.at
		if h, ok := k.ear.Take(b, p.at); ok {
			k.hear(h, p.at)
		}
	}
}

// hear is one word on the wire.
func (k *talk) hear(h frames.Heard, at time.Time) {
	if !h.Ours {
		k.stranger(h, at)
	}
	if !h.Answered {
		return
	}
	k.open = false
	switch h.Byte {
	case frames.AskDoor:
		if door := doors(frames.Door(h.Answer)); door != 0 {
			k.told(door, at)
		}
	case frames.AskBlocked:
		if blocked, ok := frames.Blocked(h.Answer); ok {
			k.obstructed(blocked)
		}
	case frames.AskRest:
		if light, locked, ok := frames.Rest(h.Answer); ok {
			k.light, k.locked = light, locked
		}
	}
}

// stranger is a word of a panel. Some of them while loquet leads, and it leads no longer.
func (k *talk) stranger(h frames.Heard, at time.Time) {
	if at.Sub(k.since) > forget {
		k.foreign = 0
	}
	k.since = at
	if h.Answered || h.Byte <= frames.OldQuestion {
		k.message = at
	}
	if h.Byte == frames.OldQuestion || h.Byte == frames.AskDoor {
		k.old = h.Byte == frames.OldQuestion
	}
	if h.Answered || !k.lead {
		return
	}
	k.pollAt = at.Add(2 * k.t.poll)
	if k.foreign++; k.foreign >= strays {
		k.log.Info().Msg("a wall panel asks the opener: loquet listens")
		k.lead, k.led = false, false
	}
}

// doors puts the places of one protocol into the words of the other.
func doors(p frames.Place) byte {
	return map[frames.Place]byte{frames.Open: statusOpen, frames.Closed: statusClosed, frames.Stopped: statusStopped,
		frames.Opening: statusOpening, frames.Closing: statusClosing}[p]
}

// told is the opener's word for its door. It counts when it was said twice: openers are known to say what is not, and
// bytes collide.
func (k *talk) told(door byte, at time.Time) {
	if k.up && (k.door == statusOpen && door == statusOpening || k.door == statusClosed && door == statusClosing) {
		return // no door does that: known slips of openers
	}
	k.heard, k.asked = at, 0
	if k.order != nil && k.order.pressed && shows(k.order.saw, door) {
		k.answer(nil)
	}
	twice := door == k.maybe || k.up && door == k.door
	if k.maybe = door; !twice {
		return
	}
	if !k.up {
		k.log.Info().Bool("light", k.light).Bool("remotes_locked", k.locked).Bool("leading", k.lead).Msg("the opener answers")
		k.up = true
		k.set(true, "")
	}
	k.door, k.at = door, at
	r := k.publish()
	k.asking = slices.DeleteFunc(k.asking, func(q *question) bool {
		if at.Before(q.began) {
			return q.ctx.Err() != nil
		}
		q.answer <- r
		return true
	})
}

// shows reports whether a door that is there now shows that a press was obeyed. One that was on its way to an end may
// have reached that end without it.
func shows(was, is byte) bool {
	switch was {
	case statusOpening:
		return is == statusStopped || is == statusClosing
	case statusClosing:
		return is == statusStopped || is == statusOpening || is == statusOpen
	}
	return is != was
}

func (k *talk) obstructed(yes bool) {
	was := k.blocked
	if k.blocked = device.No; yes {
		k.blocked = device.Yes
	}
	if k.up && k.blocked != was {
		k.publish()
	}
}

func (k *talk) publish() device.Reading {
	r := status{door: k.door, obstructed: k.blocked}.reading(k.at)
	if k.held {
		r.Energised = device.Yes
	}
	k.feed.Publish(r)
	return r
}

// away ends the readings: nothing more is claimed.
func (k *talk) away(why string) {
	if k.up {
		k.log.Warn().Str("why", why).Msg("the opener is away")
	}
	k.up, k.asking, k.door, k.maybe, k.blocked = false, nil, 0, 0, device.Unknown
	k.set(false, why)
	if k.order != nil {
		err := fmt.Errorf("%w: %s", device.ErrUnavailable, why)
		if k.order.pressed {
			err = fmt.Errorf("%w: the opener went away before it answered", device.ErrUnsure)
		}
		k.answer(err)
	}
	k.feed.Break()
}

func (k *talk) broken(err error) {
	k.away("the serial port is gone: " + err.Error())
	_ = k.wire.Close()
	k.wire, k.in, k.dialAt, k.lead = nil, nil, time.Now().Add(k.t.dial), false
	if k.held {
		k.letGo, k.letGoAt = 2, time.Now() // it is owed when the port is there again
	}
}

// end lets go of the button and the port.
func (k *talk) end() {
	if k.wire != nil && k.held {
		k.say(frames.LetGoDoor, time.Now())
	}
	k.up = false
	k.away("it is closed")
	if k.wire == nil {
		return
	}
	if err := k.wire.Close(); err != nil {
		k.log.Debug().Err(err).Msg("the serial port was not closed well")
	}
	k.wire = nil
}
