package garadget

import (
	"context"
	"errors"
	"time"
)

// tick does what is due at now.
func (b *Board) tick(ctx context.Context, now time.Time) {
	if !b.conflict.IsZero() && now.Sub(b.conflict) >= conflictTime {
		b.conflict = time.Time{}
		b.env.Problem(sameName, "", false)
	}
	b.late(now)
	if b.heard.IsZero() {
		b.look(ctx, now)
		return
	}
	limit := silentAfter
	if !b.up {
		limit = downAfter
	}
	if now.Sub(b.heard) >= limit {
		b.gone("nothing was heard of it")
		return
	}
	if !b.leaving.IsZero() && !now.Before(b.leaving) {
		b.leaving, b.fault = time.Time{}, "it was told to open and did not leave its place"
		b.log.Warn().Msg("the door was told to open and did not leave its place")
		b.publish()
	}
	if !b.blocked.IsZero() && !now.Before(b.blocked) {
		b.blocked = time.Time{}
		b.publish()
	}
	if b.order == nil && now.Sub(b.polled) >= askTime && now.Sub(b.heard) >= b.pause(now) {
		b.polled = now
		b.poll(ctx, now)
	}
	b.adjust(ctx, now)
}

// pause is how long nobody asks after the board was heard: until the end of its pulse, or the next poll.
func (b *Board) pause(now time.Time) time.Duration {
	if !b.pulses.IsZero() && now.After(b.pulses) {
		return 0
	}
	return pollTime
}

// poll asks where the door is, and now and then who answers.
func (b *Board) poll(ctx context.Context, now time.Time) {
	if now.Sub(b.confirmed) >= confirmTime {
		b.say(ctx, getConfig)
	}
	b.say(ctx, getStatus)
}

// look asks after a board that is away, now and then.
func (b *Board) look(ctx context.Context, now time.Time) {
	if b.up && b.name != "" && now.Sub(b.polled) >= pollTime {
		b.polled = now
		b.say(ctx, getConfig)
	}
}

// late ends the waits that are over.
func (b *Board) late(now time.Time) {
	if o := b.order; o != nil && !o.until.IsZero() && !now.Before(o.until) {
		b.giveUp(errors.New("the board does not answer"))
	}
	rest := b.waiting[:0]
	for _, a := range b.waiting {
		if now.Before(a.until) {
			rest = append(rest, a)
			continue
		}
		a.answer <- result{err: b.away()}
	}
	clear(b.waiting[len(rest):])
	b.waiting = rest
}

// adjust writes the settings that the board should have and has not. Each write makes the board connect
// anew, so each value is written once, and only while the door is at rest.
func (b *Board) adjust(ctx context.Context, now time.Time) {
	if b.order != nil || b.confirmed.IsZero() || !b.up || b.statusAt.IsZero() || b.status.moves() || !b.pulses.IsZero() ||
		now.Sub(b.changed) < restTime || now.Sub(b.statusAt) > pollTime || now.Sub(b.written) < writtenTime {
		return
	}
	want := b.config.wanted(b.settings)
	for key, v := range want {
		if had, ok := b.tried[key]; ok && had == v {
			if b.fault == "" {
				b.fault = "it does not take its settings"
				b.log.Warn().Str("setting", key).Int("value", v).Msg("the board does not take a setting")
				b.publish()
			}
			return
		}
	}
	if len(want) == 0 {
		return
	}
	if err := b.mqtt.Publish(ctx, "garadget/"+b.name+"/set-config", encode(want)); err != nil {
		return
	}
	for key, v := range want {
		b.tried[key] = v
	}
	b.log.Info().Interface("settings", want).Msg("the board gets its settings, and connects anew")
	b.written, b.confirmed = now, time.Time{} // until it says that it has them
}

// next is when tick has something to do.
func (b *Board) next(now time.Time) time.Time {
	at := now.Add(pollTime)
	soonest := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	if b.order != nil {
		soonest(b.order.until)
	}
	for _, a := range b.waiting {
		soonest(a.until)
	}
	soonest(b.leaving)
	soonest(b.blocked)
	if !b.pulses.IsZero() {
		soonest(b.pulses)
	}
	if !b.heard.IsZero() {
		soonest(b.heard.Add(pollTime))
		soonest(b.changed.Add(restTime))
	}
	if at.Before(now.Add(20 * time.Millisecond)) {
		return now.Add(20 * time.Millisecond)
	}
	return at
}
