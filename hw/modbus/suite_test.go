package modbus

import (
	"context"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/lines"
)

// lent tells the simulated board which level is rest, as the wiring of a relay does.
type lent struct{ rig }

func (l lent) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	if n, err := number(line, relayLine, 8); err == nil {
		l.board.mu.Lock()
		_, used := l.board.outs[n]
		l.board.mu.Unlock()
		if !used {
			do(l.fake, func() bool { l.rest[n] = o.Rest != o.ActiveLow; return true })
		}
	}
	out, err := l.board.Output(ctx, line, o)
	if err == nil {
		connected(ctx, out.Watch)
	}
	return out, err
}

func (l lent) Input(ctx context.Context, line string, o hw.InputOptions) (hw.Input, error) {
	in, err := l.board.Input(ctx, line, o)
	if err == nil {
		connected(ctx, in.Watch)
	}
	return in, err
}

func (l lent) Close() error { return l.board.Close() }

// connected waits until a line is there: a board may still be connecting.
func connected(ctx context.Context, watch func(context.Context) <-chan hw.Level) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	<-watch(ctx)
}

func TestBoards(t *testing.T) {
	for name, v := range variants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hwtest.TestBoard(t, func(t *testing.T) hwtest.BoardRig {
				r := newRig(t, v.scheme, v.kind)
				return hwtest.BoardRig{
					Board: lent{r}, Out: "relay-2", In: "input-3",
					High: func() bool { return r.relay(2) }, Drive: func(high bool) { r.drive(3, high) },
					Clicks: r.count, Close: r.env.Close, Wire: r.wire,
				}
			})
		})
	}
}

// A strike on such a board: a line that is cut, an answer that is lost or late is one click at most.
func TestStrike(t *testing.T) {
	for name, v := range variants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hwtest.TestBolt(t, func(t *testing.T) hwtest.BoltRig {
				r := newRig(t, v.scheme, v.kind)
				if err := r.env.Add("board", r.board); err != nil {
					t.Fatal(err)
				}
				c := lines.StrikeConfig{Relay: "board:relay-4", Hold: 500 * time.Millisecond, Cap: time.Second}
				strike, err := lines.NewStrike(t.Context(), r.env.For("studio"), c)
				if err != nil {
					t.Fatal(err)
				}
				<-strike.Readings(t.Context()) // a board may still be connecting
				return hwtest.BoltRig{
					Bolt: strike, Traits: c.Traits(), Target: device.BoltTargetUnsecured,
					Peer: hwtest.Peer{
						Device: "studio", Clicks: r.count, Energised: func() bool { return r.relay(4) },
						Close: r.env.Close, Wire: r.wire,
					},
				}
			})
		})
	}
}
