package lines_test

import (
	"context"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/lines"
)

// BenchmarkTrigger measures the way from the actor's worker to the simulated relay and back. The release is
// outside of the time.
func BenchmarkTrigger(b *testing.B) {
	for _, socket := range []bool{false, true} {
		name := "in process"
		if socket {
			name = "over the socket"
		}
		b.Run(name, func(b *testing.B) {
			p := build(b, "garage", socket)
			relay, err := p.env.Output(b.Context(), "sim:garage/relay", hw.OutputOptions{Cap: time.Second})
			if err != nil {
				b.Fatal(err)
			}
			opener := lines.OpenerOn(relay, time.Second)
			ctx := context.Background()
			for b.Loop() {
				if err := opener.Trigger(ctx, device.TargetOpen); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := relay.Set(ctx, false, 0); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkRefresh measures how long it takes to read the contacts afresh.
func BenchmarkRefresh(b *testing.B) {
	for _, socket := range []bool{false, true} {
		name := "in process"
		if socket {
			name = "over the socket"
		}
		b.Run(name, func(b *testing.B) {
			p := build(b, "garage", socket)
			c := configs["garage"]
			opener, err := lines.NewOpener(b.Context(), p.env, c.opener)
			if err != nil {
				b.Fatal(err)
			}
			door, err := lines.NewDoor(b.Context(), p.env, opener, c.opener.Traits(), c.parts)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := door.Refresh(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
