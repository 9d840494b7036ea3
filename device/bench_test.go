package device_test

import (
	"context"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// fastOpener is a commanded opener that is open or closed at once.
type fastOpener struct{ readings chan device.Reading }

func (o *fastOpener) Trigger(_ context.Context, t device.Target) error {
	at := device.PlaceClosed
	if t == device.TargetOpen {
		at = device.PlaceOpen
	}
	o.readings <- device.Reading{At: at, Taken: time.Now()}
	return nil
}

func (o *fastOpener) Readings(context.Context) <-chan device.Reading { return o.readings }

// BenchmarkAlready is a command that finds its door there.
func BenchmarkAlready(b *testing.B) {
	o := &fastOpener{readings: make(chan device.Reading, 1)}
	cfg := device.DoorConfig{ID: "gate", Traits: device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true}}
	door := startFast(b, cfg, o)
	c := device.Command{Action: device.ActionOpen, Cause: by("a")}
	b.ReportAllocs()
	for b.Loop() {
		if a, err := door.Command(context.Background(), c); err != nil || !a.Already {
			b.Fatal(a, err)
		}
	}
}

// BenchmarkActuate is the way from a command to its answer: intent, throw, started. The 2 s between
// two edges are got around with locks of their own.
func BenchmarkActuate(b *testing.B) {
	var total time.Duration
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		bolt := &devicetest.Bolt{ID: "studio", Traits: device.BoltTraits{Drive: device.BoltDriveStrike, Hold: time.Millisecond}}
		bolt.Put(device.BoltSecured)
		lock, err := device.NewLock(strike(), bolt, device.Deps[device.LockState]{Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan struct{})
		go func() { defer close(done); lock.Run(ctx) }()
		for !lock.State().Available {
			time.Sleep(50 * time.Millisecond)
		}
		b.StartTimer()
		began := time.Now()
		_, err = lock.Command(ctx, device.Command{Action: device.ActionUnlock, Cause: by("a")})
		if throws := bolt.Throws(); err == nil && len(throws) == 1 {
			total += throws[0].Sub(began)
			n++
		}
		b.StopTimer()
		if err != nil {
			b.Fatal(err)
		}
		cancel()
		<-done
		b.StartTimer()
	}
	b.ReportMetric(float64(total.Nanoseconds())/float64(n), "ns-to-relay")
}

func startFast(b *testing.B, cfg device.DoorConfig, o *fastOpener) *device.Door {
	b.Helper()
	door, err := device.NewDoor(cfg, o, device.Deps[device.DoorState]{Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); door.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-done })
	o.readings <- device.Reading{At: device.PlaceOpen, Taken: time.Now()}
	for door.State().Position != device.PositionOpen {
		time.Sleep(50 * time.Millisecond)
	}
	return door
}
