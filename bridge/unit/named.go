package unit

import (
	"context"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/lines"
)

// Holder says which code is in a slot of a lock.
type Holder = func(lock string, slot int) (codeID string, ok bool)

// named is a lock whose readings name the code that opened it, where the lock tells the slot. It is named at
// once: the slot may be somebody else's tomorrow.
type named struct {
	*lines.Lock
	id     string
	holder Holder
}

// Name says who knows which code is in a slot. Devices may be running by then.
func (b *Builder) Name(h Holder) { b.holder.Store(&h) }

func (b *Builder) whose(lock string, slot int) (codeID string, ok bool) {
	if h := b.holder.Load(); h != nil {
		return (*h)(lock, slot)
	}
	return "", false
}

var (
	_ device.Bolt          = (*named)(nil)
	_ device.BoltRefresher = (*named)(nil)
	_ device.Identifier    = (*named)(nil)
)

func (n *named) name(r device.LockReading) device.LockReading {
	if r.Cause.Kind != device.CauseCode {
		return r
	}
	slot, ok := device.ParseSlotActor(r.Cause.Actor)
	if !ok {
		return r
	}
	if code, ok := n.holder(n.id, slot); ok {
		r.Cause.Actor = code
	}
	return r
}

// Readings implements device.Bolt.
func (n *named) Readings(ctx context.Context) <-chan device.LockReading {
	in, out := n.Lock.Readings(ctx), make(chan device.LockReading, 1)
	go func() {
		defer close(out)
		for r := range in {
			hw.Offer(out, n.name(r))
		}
	}()
	return out
}

// RefreshBolt implements device.BoltRefresher.
func (n *named) RefreshBolt(ctx context.Context) (device.LockReading, error) {
	r, err := n.Lock.RefreshBolt(ctx)
	return n.name(r), err
}
