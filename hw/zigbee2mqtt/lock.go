package zigbee2mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/netlock"
)

// Lock is a Zigbee lock.
type Lock struct {
	*frame
	digits int
	first  int // slot
	last   int
	keeper *keeper // of its goroutine

	mu     sync.Mutex
	shows  bool    // it was seen to show the digits it keeps
	newest message // when a code was last saved and cleared, and nothing else
}

// frame is what a lock has from netlock.
type frame = netlock.Lock[*message]

var (
	_ device.Bolt          = (*Lock)(nil)
	_ device.BoltRefresher = (*Lock)(nil)
	_ device.CodeSlots     = (*Lock)(nil)
)

// Open listens for the lock until env is closed. It waits for nobody, and only asks.
func Open(ctx context.Context, env *hw.Env, c Config) (*Lock, error) {
	f, err := netlock.New[*message](env, netlock.Plan{
		Topic: c.Base + "/" + c.Name, Silent: "it has not answered yet",
		Refused: "see what Zigbee2MQTT says about this lock; nothing was sent to it",
		Away:    "see that Zigbee2MQTT runs and is connected to the same broker, that name is the lock's friendly name, and that the lock has batteries",
	})
	if err != nil {
		return nil, err
	}
	l := &Lock{frame: f, digits: c.CodeDigits, first: c.FirstSlot, last: c.FirstSlot + c.Slots - 1}
	l.keeper = &keeper{Lock: l}
	if err := l.Run(ctx, env, l.keeper.event, l.keeper.down, l.Topic, l.Topic+"/availability", c.Base+"/bridge/state"); err != nil {
		return nil, err
	}
	return l, nil
}

// Throw implements device.Bolt: one message, and then the lock's own word of what came of it. A report of where
// the bolt was before may still be on its way, and is no such word.
func (l *Lock) Throw(ctx context.Context, target device.BoltTarget) error {
	return l.Fail("throw", l.throw(ctx, target))
}

func (l *Lock) throw(ctx context.Context, target device.BoltTarget) error {
	word := map[device.BoltTarget]string{device.BoltTargetSecured: "LOCK", device.BoltTargetUnsecured: "UNLOCK"}[target]
	if word == "" {
		return netlock.ErrNoTarget
	}
	if err := l.Ready(ctx); err != nil {
		return err
	}
	l.Do(func() { l.keeper.ordered(target) })
	return l.send(ctx, "set", map[string]any{"state": word}, func(m *message) bool { return m.answers(target) })
}

// RefreshBolt implements device.BoltRefresher: it asks the lock over the radio.
func (l *Lock) RefreshBolt(ctx context.Context) (device.LockReading, error) {
	r, err := l.refresh(ctx)
	return r, l.Fail("ask", err)
}

func (l *Lock) refresh(ctx context.Context) (device.LockReading, error) {
	if err := l.Ready(ctx); err != nil {
		return device.LockReading{}, err
	}
	taken := time.Now()
	err := l.send(ctx, "get", map[string]any{"state": ""}, func(m *message) bool { return m.telling() && l.keeper.now() })
	if err != nil {
		return device.LockReading{}, question(err)
	}
	r, ok := l.Feed.Last()
	if !ok || r.Taken.Before(taken) {
		return device.LockReading{}, fmt.Errorf("%w: it went away", device.ErrUnavailable)
	}
	return r, nil
}

// send publishes one message, once, and waits for the lock's next one that is about it.
func (l *Lock) send(ctx context.Context, verb string, what any, about func(*message) bool) error {
	payload, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return l.Send(ctx, verb, payload, func(m *message) (bool, error) { return about(m), nil })
}

// question says what an error means for a question: it leaves nothing unsure.
func question(err error) error {
	if !errors.Is(err, device.ErrUnsure) {
		return err
	}
	return fmt.Errorf("%w: the lock did not answer", device.ErrUnavailable)
}
