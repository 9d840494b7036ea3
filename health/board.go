package health

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Problem is a problem that is there now.
type Problem struct {
	Declared
	Subject string    `json:"subject,omitempty"` // the device or part it is about; empty: the whole house
	Detail  string    `json:"detail,omitempty"`  // what was seen; never a name, a code or a key
	Since   time.Time `json:"since"`
}

// Board holds what is wrong now. Its methods never block and may be called from anywhere.
type Board struct {
	mu       sync.Mutex
	declared map[Code]Declared
	active   map[spot]Problem
	watchers map[chan []Problem]struct{}
}

type spot struct {
	code    Code
	subject string
}

// NewBoard returns a board on which nothing is wrong.
func NewBoard() *Board {
	b := &Board{declared: map[Code]Declared{}, active: map[spot]Problem{}, watchers: map[chan []Problem]struct{}{}}
	for _, d := range All() {
		b.declared[d.Code] = d
	}
	return b
}

// Raise says that a problem is there. One that is there already keeps its time and gets the new
// detail. A code that is not declared is shown as an error with its code for a title: a mistake in
// the program must not hide a problem of the house.
func (b *Board) Raise(code Code, subject, detail string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := spot{code, subject}
	p, there := b.active[at]
	if there && p.Detail == detail {
		return
	}
	if !there {
		d, ok := b.declared[code]
		if !ok {
			d = Declared{Code: code, Severity: Error, Title: string(code),
				Text: "The program has no words for this problem.", Remedy: "Please report it with the output of `loquet doctor`."}
		}
		p = Problem{Declared: d, Subject: subject, Since: time.Now()}
	}
	p.Detail = detail
	b.active[at] = p
	b.publish()
}

// Clear says that a problem is over, or was not there.
func (b *Board) Clear(code Code, subject string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, there := b.active[spot{code, subject}]; !there {
		return
	}
	delete(b.active, spot{code, subject})
	b.publish()
}

// Forget clears everything about a subject: a device that was removed has no problems.
func (b *Board) Forget(subject string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := len(b.active)
	for at := range b.active {
		if at.subject == subject {
			delete(b.active, at)
		}
	}
	if len(b.active) != before {
		b.publish()
	}
}

// Active returns what is wrong now: the worst first, then by subject and code.
func (b *Board) Active() []Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sorted()
}

// Subscribe delivers what is wrong, now and after each change. A slow reader misses what lies
// between and gets the newest. The channel is closed when ctx ends.
func (b *Board) Subscribe(ctx context.Context) <-chan []Problem {
	c := make(chan []Problem, 1)
	b.mu.Lock()
	c <- b.sorted()
	b.watchers[c] = struct{}{}
	b.mu.Unlock()
	context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, c)
		close(c)
	})
	return c
}

func (b *Board) sorted() []Problem {
	out := make([]Problem, 0, len(b.active))
	for _, p := range b.active {
		out = append(out, p)
	}
	slices.SortFunc(out, func(x, y Problem) int {
		return cmp.Or(-cmp.Compare(x.Severity, y.Severity), cmp.Compare(x.Subject, y.Subject), cmp.Compare(x.Code, y.Code))
	})
	return out
}

// publish runs under the lock, so that no watcher gets an older list after a newer one.
func (b *Board) publish() {
	for c := range b.watchers {
		select {
		case <-c: // an older one that nobody has read
		default:
		}
		c <- b.sorted()
	}
}
