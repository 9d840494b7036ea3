package nuki

import (
	"context"
	"strconv"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/netlock"
)

// Lock is one Nuki lock.
type Lock struct {
	*frame
	sensor  bool
	unlatch bool
}

// frame is what a lock has from netlock. What it hears is a response, a state or an event.
type frame = netlock.Lock[any]

type (
	response uint32 // to an order: refusal says what it means
	state    uint32 // of the bolt
)

var _ device.Bolt = (*Lock)(nil)

// Open listens to the lock until env is closed. It waits for nobody and sends nothing.
func Open(ctx context.Context, env *hw.Env, c Config) (*Lock, error) {
	number, _ := ID(c.ID)
	f, err := netlock.New[any](env, netlock.Plan{
		Topic: "nuki/" + number, Silent: "it has not been heard yet",
		Refused: "look at the lock in the Nuki app: MQTT has to be on with \"allow locking\", and the lock calibrated; it did not move",
		Away:    "see that the lock has power and Wi-Fi, that MQTT is on in the Nuki app with this broker, and that id is the lock's; nothing was sent",
	})
	if err != nil {
		return nil, err
	}
	l := &Lock{frame: f, sensor: c.DoorSensor, unlatch: c.Unlatch}
	k := &keeper{Lock: l}
	k.forget()
	topics := told()
	for i, what := range topics {
		topics[i] = l.Topic + "/" + what
	}
	if err := l.Run(ctx, env, k.event, k.down, topics...); err != nil {
		return nil, err
	}
	return l, nil
}

// Throw implements device.Bolt: one message, and then the lock's own word that it heard it. It names the action:
// what the lock's simple "unlock" does is a setting in the app, and may pull the latch.
func (l *Lock) Throw(ctx context.Context, target device.BoltTarget) error {
	return l.Fail("throw", l.throw(ctx, target))
}

func (l *Lock) throw(ctx context.Context, target device.BoltTarget) error {
	var action uint32
	switch {
	case target == device.BoltTargetSecured:
		action = actLock
	case target == device.BoltTargetUnsecured && l.unlatch:
		action = actUnlatch
	case target == device.BoltTargetUnsecured:
		action = actUnlock
	default:
		return netlock.ErrNoTarget
	}
	if err := l.Ready(ctx); err != nil {
		return err
	}
	return l.Send(ctx, topicOrder, []byte(strconv.FormatUint(uint64(action), 10)), func(m any) (bool, error) {
		switch m := m.(type) {
		case response:
			return true, refusal(uint32(m))
		case state:
			return towards(uint32(m), target), nil
		case event:
			return m.trigger == byMQTT && m.action == action, nil
		}
		return false, nil
	})
}
