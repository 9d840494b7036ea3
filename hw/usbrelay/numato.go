package usbrelay

import (
	"bytes"
	"context"
	"fmt"

	"github.com/loquet/loquet/device"
)

// numato is a board of the Numato kind: it echoes each line that a carriage return ends, answers, and
// prompts with ">".
type numato struct{ *cable }

// openNumato sends a carriage return, which ends whatever came before, and waits for the prompt.
func openNumato(ctx context.Context, c *cable) (relays, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := c.ask(ctx, []byte("\r"), func(got []byte) bool { return bytes.IndexByte(got, '>') >= 0 }); err != nil {
		c.Close()
		return nil, fmt.Errorf("%w: there is no prompt: is this a Numato board?", device.ErrUnavailable)
	}
	return numato{c}, nil
}

// set implements relays: the order, and then the question whether it was obeyed.
func (n numato) set(ctx context.Context, channel int, on bool) error {
	verb := "off"
	if on {
		verb = "on"
	}
	if _, err := n.line(ctx, "relay "+verb+" "+numatoRelay(channel)); err != nil {
		return err
	}
	state, err := n.line(ctx, "relay read "+numatoRelay(channel))
	if err != nil || state != "on" && state != "off" {
		return fmt.Errorf("%w: the relay board does not tell the relay's state", device.ErrUnsure)
	}
	return disobeyed(on, state == "on")
}

// line gives one line and returns what comes between its echo and the prompt.
func (n numato) line(ctx context.Context, line string) (string, error) {
	var text string
	err := n.ask(ctx, []byte(line+"\r"), func(got []byte) bool {
		answer, ok := numatoAnswer(got, line)
		text = answer
		return ok
	})
	return text, err
}

// numatoAnswer finds the answer to a line: late answers to others stand before its echo.
func numatoAnswer(got []byte, line string) (string, bool) {
	echo := bytes.LastIndex(got, []byte(line+"\r"))
	if echo < 0 {
		if echo = bytes.LastIndex(got, []byte(line+"\n")); echo < 0 {
			return "", false
		}
	}
	answer, _, ok := bytes.Cut(got[echo+len(line):], []byte(">"))
	return string(bytes.TrimSpace(answer)), ok
}

// numatoRelay writes the number of a relay: 0 to 9, then A to V.
func numatoRelay(channel int) string { return "0123456789ABCDEFGHIJKLMNOPQRSTUV"[channel : channel+1] }
