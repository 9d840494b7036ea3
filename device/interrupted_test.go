package device_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// Two edges of one relay are two seconds apart although the program ended in between and knows of the
// first only by its journal.
func TestTwoSecondsAreKeptOverARestart(t *testing.T) {
	bubble(t, "door", func(t *testing.T) {
		cfg := garage()
		cfg.Kind, cfg.RemoteClose = device.KindGateSliding, device.RemoteCloseDeclared
		cfg.Traits = device.DoorTraits{Drive: device.DriveDiscrete, SensesClosed: true, SensesOpen: true, Refreshes: true}
		b := newBench(t, cfg, device.PlaceClosed)
		a, err := b.do(device.ActionOpen, by("a"))
		accepted(t, a, err)
		time.Sleep(100 * time.Millisecond)
		b.interrupted = true
		b.restart(cfg)
		time.Sleep(time.Second)
		_, err = b.do(device.ActionOpen, keypad())
		code(t, err, device.RefusedTooSoon)
		b.pulses(1)
		time.Sleep(time.Second)
		a, err = b.do(device.ActionOpen, keypad())
		accepted(t, a, err)
		b.pulses(2)
		b.stop()
	})
	bubble(t, "lock", func(t *testing.T) {
		bolt := &devicetest.Bolt{ID: "front", Traits: device.BoltTraits{Drive: device.BoltDriveMotor}}
		lock, err := device.NewLock(device.LockConfig{ID: "front", Traits: bolt.Traits}, bolt,
			device.Deps[device.LockState]{Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}, Interrupted: true})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		bolt.Put(device.BoltSecured)
		go lock.Run(ctx)
		time.Sleep(time.Second)
		synctest.Wait()
		unlock := device.Command{Action: device.ActionUnlock, Cause: keypad()}
		_, err = lock.Command(ctx, unlock)
		code(t, err, device.RefusedTooSoon)
		time.Sleep(time.Second)
		a, err := lock.Command(ctx, unlock)
		accepted(t, a, err)
	})
}
