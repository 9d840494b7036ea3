package unit

import (
	"context"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/lines"
)

// teller is a bolt that says one thing.
type teller struct{ r device.LockReading }

func (b teller) Throw(context.Context, device.BoltTarget) error { return nil }
func (b teller) Readings(context.Context) <-chan device.LockReading {
	ch := make(chan device.LockReading, 1)
	ch <- b.r
	close(ch)
	return ch
}
func (b teller) RefreshBolt(context.Context) (device.LockReading, error) { return b.r, nil }

func TestNamed(t *testing.T) {
	slot := func(actor string) device.Cause { return device.Cause{Kind: device.CauseCode, Actor: actor} }
	for _, c := range []struct{ is, want device.Cause }{
		{slot("slot:3"), slot("code-of-ada")},
		{slot("slot:4"), slot("slot:4")}, // nobody's
		{slot("typed-at-a-pad"), slot("typed-at-a-pad")},
		{device.Cause{Kind: device.CauseOutside, Actor: "slot:3"}, device.Cause{Kind: device.CauseOutside, Actor: "slot:3"}},
		{device.Cause{}, device.Cause{}},
	} {
		lock, err := lines.NewLock(t.Context(), hw.NewEnv(zerolog.Nop()).For("front"), teller{device.LockReading{Bolt: device.BoltUnsecured, Cause: c.is}}, lines.BoltParts{})
		if err != nil {
			t.Fatal(err)
		}
		n := &named{lock, "front", func(lock string, slot int) (string, bool) { return "code-of-ada", lock == "front" && slot == 3 }}
		if r := <-n.Readings(t.Context()); r.Cause != c.want || r.Bolt != device.BoltUnsecured {
			t.Errorf("%+v is told as %+v", c.is, r)
		}
		if r, err := n.RefreshBolt(t.Context()); err != nil || r.Cause != c.want {
			t.Errorf("%+v is told as %+v when it is asked, %v", c.is, r, err)
		}
	}
}
