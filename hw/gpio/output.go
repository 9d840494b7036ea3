package gpio

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

const (
	grace = 100 * time.Millisecond // what hw.Bounded has before the second timer steps in
	again = 100 * time.Millisecond // between two tries of the second timer

	eremoteio = syscall.Errno(121) // Linux's: nobody answered on the I2C bus
)

// output is a requested output: hw.Bounded with the keeping of the line, and a second timer behind it.
type output struct {
	*hw.Bounded
	held *held
	rest bool

	mu    sync.Mutex
	ward  *ward  // for the guard process; nil where there is none
	order uint64 // counts what was driven; an older timer has no say
	timer *time.Timer
}

var _ hw.Output = (*output)(nil)

func newOutput(h *held, o hw.OutputOptions) *output {
	out := &output{held: h, rest: o.Rest}
	out.Bounded = hw.NewBounded(out.drive, out.free, o)
	out.ward = h.board.guard.add(h.req, o.Rest)
	go h.keep(out)
	return out
}

// Close implements hw.Output.
func (o *output) Close() error {
	o.held.board.forget(o)
	return o.Bounded.Close()
}

func (o *output) free() error {
	o.mu.Lock()
	o.order++
	o.stop()
	ward := o.ward
	o.ward = nil
	o.mu.Unlock()
	ward.drop() // the kernel gives the line to somebody else when nobody has it any more
	o.held.end()
	return nil
}

// drive is the hw.Switch of the line.
func (o *output) drive(_ context.Context, active bool, max time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.order++
	o.stop()
	if active == o.rest {
		err := o.set(active)
		if err == nil {
			o.ward.calm()
		}
		return err
	}
	began := time.Now()
	if max > 0 { // before the line changes
		o.second(o.order, max+grace)
		o.ward.arm(max)
	}
	var err error
	if max > 0 && time.Since(began) > max { // stopped in between: the guard's time is up, and so is that of the order
		err = &hw.OpError{Op: "set line " + o.held.places[0].String(), Err: context.DeadlineExceeded,
			Hint: "try again: the machine stood still, and nothing was energised"}
	} else {
		err = o.set(active)
	}
	if err != nil && !errors.Is(err, device.ErrUnsure) {
		o.stop()
		o.ward.calm()
	}
	return err
}

func (o *output) set(active bool) error {
	return o.held.use("set line "+o.held.places[0].String(), func(r request) error {
		err := r.set(bit(active), 1)
		if errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, eremoteio) {
			err = errors.Join(device.ErrUnsure, err) // a chip on a bus may have heard it
		}
		return err
	})
}

// second is the second timer: it drives the line to rest, should hw.Bounded not have done so by then.
func (o *output) second(order uint64, after time.Duration) {
	o.timer = time.AfterFunc(after, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.order != order {
			return
		}
		if err := o.set(o.rest); err != nil && !errors.Is(err, device.ErrUnavailable) {
			o.second(order, again)
		}
	})
}

func (o *output) stop() {
	if o.timer != nil {
		o.timer.Stop()
		o.timer = nil
	}
}

// watch implements keeper: an output has no events, so the chip is asked.
func (o *output) watch(ctx context.Context, r request) {
	tick := time.NewTicker(probe)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.held.kick:
			return
		case <-tick.C:
			if _, err := r.get(1); gone(err) {
				return
			}
		}
	}
}

func (o *output) lost() {
	o.mu.Lock()
	ward := o.ward
	o.ward = nil
	o.mu.Unlock()
	ward.drop()
	o.Lost()
}

// back implements keeper: the request brought the rest level.
func (o *output) back(r request) error {
	o.mu.Lock()
	o.order++
	o.stop()
	o.ward = o.held.board.guard.add(r, o.rest)
	o.mu.Unlock()
	o.Back()
	return nil
}

func bit(active bool) uint64 {
	if active {
		return 1
	}
	return 0
}
