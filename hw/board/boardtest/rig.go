// Package boardtest is what the tests of boards that come and go share: the suites that each of them passes, relays that
// are simulated, and the waiting.
package boardtest

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/lines"
)

// Peer is the simulated board behind the wire. Relays and inputs go by the numbers of their lines.
type Peer interface {
	High(relay int) bool
	Clicks() int
	Drive(input int, high bool)
	// Wired says at which level a relay is to rest, and how long it may be away: its wires say so, or its owner
	// has set it up for that.
	Wired(relay int, rest bool, longest time.Duration)
}

// Rig is a board with a simulated one behind it.
type Rig struct {
	Board  hw.Board
	Env    *hw.Env
	Wire   *hwtest.Wire
	Peer   Peer
	Relays string // the prefix of its relays
	Inputs string // of its inputs; empty where it has none
	Second int    // the number of its second relay, and of an input

	Networked bool // it lends no output that may stay
}

// Test runs TestLines and TestStrike.
func Test(t *testing.T, rig func(t *testing.T) Rig) {
	t.Run("board", func(t *testing.T) { TestLines(t, rig) })
	t.Run("strike", func(t *testing.T) { TestStrike(t, rig) })
}

// TestLines runs the suite for boards.
func TestLines(t *testing.T, rig func(t *testing.T) Rig) {
	hwtest.TestBoard(t, func(t *testing.T) hwtest.BoardRig {
		r := rig(t)
		in := ""
		if r.Inputs != "" {
			in = r.Inputs + strconv.Itoa(r.Second)
		}
		return hwtest.BoardRig{
			Networked: r.Networked, Board: r.lent(t), Out: r.Relays + strconv.Itoa(r.Second), In: in,
			High: func() bool { return r.Peer.High(r.Second) }, Drive: func(high bool) { r.Peer.Drive(r.Second, high) },
			Clicks: r.Peer.Clicks, Close: r.Env.Close, Wire: r.Wire,
		}
	})
}

// TestStrike runs the suite for bolts on a strike with a relay of the board: a network that is cut, an answer that is
// lost or late is one click at most.
func TestStrike(t *testing.T, rig func(t *testing.T) Rig) {
	hwtest.TestBolt(t, func(t *testing.T) hwtest.BoltRig {
		r := rig(t)
		r.lent(t)
		c := lines.StrikeConfig{Relay: hw.Ref("board:" + r.Relays + strconv.Itoa(r.Second)), Hold: 500 * time.Millisecond, Cap: time.Second}
		strike, err := lines.NewStrike(t.Context(), r.Env.For("studio"), c)
		if err != nil {
			t.Fatal(err)
		}
		<-strike.Readings(t.Context())
		return hwtest.BoltRig{
			Bolt: strike, Traits: c.Traits(), Target: device.BoltTargetUnsecured,
			Peer: hwtest.Peer{Device: "studio", Clicks: r.Peer.Clicks, Energised: func() bool { return r.Peer.High(r.Second) }, Close: r.Env.Close, Wire: r.Wire},
		}
	})
}

// lent puts the board into the house as somebody does who has wired it, and lends its lines when they are there.
func (r Rig) lent(t *testing.T) hw.Board {
	t.Helper()
	b := lent{r}
	if err := r.Env.Add("board", b); err != nil {
		t.Fatal(err)
	}
	return b
}

type lent struct{ Rig }

func (l lent) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	if digits, ok := strings.CutPrefix(line, l.Relays); ok {
		if n, err := strconv.Atoi(digits); err == nil {
			l.Peer.Wired(n, o.Rest != o.ActiveLow, o.Cap)
		}
	}
	out, err := l.Board.Output(ctx, line, o)
	if err == nil {
		Here(ctx, out.Watch)
	}
	return out, err
}

func (l lent) Input(ctx context.Context, line string, o hw.InputOptions) (hw.Input, error) {
	in, err := l.Board.Input(ctx, line, o)
	if err == nil {
		Here(ctx, in.Watch)
	}
	return in, err
}

func (l lent) Close() error { return l.Board.Close() }
