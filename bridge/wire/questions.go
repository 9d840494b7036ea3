package wire

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/catalog"
)

// pins is the board of this machine's own lines.
const pins = catalog.Pins

// kind is what the relay works.
type kind int

const (
	opener kind = iota + 1 // one button
	strike
)

// pulse is how long the relay is on, once.
func (k kind) pulse() time.Duration {
	if k == strike {
		return time.Second
	}
	return 400 * time.Millisecond
}

// questions asks the three questions, until the answers make a configuration, and draws the wiring.
func (t *talk) questions(ctx context.Context) error {
	for {
		if err := t.three(ctx); err != nil {
			return err
		}
		if err := t.file.try(t.section(sample)); err != nil {
			t.say("\nThat cannot be:\n%s", problems(err))
			continue
		}
		t.draw()
		ok, err := t.yes(ctx, "\nIs it wired like this?")
		if err != nil || ok {
			return err
		}
		t.say("Wire it, or give other answers.")
	}
}

func (t *talk) three(ctx context.Context) (err error) {
	t.say("\n1. What does the relay work?")
	t.say("   1  the one button of a garage door or gate")
	t.say("   2  an electric strike")
	t.say("   (Motors with an input for each direction, magnets and bolts are written by hand: docs/configuration.md)")
	for t.kind = 0; t.kind == 0; {
		answer, err := t.ask(ctx, "   1 or 2?")
		if err != nil {
			return err
		}
		t.kind = map[string]kind{"1": opener, "2": strike}[answer]
	}
	t.say("\n2. Which relay? For example gpio:17 or barn:relay-1. A ! in front if the relay pulls while its input is low,")
	t.say("   as most boards with optocouplers do: !gpio:17")
	if t.relay, err = t.ref(ctx, "   Relay:", false); err != nil {
		return err
	}
	t.say("\n3. Which contact is made while the door is closed? For example !gpio:27 (a reed switch between the pin and")
	t.say("   ground) or barn:input-1.")
	if t.kind == strike {
		t.say("   Leave it empty if the door has none.")
	}
	t.contact, err = t.ref(ctx, "   Contact:", t.kind == strike)
	return err
}

// ref asks for a line until there is one.
func (t *talk) ref(ctx context.Context, prompt string, may bool) (hw.Ref, error) {
	for {
		answer, err := t.ask(ctx, prompt)
		if err != nil || answer == "" && may {
			return "", err
		}
		ref := hw.Ref(answer)
		if _, err := ref.Parse(); err == nil {
			return ref, nil
		}
		t.say("   write board:line, for example gpio:17")
	}
}

// problems are the errors of a configuration, one below the other.
func problems(err error) string {
	var wrong config.Errors
	if !errors.As(err, &wrong) {
		return "  " + err.Error()
	}
	var b strings.Builder
	for _, f := range wrong {
		b.WriteString("  " + f.What + "\n  " + f.Remedy + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// flipped is the same line with the other polarity.
func flipped(ref hw.Ref) hw.Ref {
	if rest, low := strings.CutPrefix(string(ref), "!"); low {
		return hw.Ref(rest)
	}
	return "!" + ref
}
