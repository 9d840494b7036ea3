package usbrelay

import (
	"strconv"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/lines"
	"github.com/rs/zerolog"
)

// A strike on such a board: a plug that is pulled, an answer that is lost or late is one click at most.
func TestStrike(t *testing.T) {
	for name, kind := range kinds() {
		if name == "lcus" {
			continue // says nothing, so that nothing can be lost; the suite for boards has it
		}
		t.Run(name, func(t *testing.T) {
			hwtest.TestBolt(t, func(t *testing.T) hwtest.BoltRig {
				r := newRig(t, kind.config, kind.serve)
				relay := kind.first + 1
				env := hw.NewEnv(zerolog.Nop())
				if err := env.Add("board", r.board); err != nil {
					t.Fatal(err)
				}
				c := lines.StrikeConfig{Relay: hw.Ref("board:" + strconv.Itoa(relay)), Hold: 500 * time.Millisecond, Cap: time.Second}
				strike, err := lines.NewStrike(t.Context(), env.For("studio"), c)
				if err != nil {
					t.Fatal(err)
				}
				<-strike.Readings(t.Context()) // a board may still be connecting
				return hwtest.BoltRig{
					Bolt: strike, Traits: c.Traits(), Target: device.BoltTargetUnsecured,
					Peer: hwtest.Peer{
						Device: "studio", Clicks: r.count, Energised: func() bool { return r.get(relay) },
						Close: env.Close, Wire: r.wire,
					},
				}
			})
		})
	}
}
