package copies

import (
	"maps"

	"github.com/loquet/loquet/access"
)

// silentLock is why a copy waits for a lock that is away.
const silentLock = "the lock does not answer"

// Shown are the copies of a code as they are, also where a lock that is away was not tried since the code changed: one that it
// will be tried for waits, and one that it is to lose may still open it. Nothing of that is stored.
func (k *Keeper) Shown(code access.Code) []Copy {
	k.mu.Lock()
	locks := maps.Clone(k.locks)
	out := k.copies(code.ID)
	k.mu.Unlock()
	if _, err := k.o.Source.Codes(); err != nil { // the locks stay as they are
		return inOrder(out)
	}
	at := k.o.Clock.Moment()
	for i, c := range out {
		if l := locks[c.Lock]; l != nil && l.loses(code, at, c) {
			out[i].State, out[i].Why = Removing, l.why()
		}
		delete(locks, c.Lock)
	}
	for id, l := range locks {
		if why, waits := l.awaits(code, at); waits {
			out = append(out, Copy{Code: code.ID, Lock: id, State: Pending, Why: why})
		}
	}
	return inOrder(out)
}

// awaits reports whether a code of which nothing is known here will be brought to the lock, and why it was not yet.
func (l *lock) awaits(c access.Code, at access.Moment) (why string, waits bool) {
	if v := l.judge(c, at, Copy{}); v != written && v != coming || l.codeless() {
		return "", false
	}
	return l.why(), true
}

// loses reports whether a code that the lock may hold will be taken off it, and nobody has begun.
func (l *lock) loses(c access.Code, at access.Moment, have Copy) bool {
	v := l.judge(c, at, have)
	return have.Written && have.State != Removing && (v == off || v == impossible)
}

// why is why a lock was not tried yet; empty: it is about to be.
func (l *lock) why() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.missed.IsZero():
		return silentLock
	case l.answered.IsZero():
		return "the lock has not answered yet"
	}
	return ""
}

// codeless reports whether a lock said that it holds no codes.
func (l *lock) codeless() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.none
}
