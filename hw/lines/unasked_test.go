package lines_test

import (
	"context"
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
