package years

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/lines"
	"github.com/loquet/loquet/hw/sim"
)

// board lends the lines of the world, and looks at every order to a relay.
type board struct {
	*sim.Board
	life *life
}

// Output implements hw.Board.
func (b *board) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	out, err := b.Board.Output(ctx, line, o)
	if err != nil || !strings.HasSuffix(line, "relay") {
		return out, err
	}
	id, _, _ := strings.Cut(line, "/")
	return &meter{Output: out, life: b.life, device: id, line: line}, nil
}

// meter is a relay whose orders are judged.
type meter struct {
	hw.Output
	life         *life
	device, line string
}

// Set implements hw.Output.
func (m *meter) Set(ctx context.Context, active bool, most time.Duration) error {
	if !active || m.life.over() {
		return m.Output.Set(ctx, active, most)
	}
	before := m.life.h.truth(m.device)
	err := m.Output.Set(ctx, active, most)
	if err == nil {
		m.life.h.book.order(m.life, m.device, m.line, before, m.life.h.truth(m.device))
	}
	return err
}

func (h *house) truth(id string) sim.Status {
	s, err := h.world.Status(id)
	if err != nil {
		h.t.Errorf("seed %d: %v", h.seed, err)
	}
	return s
}

// fault is what is wrong with a door's driver at the moment.
type fault struct {
	mu     sync.Mutex
	lose   bool          // the answer to the next order is lost
	refuse bool          // the next order is not carried out
	slow   time.Duration // that the next order takes
	frozen time.Time     // since when nothing is heard of its sensors; zero: all is heard
	thaw   chan struct{}
	owed   time.Time // when the last order was given
	broken bool      // wires of its contacts are cut
	sensor time.Time // when its sensors were last tampered with, or mended
}

func (f *fault) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen.IsZero() {
		f.frozen, f.thaw = time.Now(), make(chan struct{})
	}
}

func (f *fault) melt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.frozen.IsZero() {
		f.frozen, f.sensor = time.Time{}, time.Now()
		close(f.thaw)
	}
}

// touched notes that somebody was at the contacts, and whether they are broken from now on.
func (f *fault) touched(broken bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sensor, f.broken = time.Now(), broken
}

// blind is for how long nothing was heard of the sensors.
func (f *fault) blind() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen.IsZero() {
		return 0
	}
	return time.Since(f.frozen)
}

// sound reports whether the sensors have told the truth for a while.
func (f *fault) sound(d time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.frozen.IsZero() && !f.broken && time.Since(f.sensor) > d
}

// given is when the last order was given to the driver, which may be slow.
func (f *fault) given() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owed
}

// heard is how old the last word of the sensors was when the last order was given.
func (f *fault) heard() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen.IsZero() {
		return 0
	}
	return f.owed.Sub(f.frozen)
}

func (f *fault) cold() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen.IsZero() {
		return nil
	}
	return f.thaw
}

// troubled is a driver with a fault.
type troubled struct {
	*lines.Door
	fault *fault
}

var errLost = errors.New("no answer")

// Trigger implements device.Opener.
func (d *troubled) Trigger(ctx context.Context, target device.Target) error {
	f := d.fault
	f.mu.Lock()
	lose, refuse, slow := f.lose, f.refuse, f.slow
	f.lose, f.refuse, f.slow, f.owed = false, false, 0, time.Now()
	f.mu.Unlock()
	if refuse {
		return device.ErrUnavailable
	}
	time.Sleep(slow)
	err := d.Door.Trigger(ctx, target)
	if lose && err == nil {
		return errors.Join(device.ErrUnsure, errLost)
	}
	return err
}

// Refresh implements device.Refresher.
func (d *troubled) Refresh(ctx context.Context) (device.Reading, error) {
	if d.fault.blind() > 0 {
		<-ctx.Done()
		return device.Reading{}, ctx.Err()
	}
	return d.Door.Refresh(ctx)
}

// Readings implements device.Opener.
func (d *troubled) Readings(ctx context.Context) <-chan device.Reading {
	in, out := d.Door.Readings(ctx), make(chan device.Reading, 1)
	go func() {
		defer close(out)
		for r := range in {
			for cold := d.fault.cold(); cold != nil; cold = d.fault.cold() {
				select {
				case <-cold:
					if last, ok := newest(in); ok {
						r = last
					}
				case <-ctx.Done():
					return
				}
			}
			hw.Offer(out, r)
		}
	}()
	return out
}

// newest takes what waits in a channel.
func newest(in <-chan device.Reading) (r device.Reading, ok bool) {
	select {
	case r, ok = <-in:
		return r, ok
	default:
		return r, false
	}
}
