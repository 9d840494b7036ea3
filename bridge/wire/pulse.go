package wire

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// settleTime is how long the relay is watched after it was requested, at rest.
const settleTime = 2 * time.Second

// pulse requests the relay and energises it once, each after a yes of its own.
func (t *talk) pulse(ctx context.Context) error {
	t.say("\nNow the relay. Put the door back on its opener. Stand where you see the door and its path is free.")
	t.say("First the line is taken and held at rest. If its polarity is wrong the relay pulls at that moment, and")
	t.say("the door may move.")
	if err := t.consent(ctx, "Type yes to take the line %s.", t.relay); err != nil {
		return err
	}
	env := t.Env.For("wire")
	out, err := t.take(ctx, env)
	if err == nil {
		err = t.once(ctx, env, out)
	}
	return errors.Join(err, env.Close())
}

// consent goes on only with a yes.
func (t *talk) consent(ctx context.Context, prompt string, args ...any) error {
	t.say(prompt, args...)
	ok, err := t.yes(ctx, "  ")
	if err == nil && !ok {
		err = ErrStopped
	}
	return err
}

// take requests the relay at rest. If the owner sees it pull, it is requested the other way round, which
// lets go of it.
func (t *talk) take(ctx context.Context, env *hw.Env) (hw.Output, error) {
	for range 2 {
		out, err := env.Output(ctx, t.relay, hw.OutputOptions{Cap: t.kind.pulse()})
		if err != nil {
			return nil, err
		}
		if err := t.rests(ctx, out); err != nil {
			return nil, errors.Join(err, out.Close())
		}
		ok, err := t.yes(ctx, "   The line is held at rest. Is the relay off, its lamp dark?")
		if err != nil || ok {
			return out, err
		}
		if err := out.Close(); err != nil {
			return nil, err
		}
		t.relay = flipped(t.relay)
		t.say("   Then it is the other way round: %s. It lets go now.", t.relay)
	}
	t.say("   It is on both ways round: this is not the line of that relay, or the board has no power.")
	return nil, ErrStopped
}

// rests waits until the board has the line at rest, and sees that the door does not mind.
func (t *talk) rests(ctx context.Context, out hw.Output) error {
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, ok := <-out.Watch(waiting); !ok {
		return &hw.OpError{Op: "take " + string(t.relay), Err: device.ErrUnavailable, Hint: "see that the board has power and is connected; nothing was energised"}
	}
	if t.contact == "" {
		return nil
	}
	s, err := t.quiet(ctx, min(settleTime, t.Idle))
	if err == nil && s.changes > 0 {
		t.say("   The door moved when the line was taken.")
	}
	return err
}

// once is the one pulse.
func (t *talk) once(ctx context.Context, env *hw.Env, out hw.Output) error {
	t.say("\nNow one pulse of %v. It is not repeated, whatever happens.", t.kind.pulse())
	if err := t.consent(ctx, "Type yes to energise %s once.", t.relay); err != nil {
		return err
	}
	if t.contact == "" {
		if err := out.Set(ctx, true, t.kind.pulse()); err != nil {
			return err
		}
		return t.confirmed(ctx)
	}
	in, err := env.Input(ctx, t.contact)
	if err != nil {
		return err
	}
	if err := out.Set(ctx, true, t.kind.pulse()); err != nil {
		return err
	}
	t.say("   The pulse is given. The contact is watched for at most %v.", t.Look)
	s, err := t.moved(ctx, in)
	if err != nil {
		return err
	}
	if s.changes > 0 {
		t.say("   The contact changed after %v.", s.first.Round(100*time.Millisecond))
	} else {
		t.say("   The contact did not change.")
	}
	return t.confirmed(ctx)
}

// moved watches until the first change, or for as long as a door takes.
func (t *talk) moved(ctx context.Context, in hw.Input) (seen, error) {
	ctx, cancel := context.WithTimeout(ctx, t.Look)
	defer cancel()
	began := time.Now()
	var start *hw.Level
	for level := range in.Watch(ctx) {
		if start == nil {
			start = &level
			continue
		}
		return seen{made: level.Active, changes: 1, first: time.Since(began)}, nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return seen{}, ErrStopped
	}
	return seen{}, nil
}

func (t *talk) confirmed(ctx context.Context) error {
	question := "   Did the door do what one press of its button does?"
	if t.kind == strike {
		question = "   Was the strike released for a moment, and is it locked again?"
	}
	ok, err := t.yes(ctx, question)
	if err == nil && !ok {
		t.say("   Then something is wired differently. Press the button on the wall to see what the opener does, compare, and")
		t.say("   begin again. No second pulse is given.")
		err = ErrStopped
	}
	return err
}
