package copies

import (
	"maps"

	"github.com/loquet/loquet/access"
)

// silentLock is why a copy waits for a lock that is away.
const silentLock = "the lock does not answer"

// Shown are the copies of a code, and those that locks were not tried for yet: they wait, and nothing is stored of them.
func (k *Keeper) Shown(code access.Code) []Copy {
	k.mu.Lock()
	locks := maps.Clone(k.locks)
	out := k.copies(code.ID)
	k.mu.Unlock()
	for _, c := range out {
		delete(locks, c.Lock)
	}
	at := k.o.Clock.Moment()
	for id, l := range locks {
		if why, waits := l.awaits(code, at); waits {
			out = append(out, Copy{Code: code.ID, Lock: id, State: Pending, Why: why})
		}
	}
	return inOrder(out)
}

// awaits reports whether a code of which nothing is known here will be brought to the lock, and why it was not yet.
func (l *lock) awaits(c access.Code, at access.Moment) (why string, waits bool) {
	if v := l.judge(c, at, Copy{}); v != written && v != coming {
		return "", false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.none:
		return "", false
	case !l.missed.IsZero():
		return silentLock, true
	case l.answered.IsZero():
		return "the lock has not answered yet", true
	}
	return "", true
}

// codeless reports whether a lock said that it holds no codes.
func (l *lock) codeless() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.none
}
