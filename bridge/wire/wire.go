// Package wire is the conversation behind `loquet wire`: from a relay and a contact on the table to a
// section of the configuration, one step at a time and with the owner watching.
//
// Until the owner types yes, twice, nothing is energised: not even the relay is requested. Then it is one
// pulse, and never a second. The contact is watched before that, while the door is moved by hand and while
// nobody touches it. The file is changed last, and only to one that passes the checks.
package wire

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
)

// Options are what the conversation is about.
type Options struct {
	Env     *hw.Env // with the boards of the configuration in it
	Path    string  // the configuration; it need not exist
	Catalog config.Catalog
	Serial  []string // serial ports of this machine, for the list

	Idle time.Duration // that the contact must rest; 0: 10 s
	Look time.Duration // that the contact is watched after the pulse; 0: 30 s
}

// Errors with which a conversation ends early. Nothing was written.
var (
	// ErrStopped: the owner said no, or the terminal was closed.
	ErrStopped = errors.New("stopped, and nothing was written")
	// ErrFile: the configuration cannot be used.
	ErrFile = errors.New("the configuration cannot be used")
)

// talk is one conversation.
type talk struct {
	Options
	lines <-chan string // what the owner types
	out   io.Writer
	file  *file

	kind    kind
	relay   hw.Ref
	contact hw.Ref // empty: none
}

// Run leads the conversation. What it borrows goes back, at rest, when it returns.
func Run(ctx context.Context, o Options, in io.Reader, out io.Writer) error {
	if o.Idle == 0 {
		o.Idle = 10 * time.Second
	}
	if o.Look == 0 {
		o.Look = 30 * time.Second
	}
	f, err := readFile(o.Path, o.Catalog)
	if err != nil {
		return err
	}
	t := &talk{Options: o, out: out, file: f, lines: typed(ctx, in)}
	t.say("This finds out how one door is wired, gives it one pulse while you watch, and writes it down.")
	t.say("Nothing is energised before you type yes. Ctrl-C ends it at any time.")
	t.list()
	for _, step := range []func(context.Context) error{t.questions, t.watched, t.idle, t.pulse, t.write} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
