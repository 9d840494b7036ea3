package devicetest

import "context"

// feed hands the newest reading to everybody who subscribed. Its owner's mutex guards it.
type feed[T any] struct {
	subs map[chan T]bool
	down bool
}

func (f *feed[T]) subscribe(first T, has bool) chan T {
	ch := make(chan T, 1)
	if f.down {
		close(ch)
		return ch
	}
	if has {
		ch <- first
	}
	if f.subs == nil {
		f.subs = make(map[chan T]bool)
	}
	f.subs[ch] = true
	return ch
}

func (f *feed[T]) publish(v T) {
	for ch := range f.subs {
		select {
		case <-ch:
		default:
		}
		ch <- v
	}
}

func (f *feed[T]) drop(ch chan T) {
	if f.subs[ch] {
		delete(f.subs, ch)
		close(ch)
	}
}

func (f *feed[T]) disconnect() {
	f.down = true
	for ch := range f.subs {
		f.drop(ch)
	}
}

func wait(ctx context.Context, block chan struct{}) error {
	if block == nil {
		return nil
	}
	select {
	case <-block:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
