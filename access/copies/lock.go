package copies

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// Times and bounds of one lock.
const (
	callTime   = 20 * time.Second
	sleepyTime = 5 * time.Minute // for a lock that answers when it wakes
	again      = 24 * time.Hour  // a confirmed copy is read again after
	firstWait  = 5 * time.Second // after a call that failed; twice as long each time
	longest    = 15 * time.Minute
	firstRetry = time.Minute // after a write that was not kept; twice as long each time
	lastRetry  = 6 * time.Hour
	mostWrites = 30 // in an hour
	mostClears = 60 // in an hour; beside the writes: what must not open any more does not wait for what shall
	mostReads  = 12 // in search of a free slot, at a time
)

// lock is one lock at work: one goroutine.
type lock struct {
	k      *Keeper
	id     string
	slots  device.CodeSlots
	nudge  chan struct{}
	cancel context.CancelFunc
	done   chan struct{}

	traits  device.SlotTraits
	known   bool // traits
	fails   int  // calls in a row
	writes  []time.Time
	clears  []time.Time
	foreign map[int]time.Time // slots that hold what is not ours, and when that was seen
	visited map[int]time.Time // slots, and when they were read last
	rounds  time.Time         // when slots are gone round next
	orders  chan order        // of the owner's

	mu       sync.Mutex
	answered time.Time
	missed   time.Time         // since when it does not answer; zero: it did, the last time
	said     device.SlotTraits // traits, for others; zero until they are known
	none     bool              // it said that it holds no codes
}

func (l *lock) wake() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

func (l *lock) end() {
	l.cancel()
	<-l.done
}

// last is when the lock answered last.
func (l *lock) last() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered
}

// silent reports whether a lock that does not sleep has let every call go by for a while.
func (l *lock) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.said.SleepsBetweenCalls && !l.missed.IsZero() && time.Since(l.missed) > silence
}

func (l *lock) run(ctx context.Context) {
	defer close(l.done)
	for {
		wait := look
		before := l.last()
		if err := l.step(ctx); err != nil {
			if l.last().After(before) { // it answers now and then
				l.fails = 0
			}
			l.fails++
			wait = min(firstWait<<min(l.fails-1, 10), longest)
		} else {
			l.fails = 0
		}
		nudge := l.nudge
		if l.fails > 1 { // nobody hurries a lock that is away
			nudge = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-nudge:
		case <-l.back():
			l.fails = 0
		case o := <-l.orders:
			o.reply <- o.do(ctx)
		case <-time.After(wait):
		}
	}
}

// back tells when the lock can be reached again, where it has a word for it.
func (l *lock) back() <-chan struct{} {
	if r, ok := l.slots.(Returner); ok {
		return r.Back()
	}
	return nil
}

// call asks the lock, for a bounded time.
func (l *lock) call(ctx context.Context, do func(ctx context.Context) error) error {
	limit := callTime
	if l.traits.SleepsBetweenCalls {
		limit = sleepyTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := do(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.answered, l.missed, l.none = time.Now(), time.Time{}, false
	case errors.Is(err, errors.ErrUnsupported):
		l.none = true
	case l.missed.IsZero():
		l.missed = time.Now()
	}
	return err
}

func (l *lock) read(ctx context.Context, n int) (s device.Slot, err error) {
	err = l.call(ctx, func(ctx context.Context) error { s, err = l.slots.ReadSlot(ctx, n); return err })
	if err == nil {
		l.visited[n] = time.Now()
		if s.Use == device.SlotUnknown {
			return s, errSilent
		}
		l.saw(n, s)
	}
	return s, err
}

var errSilent = errors.New("the lock does not say what is in the slot")

// step does what is due. An error is a lock that was not reached, or a disk: nothing more is tried now.
func (l *lock) step(ctx context.Context) error {
	if !l.known {
		err := l.call(ctx, func(ctx context.Context) (err error) { l.traits, err = l.slots.SlotTraits(ctx); return err })
		if err != nil {
			return l.unreached(err)
		}
		l.known = true
		l.mu.Lock()
		l.said = l.traits
		l.mu.Unlock()
	}
	codes, err := l.k.o.Source.Codes()
	if err != nil {
		return nil //nolint:nilerr // the board tells already
	}
	have := l.k.of(l.id)
	at := l.k.o.Clock.Moment()
	var wanted []string
	near := false
	for _, c := range codes {
		switch l.judge(c, at, have[c.ID]) {
		case written:
			wanted = append(wanted, c.ID)
			delete(have, c.ID)
		case coming:
			near = near || begins(c, at, 2*time.Hour)
			if err := l.comes(ctx, have[c.ID], c, at); err != nil {
				return err
			}
			delete(have, c.ID)
		case impossible:
			if err := l.cannot(ctx, have[c.ID], c.ID, "the lock cannot count how often a code is used"); err != nil {
				return err
			}
			delete(have, c.ID)
		case off:
		}
	}
	for _, id := range slices.Sorted(maps.Keys(have)) {
		if err := l.remove(ctx, have[id]); err != nil {
			return err
		}
	}
	slices.Sort(wanted)
	for _, id := range wanted {
		if err := l.add(ctx, l.k.of(l.id)[id], id); err != nil {
			return err
		}
	}
	if err := l.greet(ctx, near); err != nil {
		return err
	}
	l.round(ctx)
	return nil
}

// verdict is whether a code belongs on the lock now.
type verdict uint8

const (
	off        verdict = iota
	written            // it opens now
	coming             // it will
	impossible         // no lock can do what it says
)

func (l *lock) judge(c access.Code, at access.Moment, have Copy) verdict {
	if c.Kind != access.PIN {
		return off
	}
	d := l.k.o.Source.Opens(c, l.id, at)
	switch {
	case d.Reason == access.ReasonDoor:
		return off
	case c.Counted() && !c.Permanent():
		return impossible
	case d.Allowed, c.Waits(d, at), d.Reason == access.ReasonClock && have.Written: // nobody knows the time: it stays as it is
		return written
	case have.Written:
		return off
	case d.Reason == access.ReasonNotYet, d.Reason == access.ReasonBetween, d.Reason == access.ReasonClock, d.Reason == access.ReasonHoliday:
		return coming
	}
	return off
}

// greet asks a lock that nothing was asked for long, so that it is known whether it answers before a guest
// stands there; more often when one is near.
func (l *lock) greet(ctx context.Context, near bool) error {
	pause := time.Hour
	if near && !l.traits.SleepsBetweenCalls {
		pause = nearby
	}
	if time.Since(l.last()) < pause {
		return nil
	}
	return l.call(ctx, func(ctx context.Context) error { _, err := l.slots.SlotTraits(ctx); return err })
}

// cannot notes a code that the lock can never hold. One that it holds all the same is taken off it first.
func (l *lock) cannot(ctx context.Context, c Copy, id, why string) error {
	if c.Written && c.Slot != 0 {
		return l.remove(ctx, c)
	}
	if c.State == Failed && c.Why == why {
		return nil
	}
	return l.k.keep(Copy{Code: id, Lock: l.id, State: Failed, Why: why, due: time.Now().Add(lastRetry)})
}

// ahead is how long before its window a code gets a slot of its own, so that it is known whether there is one.
const ahead = 24 * time.Hour

// begins reports whether a window of a code begins so soon, or is open.
func begins(code access.Code, at access.Moment, soon time.Duration) bool {
	return slices.ContainsFunc(code.Windows, func(w access.Window) bool {
		s, ok, err := w.Next(at.Now)
		return err == nil && ok && s.Start.Sub(at.Now) <= soon
	})
}

// comes notes a code whose window has not begun, and keeps a slot for it in time.
func (l *lock) comes(ctx context.Context, c Copy, code access.Code, at access.Moment) error {
	if begins(code, at, ahead) && c.Slot == 0 && at.Trust != access.TrustFloor && !time.Now().Before(c.due) {
		keys, err := l.k.o.Source.Keys(code.ID)
		if err != nil {
			return l.cannot(ctx, c, code.ID, "its digits cannot be read")
		}
		if err := access.FamilyOf("the lock", l.traits).Check(keys); err != nil {
			return l.cannot(ctx, c, code.ID, reason(err))
		}
		_, err = l.place(ctx, c, code.ID, keys)
		return err
	}
	if c.Code != "" {
		return nil
	}
	return l.k.keep(Copy{Code: code.ID, Lock: l.id, State: Pending})
}

// unreached notes that what is not confirmed waits for the lock.
func (l *lock) unreached(err error) error {
	for _, c := range l.k.of(l.id) {
		if c.State == Pending && c.Why == "" {
			c.Why = silentLock
			if bad := l.k.keep(c); bad != nil {
				return bad
			}
		}
	}
	return err
}

// add brings one code onto the lock, or finds that it is there.
func (l *lock) add(ctx context.Context, c Copy, id string) error {
	now := time.Now()
	keys, err := l.k.o.Source.Keys(id)
	switch {
	case err != nil && c.Written: // it was removed a moment ago, or is damaged: what the lock holds is not forgotten
		return nil
	case err != nil:
		return l.cannot(ctx, c, id, "its digits cannot be read")
	case now.Before(c.due):
		return nil
	case c.State == Confirmed && now.Sub(c.Confirmed) < again && !c.Confirmed.After(now):
		return nil
	}
	if err := access.FamilyOf("the lock", l.traits).Check(keys); err != nil {
		return l.cannot(ctx, c, id, reason(err))
	}
	if c.Code == "" || c.Slot == 0 {
		if c, err = l.place(ctx, c, id, keys); err != nil || c.Slot == 0 {
			return err
		}
	}
	s, err := l.read(ctx, c.Slot)
	if err != nil {
		return l.unsure(c, err)
	}
	return l.settle(ctx, c, keys, s)
}

// reason is what a family says, for people.
func reason(err error) string {
	_, why, _ := strings.Cut(err.Error(), ": ")
	return why
}

// holds reports whether a slot holds the keys, as far as the lock tells. That is seen at each reading: a lock may have
// said that it shows its digits before anybody saw that it does not.
func holds(s device.Slot, keys device.Keys) bool {
	return s.Use == device.SlotUsed && (s.Keys == keys || s.Keys == "")
}

// shows reports whether a slot is seen to hold the keys.
func shows(s device.Slot, keys device.Keys) bool { return s.Use == device.SlotUsed && s.Keys == keys }

// settle compares what the lock shows with what it should hold, and writes if that is needed.
func (l *lock) settle(ctx context.Context, c Copy, keys device.Keys, s device.Slot) error {
	switch {
	case c.Written && holds(s, keys), shows(s, keys):
		c.State, c.Confirmed, c.Why, c.Written, c.due = Confirmed, s.Taken, "", true, time.Time{}
		c.Mark = l.k.o.Source.Mark(keys)
		if c.Confirmed.IsZero() {
			c.Confirmed = time.Now()
		}
		c.Tries = 0
		l.k.unfound(l.id, c.Slot)
		return l.k.keep(c)
	case s.Use != device.SlotEmpty: // somebody else's: it stays as it is
		l.strange(c.Slot, s)
		c.Slot, c.Written, c.State, c.Why = 0, false, Failed, "another code was put into its slot at the lock"
		c.due = time.Now().Add(retry(c.Tries))
		return l.k.keep(c)
	case !within(&l.writes, mostWrites), c.Tries > 0 && time.Since(c.wrote) < retry(c.Tries):
		return nil
	}
	return l.write(ctx, c, keys)
}

// write puts the code into its slot once, and looks.
func (l *lock) write(ctx context.Context, c Copy, keys device.Keys) error {
	c.State, c.Written, c.Why, c.Mark = Unconfirmed, true, "", l.k.o.Source.Mark(keys)
	c.Tries++
	c.wrote = time.Now()
	if err := l.k.keep(c); err != nil { // before the lock has it: a restart must know
		return err
	}
	l.writes = append(l.writes, time.Now())
	err := l.call(ctx, func(ctx context.Context) error { return l.slots.WriteSlot(ctx, c.Slot, keys) })
	if err != nil && !errors.Is(err, device.ErrUnsure) && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
		c.State, c.Written, c.Why, c.due = Failed, false, "the lock refused it", time.Now().Add(retry(c.Tries))
		return errors.Join(err, l.k.keep(c))
	}
	s, err := l.read(ctx, c.Slot)
	if err != nil {
		return l.unsure(c, err)
	}
	switch {
	case holds(s, keys):
		return l.settle(ctx, c, keys, s)
	case s.Use == device.SlotEmpty:
		c.State, c.Written, c.Why = Failed, false, "the lock did not keep it; it may hold the same PIN already"
	default:
		l.strange(c.Slot, s)
		c.Slot, c.State, c.Written, c.Why = 0, Failed, false, "the lock shows another code in the slot"
	}
	c.due = time.Now().Add(retry(c.Tries))
	return l.k.keep(c)
}

func retry(tries int) time.Duration { return min(firstRetry<<min(max(tries-1, 0), 12), lastRetry) }

// unsure notes a copy that could not be read.
func (l *lock) unsure(c Copy, err error) error {
	if c.Written && c.State != Removing {
		c.State = Unconfirmed
	} else if c.State == "" {
		c.State = Pending
	}
	c.Why = silentLock
	return errors.Join(err, l.k.keep(c))
}

// within bounds writes and clears: a lock lives on batteries, and its memory wears out.
func within(hour *[]time.Time, most int) bool {
	now := time.Now()
	*hour = slices.DeleteFunc(*hour, func(at time.Time) bool { return now.Sub(at) >= time.Hour })
	return len(*hour) < most
}
