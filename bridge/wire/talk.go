package wire

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// longestAnswer is more than anybody types.
const longestAnswer = 512

// typed reads lines until the terminal is closed or ctx ends.
func typed(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(in)
		s.Buffer(nil, longestAnswer)
		for s.Scan() {
			select {
			case lines <- strings.TrimSpace(s.Text()):
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

func (t *talk) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format+"\n", args...) // a terminal that is gone is noticed by the next question
}

// ask waits for a line.
func (t *talk) ask(ctx context.Context, prompt string) (string, error) {
	_, _ = fmt.Fprint(t.out, prompt+" ")
	select {
	case line, ok := <-t.lines:
		if !ok {
			return "", ErrStopped
		}
		return line, nil
	case <-ctx.Done():
		return "", ErrStopped
	}
}

// yes waits for the word itself: what is not yes is no.
func (t *talk) yes(ctx context.Context, prompt string) (bool, error) {
	answer, err := t.ask(ctx, prompt+" [yes/no]")
	return strings.EqualFold(answer, "yes"), err
}
