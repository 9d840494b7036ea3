package copies

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/device"
)

// confirm reads a slot in which something was found. It fails if that is something else by now, or a code's.
func (l *lock) confirm(ctx context.Context, slot int) (device.Slot, error) {
	was, ok := l.k.foundIn(l.id, slot)
	if !ok {
		return device.Slot{}, ErrNothingFound
	}
	s, err := l.read(ctx, slot)
	if err != nil {
		return s, errors.Join(ErrNoAnswer, err)
	}
	if now, ok := l.k.foundIn(l.id, slot); s.Use != device.SlotEmpty && (!ok || now.Mark != was.Mark) {
		return s, ErrOtherNow
	}
	return s, nil
}

// saw takes in a reading of a slot that no code of ours was written to. Where one was, who reads it judges.
func (l *lock) saw(n int, s device.Slot) {
	switch _, ours := l.k.Holder(l.id, n); {
	case s.Use == device.SlotEmpty:
		l.k.unfound(l.id, n)
	case !ours:
		l.found(n, s)
	}
}

// strange notes a slot that holds what is not ours: it is looked at again in a day.
func (l *lock) strange(n int, s device.Slot) {
	l.foreign[n] = time.Now()
	l.found(n, s)
}

func (l *lock) found(n int, s device.Slot) {
	f := Found{Lock: l.id, Slot: n, Off: s.Use == device.SlotDisabled, Digits: len(s.Keys), First: time.Now(), Seen: time.Now()}
	if s.Keys != "" {
		f.Mark = l.k.o.Source.Mark(s.Keys)
	}
	was, ok := l.k.foundIn(l.id, n)
	if ok && was.Mark == f.Mark && was.Off == f.Off {
		f.First, f.Left = was.First, was.Left
		if f.Seen.Sub(was.Seen) < again && !was.Seen.After(f.Seen) {
			return // the disk is spared
		}
	}
	_ = l.k.find(f) // it is told, and found again after a restart
}

// same is the slot in which these very digits were found; 0: none.
func (l *lock) same(keys device.Keys) int {
	mark := l.k.o.Source.Mark(keys)
	for _, f := range l.k.Found() {
		if f.Lock == l.id && f.Mark == mark && mark != "" && !f.Off {
			return f.Slot
		}
	}
	return 0
}

// places are the slots of the lock, one ahead of all others.
func (l *lock) places(first int) (out []int) {
	if first >= l.traits.First && first <= l.traits.Last && first != 0 {
		out = append(out, first)
	}
	for n := l.traits.First; n <= l.traits.Last; n++ {
		if n != first || first == 0 {
			out = append(out, n)
		}
	}
	return out
}

// Slots that nobody asked for long are read in rounds, so that what was typed at the lock is seen: a few at a time,
// because a lock lives on batteries.
const (
	roundsEvery = 7 * 24 * time.Hour
	mostVisits  = 3
	roundWait   = 10 * time.Minute // after a slot that was not read
)

// round reads some slots that were not read for long. That they cannot be read is nobody's trouble: nothing waits for
// it, and what is written and cleared goes first.
func (l *lock) round(ctx context.Context) {
	if time.Now().Before(l.rounds) {
		return
	}
	visits := mostVisits
	if l.traits.SleepsBetweenCalls {
		visits = 1
	}
	for n := l.traits.First; n <= l.traits.Last && visits > 0; n++ {
		if at, ok := l.visited[n]; ok && time.Since(at) < roundsEvery {
			continue
		}
		visits--
		if _, err := l.read(ctx, n); err != nil && !errors.Is(err, errSilent) {
			l.visited[n] = time.Now().Add(again - roundsEvery) // in a day: it may be one that the lock does not have
			l.rounds = time.Now().Add(roundWait)
			return
		}
	}
}
