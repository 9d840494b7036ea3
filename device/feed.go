package device

import (
	"context"
	"time"
)

// Times between two attempts to hear from a driver.
const (
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 30 * time.Second
)

// silence is how long a driver may take for its first word before its device counts as away.
const silence = 10 * time.Second

// feed subscribes to the readings of a driver, again and again. Its methods belong to the actor.
type feed[R any] struct {
	subscribe  func(context.Context) <-chan R
	readings   <-chan R        // of the present subscription; nil while there is none
	subscribed chan (<-chan R) // where the next one comes from
	backoff    time.Duration
	cancel     context.CancelFunc
}

func (f *feed[R]) start(ctx context.Context, subscribe func(context.Context) <-chan R) {
	f.subscribe, f.subscribed, f.backoff = subscribe, make(chan (<-chan R)), firstBackoff
	f.again(ctx, 0)
}

// alive is told of every reading: the next failure is a first one again.
func (f *feed[R]) alive() { f.backoff = firstBackoff }

// lost is told when the readings ended.
func (f *feed[R]) lost(ctx context.Context) {
	f.cancel()
	f.readings = nil
	f.again(ctx, f.backoff)
	f.backoff = min(2*f.backoff, lastBackoff)
}

// again subscribes after a while, in a goroutine of its own: a driver may take its time for it.
func (f *feed[R]) again(ctx context.Context, after time.Duration) {
	sub, cancel := context.WithCancel(ctx)
	f.cancel = cancel
	go func() {
		if after > 0 {
			wait := time.NewTimer(after)
			defer wait.Stop()
			select {
			case <-ctx.Done():
				return
			case <-wait.C:
			}
		}
		ch := open(sub, f.subscribe)
		select {
		case f.subscribed <- ch:
		case <-ctx.Done():
		}
	}()
}

// open subscribes. A driver that panics or returns nothing has no readings.
func open[R any](ctx context.Context, subscribe func(context.Context) <-chan R) (ch <-chan R) {
	none := make(chan R)
	close(none)
	defer func() {
		if recover() != nil || ch == nil {
			ch = none
		}
	}()
	return subscribe(ctx)
}
