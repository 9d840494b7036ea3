package lines_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/lines"
)

// teller is a bolt that tells, and cannot be asked.
type teller struct{ feed hw.Feed[device.LockReading] }

func (b *teller) Throw(context.Context, device.BoltTarget) error { return nil }

func (b *teller) Readings(ctx context.Context) <-chan device.LockReading {
	return b.feed.Subscribe(ctx)
}

// A lock that cannot be asked stands by what it has told: to be asked does not make it unknown, nor any fresher.
func TestABoltThatCannotBeAsked(t *testing.T) {
	b := &teller{}
	l, err := lines.NewLock(t.Context(), hw.NewEnv(zerolog.Nop()).For("front"), b, lines.BoltParts{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if r, err := l.RefreshBolt(ctx); err == nil {
		t.Errorf("it has told nothing, and is %+v", r)
	}
	told := device.LockReading{Bolt: device.BoltSecured, DoorOpen: device.No, Taken: time.Now().Add(-time.Hour), Battery: device.Battery{Low: true}}
	b.feed.Publish(told)
	if r, err := l.RefreshBolt(t.Context()); err != nil || r != told {
		t.Errorf("it told %+v, and is %+v, %v", told, r, err)
	}
}

// strange is a board that is there and must not be used, with a relay that knows why.
type strange struct{ hw.Board }

type strangeRelay struct{ hw.Output }

var errStrange = &hw.OpError{Op: "use the board", Err: device.ErrUnavailable, Hint: "set its power-on default to off"}

func (strange) Output(context.Context, string, hw.OutputOptions) (hw.Output, error) {
	return strangeRelay{}, nil
}
func (strange) Close() error                { return nil }
func (strangeRelay) Last() (hw.Level, bool) { return hw.Level{}, false }
func (strangeRelay) Why() error             { return errStrange }
func (strangeRelay) Close() error           { return nil }

// A relay alone on a board that must not be used: whoever asks is told what to do about that board, also where the
// contacts of the door are elsewhere.
func TestARelayKnowsWhy(t *testing.T) {
	env := hw.NewEnv(zerolog.Nop())
	if err := env.Add("far", strange{}); err != nil {
		t.Fatal(err)
	}
	opener, err := lines.NewOpener(t.Context(), env.For("gate"), lines.OpenerConfig{Relay: "far:relay-1", Pulse: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var op *hw.OpError
	if _, err := opener.Refresh(t.Context()); !errors.As(err, &op) || op.Hint != errStrange.Hint || op.Device != "gate" || !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("%v, %+v", err, op)
	}
	if err := env.Close(); err != nil {
		t.Error(err)
	}
}
