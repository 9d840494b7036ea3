package secplus

import (
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/secplus/frames"
)

// speak says one byte, if one is due and the wire is free, and returns when to look again.
func (k *talk) speak(now time.Time) time.Time {
	b, due := k.wants(now)
	if b == 0 {
		return due
	}
	if at := k.free(now); now.Before(at) {
		return at
	}
	k.said(b, now)
	return now
}

// wants is the byte that is to be said now: 0 for none before due.
func (k *talk) wants(now time.Time) (b byte, due time.Time) {
	due = now.Add(later)
	if k.letGo > 0 {
		if !now.Before(k.letGoAt) {
			return frames.LetGoDoor, now
		}
		due = k.letGoAt
	}
	if k.order != nil && !k.order.pressed && k.letGo == 0 {
		sure, err := k.sure(now)
		if err != nil {
			k.answer(err)
		} else if sure {
			return frames.PressDoor, now
		}
	}
	if !k.lead {
		return k.between(now, due)
	}
	at := k.pollAt
	if k.urgent() {
		at = earlier(at, k.tx.Add(k.t.quick))
	}
	if now.Before(at) {
		return 0, earlier(due, at)
	}
	if len(k.hello) > 0 {
		return k.hello[0], now
	}
	if k.urgent() {
		return frames.AskDoor, now
	}
	return [...]byte{frames.AskDoor, frames.AskRest, frames.AskDoor, frames.AskBlocked}[k.turn%4], now
}

// sure reports whether the button may be pressed: the door is where it was when the order came, and the opener said so
// a moment ago. A door on its way must be asked once more, because a press at its end would start it again.
func (k *talk) sure(now time.Time) (bool, error) {
	moving := k.door == statusOpening || k.door == statusClosing
	switch {
	case k.door != k.order.saw:
		return false, errMoved
	case k.maybe != k.door, moving && k.heard.Before(k.order.began), now.Sub(k.heard) > freshDoor:
		return false, nil
	}
	return true, nil
}

// urgent reports whether somebody waits for a word of the door.
func (k *talk) urgent() bool {
	return !k.up || k.maybe != k.door || k.order != nil || len(k.asking) > 0
}

// between is a question of ours between those of a panel: where it does not ask for the door in time, or not in a way
// that openers answer.
func (k *talk) between(now, due time.Time) (byte, time.Time) {
	at := now.Add(later)
	if k.old {
		at = k.heard.Add(injectOld)
		if k.urgent() {
			at = k.tx
		}
		at = laterOf(at, k.tx.Add(k.t.gap))
	}
	if k.order != nil && !k.order.pressed {
		at = earlier(at, laterOf(k.order.began.Add(inject), k.tx.Add(inject)))
	}
	for _, q := range k.asking {
		at = earlier(at, laterOf(q.began.Add(inject), k.tx.Add(inject)))
	}
	if now.Before(at) {
		return 0, earlier(due, at)
	}
	return frames.AskDoor, now
}

func laterOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// free is when a byte of ours may go out next. Where a panel speaks that is only between two of its messages; the
// button is let go in any case.
func (k *talk) free(now time.Time) time.Time {
	at := laterOf(k.rx, k.tx).Add(k.t.quiet)
	if k.open || k.ear.Waits() {
		at = laterOf(at, k.tx.Add(lateTime))
	}
	if k.lead {
		return at
	}
	limit := now.Add(later)
	if k.held {
		limit = k.letGoAt.Add(letGoLimit)
	}
	at = laterOf(at, k.tx.Add(k.t.gap))
	if now = laterOf(now, at); k.message.IsZero() || now.Sub(k.message) > k.t.window {
		return limit // what is heard next makes another window
	}
	return at
}

// said says a byte, and notes what follows from it.
func (k *talk) said(b byte, now time.Time) {
	if !k.say(b, now) {
		return
	}
	k.open = false
	switch b {
	case frames.PressDoor:
		k.order.pressed, k.held, k.letGo, k.letGoAt = true, true, 2, now.Add(k.t.hold)
		k.publish()
	case frames.LetGoDoor:
		if k.letGo > 0 && !now.Before(k.letGoAt) {
			k.letGo--
			k.letGoAt = now
			if k.held {
				k.held = false
				if k.up {
					k.publish()
				}
			}
			return
		}
	case frames.AskDoor, frames.AskBlocked, frames.AskRest:
		k.open = true
		if k.turn++; b == frames.AskDoor {
			k.asked++
		}
	}
	if !k.lead {
		return
	}
	k.pollAt = now.Add(k.t.poll)
	switch {
	case len(k.hello) > 0 && b == k.hello[0]:
		k.hello = k.hello[1:]
		k.pollAt = now.Add(k.t.quick)
	case k.asked > 0 && k.asked%hailEvery == 0 && b == frames.AskDoor:
		k.hello = hail()
	}
}

// say writes one byte. It returns false when the port is gone.
func (k *talk) say(b byte, now time.Time) bool {
	k.tx = now
	k.ear.Sent(b, now)
	n, err := k.wire.Write([]byte{b})
	if err == nil {
		return true
	}
	if b == frames.PressDoor && k.order != nil {
		why := device.ErrUnavailable
		if n > 0 {
			why, k.held = device.ErrUnsure, true
		}
		k.answer(fmt.Errorf("%w: %w", why, err))
	}
	if k.ctx.Err() == nil {
		k.broken(err)
	}
	return false
}
