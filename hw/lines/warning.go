package lines

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/loquet/loquet/hw"
)

// flash is half a period of the warning: on and off once a second, as the flashing lights of gates do.
const flash = 500 * time.Millisecond

// warning is the light and the beeper before an unattended close (16 CFR 1211.14).
type warning struct {
	outs   []hw.Output
	both   bool
	steady bool
	faults hw.Feed[string]

	mu   sync.Mutex
	stop chan struct{} // closed to end the flashing; nil while off
	done chan struct{}
}

// newWarning returns nil where there is neither light nor beeper.
func newWarning(ctx context.Context, env *hw.Env, p Parts) (*warning, error) {
	if p.Light == "" && p.Beeper == "" {
		return nil, nil
	}
	w := &warning{both: p.Light != "" && p.Beeper != "", steady: p.Steady}
	for _, ref := range []hw.Ref{p.Light, p.Beeper} {
		if ref == "" {
			continue
		}
		out, err := env.Output(ctx, ref, hw.OutputOptions{})
		if err != nil {
			return nil, err
		}
		w.outs = append(w.outs, out)
	}
	return w, nil
}

func (w *warning) complete() bool { return w != nil && w.both }

func (w *warning) watch(ctx context.Context) <-chan string {
	if w == nil {
		return nil
	}
	return w.faults.Subscribe(ctx)
}

func (w *warning) fault() string {
	if w == nil {
		return ""
	}
	fault, _ := w.faults.Last()
	return fault
}

// set returns once light and beeper are on, or off. Flashing goes on by itself.
func (w *warning) set(ctx context.Context, on bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if on && w.stop != nil && w.fault() == "" {
		return nil
	}
	w.end()
	if !on {
		w.faults.Publish("")
		return w.drive(ctx, false)
	}
	if err := w.drive(ctx, true); err != nil {
		return errors.Join(err, w.drive(context.WithoutCancel(ctx), false))
	}
	w.faults.Publish("")
	w.stop, w.done = make(chan struct{}), make(chan struct{})
	go w.flash(w.stop, w.done)
	return nil
}

func (w *warning) end() {
	if w.stop == nil {
		return
	}
	close(w.stop)
	<-w.done
	w.stop, w.done = nil, nil
}

func (w *warning) flash(stop, done chan struct{}) {
	defer close(done)
	if w.steady {
		return
	}
	tick := time.NewTicker(flash)
	defer tick.Stop()
	for on := false; ; on = !on {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), flash)
		err := w.drive(ctx, on)
		cancel()
		if err != nil {
			w.faults.Publish("the warning light or beeper does not answer")
			return
		}
	}
}

func (w *warning) drive(ctx context.Context, on bool) error {
	var errs []error
	for _, out := range w.outs {
		errs = append(errs, out.Set(ctx, on, 0))
	}
	return errors.Join(errs...)
}

// identify is one flash and one beep; during a warning there is no need for it.
func (w *warning) identify(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop != nil {
		return nil
	}
	var errs []error
	for _, out := range w.outs {
		errs = append(errs, out.Set(ctx, true, 2*flash))
	}
	return errors.Join(errs...)
}
