package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/hw"
)

// seen is what a contact did.
type seen struct {
	made    bool
	changes int
	first   time.Duration // until the first change
	lost    bool          // it became unavailable
	heard   bool          // it said anything at all
}

// bounce is how long a contact gets to come to rest after the owner says that the door stands.
const bounce = 300 * time.Millisecond

// watching reads a contact until stop is closed or ctx ends, and says each change.
func (t *talk) watching(ctx context.Context, in hw.Input, loud bool, stop <-chan struct{}) seen {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	levels := in.Watch(ctx)
	began := time.Now()
	var (
		s    seen
		seq  uint64
		rest <-chan time.Time // once it is stopped: when what bounces is at rest
	)
	for {
		select {
		case level, ok := <-levels:
			switch {
			case !ok:
				s.lost = ctx.Err() == nil
				return s
			case s.heard && level.Seq > seq:
				s.changes += int(level.Seq - seq) // a slow reader misses levels, never the count
			case s.heard && level.Active != s.made:
				s.changes++ // a chip that is asked again and again counts nothing
			}
			if s.changes > 0 && s.first == 0 {
				s.first = time.Since(began)
			}
			if loud && (!s.heard || level.Active != s.made) {
				t.say("   %s", contactWord(level.Active))
			}
			s.heard, seq, s.made = true, level.Seq, level.Active
		case <-stop:
			stop = nil
			rest = time.After(bounce)
		case <-rest:
			return now(ctx, in, s)
		case <-ctx.Done():
			return s
		}
	}
}

// now asks the contact once more: what it told last may still be on its way.
func now(ctx context.Context, in hw.Input, s seen) seen {
	level, err := in.Read(ctx)
	if err != nil {
		s.lost = true
		return s
	}
	if s.heard && level.Active != s.made {
		s.changes++
	}
	s.made = level.Active
	return s
}

func contactWord(made bool) string {
	if made {
		return "made: the door is closed"
	}
	return "open: the door is not closed"
}

// watched watches the contact while the owner moves the door, and learns which way round it is.
func (t *talk) watched(ctx context.Context) error {
	if t.contact == "" {
		return nil
	}
	t.say("\nNow the contact. Nothing is energised. Free the door from its opener (the emergency release), open it by hand,")
	t.say("and close it again.")
	for {
		in, err := t.borrow(ctx)
		if err != nil {
			return err
		}
		s, err := t.until(ctx, in, "   Press Enter when the door is closed again.")
		if err != nil {
			return err
		}
		switch {
		case s.lost:
			t.say("   The contact %s went away: see that its board has power. Once more.", t.contact)
			continue
		case s.changes < 2:
			t.say("   It changed %s, and must change twice at least. Look at the magnet, the wires and the name of the line.", times(s.changes))
			t.say("   Once more: open the door, and close it.")
			continue
		case s.made:
			t.say("   Good: it changed %s and is made.", times(s.changes))
			return nil
		}
		t.say("   It changed %s, but is open while you say that the door is closed.", times(s.changes))
		turn, err := t.yes(ctx, "   Is it a contact that opens when the door closes? Then it is taken the other way round")
		if err != nil {
			return err
		}
		if turn {
			t.contact = flipped(t.contact)
		}
		t.say("   Once more with %s: open the door, and close it.", t.contact)
	}
}

// borrow requests the contact, for this step only.
func (t *talk) borrow(ctx context.Context) (hw.Input, error) {
	env := t.Env.For("wire")
	in, err := env.Input(ctx, t.contact)
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	return lent{in, env}, nil
}

// lent is a line that is given back with its Env.
type lent struct {
	hw.Input
	env *hw.Env
}

func (l lent) Close() error { return l.env.Close() }

// until watches until the owner presses Enter.
func (t *talk) until(ctx context.Context, in hw.Input, prompt string) (seen, error) {
	defer func() { _ = in.Close() }()
	stop, result := make(chan struct{}), make(chan seen, 1)
	t.say("%s", prompt)
	go func() { result <- t.watching(ctx, in, true, stop) }()
	var lost *seen
	for {
		select {
		case _, ok := <-t.lines:
			close(stop)
			if lost != nil {
				return *lost, nil
			}
			s := <-result
			if !ok || ctx.Err() != nil {
				return s, ErrStopped
			}
			return s, nil
		case s := <-result:
			lost, result = &s, nil
		case <-ctx.Done():
			return seen{}, ErrStopped
		}
	}
}

// idle checks that the contact rests while nobody touches anything: a wire that picks up noise is found
// here and not by a door that moves.
func (t *talk) idle(ctx context.Context) error {
	if t.contact == "" {
		return nil
	}
	for {
		t.say("\nHands off. The contact is watched for %v.", t.Idle)
		s, err := t.quiet(ctx, t.Idle)
		if err != nil {
			return err
		}
		if s.changes == 0 && !s.lost && s.made {
			t.say("   Good: it did not change.")
			return nil
		}
		t.say("   It changed %s while nobody touched it, or was not made. The relay is not used like that.", times(s.changes))
		t.say("   Look for a loose wire, a magnet at its limit, or a long wire without a resistor (1 to 10 kOhm to its supply).")
		if _, err := t.ask(ctx, "   Press Enter to try again."); err != nil {
			return err
		}
	}
}

// quiet watches the contact for a time.
func (t *talk) quiet(ctx context.Context, d time.Duration) (seen, error) {
	in, err := t.borrow(ctx)
	if err != nil {
		return seen{}, err
	}
	defer func() { _ = in.Close() }()
	return t.span(ctx, in, d, false)
}

func (t *talk) span(ctx context.Context, in hw.Input, d time.Duration, loud bool) (seen, error) {
	stop := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(stop) })
	defer timer.Stop()
	s := t.watching(ctx, in, loud, stop)
	if ctx.Err() != nil {
		return s, ErrStopped
	}
	return s, nil
}

func times(n int) string {
	switch n {
	case 0:
		return "not once"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
