package history

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

func TestRefusalsAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Refusals
		entry := func(who string, a device.Action) device.Entry {
			return device.Entry{Kind: device.EntryRefused, Device: "garage", Action: a, Code: device.RefusedRole, Cause: device.Cause{Kind: device.CauseHomeKit, Actor: who}}
		}
		r.Tell(entry("early", device.ActionOpen)) // before there is a history
		journal := &devicetest.Journal{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.Write(ctx, journal, zerolog.Nop())
		}()
		rows := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := len(journal.Rows(device.EntryRefused)); got != want {
				t.Errorf("%d rows, want %d", got, want)
			}
		}
		rows(1)
		for range 1000 { // who hammers fills no disk
			r.Tell(entry("guest", device.ActionOpen))
		}
		rows(2)
		r.Tell(entry("guest", device.ActionClose))
		r.Tell(entry("other", device.ActionOpen))
		rows(4)
		time.Sleep(refusedOnce)
		r.Tell(entry("guest", device.ActionOpen))
		rows(5)
		time.Sleep(refusedOnce)
		for i := range 10 * maxRefused { // nor does who changes its name
			r.Tell(entry(fmt.Sprint(i), device.ActionOpen))
		}
		rows(5 + maxRefused)
		cancel()
		<-ended
	})
}
