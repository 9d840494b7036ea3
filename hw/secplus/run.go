package secplus

import (
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/secplus/frames"
)

// Times of an opener.
const (
	betweenTime = 150 * time.Millisecond // from press to release, and between two commands
	pauseTime   = 100 * time.Millisecond // within a frame: longer, and it is over
	askEvery    = 500 * time.Millisecond // until it answers
	askAgain    = 2 * time.Second        // when it has answered before
	giveUpAfter = 60                     // questions; then it is asked seldom
	askSeldom   = time.Minute
	quietFor    = 5 * time.Minute // without a word it is asked
	mostAsks    = 3               // that it may leave unanswered
	dialAgain   = time.Second
)

// keeper is what the goroutine of an opener knows.
type keeper struct {
	*Opener
	wire   wire // nil: the port is not open
	in     chan piece
	stream frames.Stream
	last   time.Time // when bytes came last
	sent   time.Time // when a frame was sent last
	timer  *time.Timer
	up     bool // it answered since the port was opened
	asks   int  // questions without an answer

	release time.Time // when the button is let go; zero: it is not pressed
	pressed frames.Message
	order   *order // in hand: pressed, and not answered
	asking  []*question
}

func (o *Opener) run() {
	k := &keeper{Opener: o, timer: time.NewTimer(0)}
	defer close(o.done)
	defer k.timer.Stop()
	for {
		inbox := o.inbox
		if k.order != nil || !k.release.IsZero() || len(k.asking) > maxAsking {
			inbox = nil // one press at a time
		}
		select {
		case <-o.ctx.Done():
			k.end()
			return
		case p := <-k.in:
			k.hear(p)
		case m := <-inbox:
			switch m := m.(type) {
			case *order:
				k.begin(m)
			case *question:
				k.asking = append(k.asking, m)
				if k.asks == 0 || time.Since(k.sent) > askEvery { // else one is on its way
					k.ask()
				}
			}
		case <-k.expired():
			k.order = nil // whoever waited has gone
		case <-k.timer.C:
			k.tick()
		}
	}
}

func (k *keeper) expired() <-chan struct{} {
	if k.order == nil {
		return nil
	}
	return k.order.ctx.Done()
}

// tick is what time brings: the port, the release, a question.
func (k *keeper) tick() {
	switch {
	case k.wire == nil:
		k.connect()
	case !k.release.IsZero():
		k.letGo()
	default:
		k.ask()
	}
}

func (k *keeper) connect() {
	w, err := k.dial()
	if err != nil {
		k.set(false, "the serial port cannot be opened: "+err.Error())
		k.timer.Reset(dialAgain)
		return
	}
	k.wire, k.in, k.asks = w, make(chan piece, 16), 0
	k.stream.Drop()
	go listen(w, k.in, k.ctx.Done())
	k.ask()
}

func (k *keeper) hear(p piece) {
	if p.err != nil {
		k.broken(p.err)
		return
	}
	if p.at.Sub(k.last) > pauseTime {
		k.stream.Drop()
	}
	k.last = p.at
	for _, m := range k.stream.Take(p.bytes) {
		if m.ID == k.codes.id {
			continue // our own: the wire is one
		}
		if m.Command == cmdStatus {
			k.told(statusOf(m), p.at)
		}
	}
}

// told is the opener's word.
func (k *keeper) told(s status, at time.Time) {
	if !k.up {
		k.log.Info().Bool("light", s.light).Bool("remotes_locked", s.locked).Msg("the opener answers")
		k.up = true
		k.set(true, "")
	}
	k.asks = 0
	if k.release.IsZero() {
		k.timer.Reset(quietFor)
	}
	r := s.reading(at)
	k.feed.Publish(r)
	k.asking = slices.DeleteFunc(k.asking, func(q *question) bool {
		if at.Before(q.began) {
			return q.ctx.Err() != nil
		}
		q.answer <- r
		return true
	})
	if k.order != nil && obeys(k.order.action, s.door) {
		k.order.done <- nil
		k.order = nil
	}
}

// obeys reports whether a door can be where an order sends it, or on its way.
func obeys(action, door byte) bool {
	switch action {
	case doOpen:
		return door == 1 || door == 4
	case doClose:
		return door == 2 || door == 5
	}
	return door >= 1 && door <= 3
}

// begin presses the button, unless nobody wants it any more.
func (k *keeper) begin(w *order) {
	switch {
	case w.ctx.Err() != nil:
		w.done <- w.ctx.Err()
		return
	case !k.up:
		w.done <- fmt.Errorf("%w: it does not answer", device.ErrUnavailable)
		return
	}
	code, err := k.codes.take()
	if err != nil {
		w.done <- fmt.Errorf("the rolling code could not be written down, so nothing was sent: %w", err)
		return
	}
	k.pressed = frames.Message{Rolling: code, ID: k.codes.id, Command: cmdDoor, Nibble: w.action, Byte1: 1, Byte2: 1}
	if err := k.send(k.pressed); err != nil {
		w.done <- err
		k.broken(err)
		return
	}
	k.order, k.release = w, time.Now().Add(betweenTime)
	k.timer.Reset(betweenTime)
}

// letGo is the other half of a press: the same code, which is not used again.
func (k *keeper) letGo() {
	k.release = time.Time{}
	k.pressed.Byte1 = 0
	if err := k.send(k.pressed); err != nil {
		k.broken(err)
		return
	}
	k.timer.Reset(askEvery) // an opener that says nothing is asked
}

// ask asks for the state. An opener that has seen later codes of ours than we remember (a state folder that was put
// back) hears us again after some that are passed over.
func (k *keeper) ask() {
	switch {
	case k.wire == nil || !k.release.IsZero():
		return
	case k.asks >= mostAsks && k.up:
		k.away("it does not answer")
	case k.asks > 0 && k.asks%mostAsks == 0 && k.asks < giveUpAfter:
		k.codes.skip(ahead)
	}
	k.asks++
	code, err := k.codes.take()
	if err != nil {
		k.away("its rolling code cannot be written down: " + err.Error())
		k.timer.Reset(askSeldom)
		return
	}
	if err := k.send(frames.Message{Rolling: code, ID: k.codes.id, Command: cmdGetStatus}); err != nil {
		k.broken(err)
		return
	}
	switch {
	case k.asks > giveUpAfter:
		k.timer.Reset(askSeldom)
	case k.up:
		k.timer.Reset(askAgain)
	default:
		k.timer.Reset(askEvery)
	}
}

// send writes one frame when the wire is quiet. An error that is not device.ErrUnsure says that nothing went out.
func (k *keeper) send(m frames.Message) error {
	const idle = 2 * time.Millisecond
	wait := max(idle-time.Since(k.last), min(betweenTime, betweenTime-time.Since(k.sent)))
	if wait > 0 {
		time.Sleep(wait)
	}
	if err := k.wire.Begin(); err != nil {
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	b := frames.Encode(m)
	k.sent = time.Now()
	if n, err := k.wire.Write(b[:]); err != nil {
		if n == 0 {
			return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
		}
		return fmt.Errorf("%w: the port broke while a frame went out: %w", device.ErrUnsure, err)
	}
	return nil
}

// away ends the readings: nothing more is claimed.
func (k *keeper) away(why string) {
	if k.up {
		k.log.Warn().Str("why", why).Msg("the opener is away")
	}
	k.up, k.asking = false, nil
	k.set(false, why)
	if k.order != nil {
		k.order.done <- fmt.Errorf("%w: the opener went away before it answered", device.ErrUnsure)
		k.order = nil
	}
	k.feed.Break()
}

func (k *keeper) broken(err error) {
	k.away("the serial port is gone: " + err.Error())
	if k.wire != nil {
		_ = k.wire.Close()
	}
	k.wire, k.in, k.release = nil, nil, time.Time{}
	k.timer.Reset(dialAgain)
}

// end lets go of the button and the port.
func (k *keeper) end() {
	if k.wire != nil && !k.release.IsZero() {
		k.letGo()
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
