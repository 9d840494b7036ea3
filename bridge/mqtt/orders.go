package mqtt

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/broker"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
)

// maxOrders is how many orders for one device wait for the one before.
const maxOrders = 8

// waitTime bounds the wait for what becomes of one. A device answers long before, or drops what is 5 s old.
const waitTime = 10 * time.Second

// desk takes orders to the devices of the house. It takes them one after another for each device, and hands them to the
// device as every other face does: what is there already, what is refused and what is repeated is decided there.
type desk struct {
	node    string
	shown   *publisher
	may     func(account string, action device.Action, id string) error
	command func(ctx context.Context, id string, c device.Command) (device.Answer, error)
	refused func(device.Entry)
	// strange hears of what is no order: of whom, and why.
	strange func(code health.Code, n broker.Notice)
	log     zerolog.Logger

	ctx   context.Context
	lanes sync.WaitGroup
	mu    sync.Mutex
	line  map[string]chan device.Command // by device
}

// orderTopics are where doors and locks take orders. The last word of a topic keeps every broker of this house from
// keeping anything there (broker.IsCommand).
func orderTopics(node string) string { return orderTopic(node, "+") }

func orderTopic(node, id string) string { return "loquet/" + node + "/" + id + "/set" }

// words are the orders, in the words of Home Assistant's covers and locks ("MQTT cover", "MQTT lock").
func words() map[string]device.Action {
	return map[string]device.Action{orderOpen: device.ActionOpen, orderClose: device.ActionClose, orderStop: device.ActionStop,
		orderLock: device.ActionLock, orderUnlock: device.ActionUnlock}
}

// The orders.
const (
	orderOpen   = "OPEN"
	orderClose  = "CLOSE"
	orderStop   = "STOP"
	orderLock   = "LOCK"
	orderUnlock = "UNLOCK"
)

// take hears the broker in the process. It never waits.
func (d *desk) take(o broker.Order) {
	at := time.Now()
	n := broker.Notice{Client: o.Client, User: o.User, Remote: o.Remote}
	switch o.Fault {
	case broker.OrderFine:
		d.order(o.User, o.Topic, o.Payload, at)
	case broker.OrderForeign:
		n.Detail = "it may give no orders to doors and locks: only an account of loquet adopt homeassistant may"
		d.strange(health.MQTTOrder, n)
		d.refuse(o.User, o.Topic, device.RefusedRole)
	case broker.OrderKept:
		n.Detail = "its order was to be kept by the broker (retain), which would give it again and again"
		d.strange(health.MQTTOrder, n)
	case broker.OrderAgain:
		d.log.Info().Str("user", o.User).Str("topic", o.Topic).Msg("an order that was sent again was not followed")
	case broker.OrderLong:
		d.log.Warn().Str("user", o.User).Str("topic", o.Topic).Msg("an order that is too long to be one was not followed")
	}
}

// listen hears orders from another broker, until there are no more.
func (d *desk) listen(events <-chan hw.MQTTEvent) {
	for e := range events {
		switch {
		case e.Topic == "":
		case e.Retained:
			d.strange(health.MQTTOrder, broker.Notice{Client: e.Topic, Detail: "an order there was to be kept by the broker (retain), which would give it again and again"})
		case e.Duplicate:
			d.log.Info().Str("topic", e.Topic).Msg("an order that was sent again was not followed")
		default:
			d.order(device.UnverifiedAccount, e.Topic, string(e.Payload[:min(len(e.Payload), 2*len(orderUnlock))]), e.Taken)
		}
	}
}

// order takes what an account asked for.
func (d *desk) order(account, topic, payload string, at time.Time) {
	id, ours := d.device(topic)
	action, known := words()[payload]
	cause := device.Cause{Kind: device.CauseMQTT, Actor: account}
	log := d.log.With().Str("device", id).Str("account", account).Logger()
	switch {
	case !ours, !known:
		log.Warn().Msg("what is no order was not followed")
		return
	case !d.shown.takes(id, action):
		log.Warn().Msg("an order for what takes none was not followed")
		return
	}
	if err := d.may(account, action, id); err != nil {
		log.Warn().Err(err).Msg("command refused by role")
		d.refused(device.Entry{Kind: device.EntryRefused, Device: id, Action: action, Cause: cause, Code: device.RefusedRole})
		return
	}
	if !d.queue(id, device.Command{Action: action, Cause: cause, Untold: !d.shown.current(), Arrived: at}) {
		log.Warn().Msg("too many orders wait for this device")
		d.refused(device.Entry{Kind: device.EntryRefused, Device: id, Action: action, Cause: cause, Code: device.RefusedBusy})
	}
}

// refuse writes down what a stranger asked of a device; what it was, nobody looked at.
func (d *desk) refuse(account, topic string, code device.RefusalCode) {
	id, ok := d.device(topic)
	if ok && d.shown.knows(id) {
		d.refused(device.Entry{Kind: device.EntryRefused, Device: id, Cause: device.Cause{Kind: device.CauseMQTT, Actor: account}, Code: code})
	}
}

// device is whom a topic of orders is for.
func (d *desk) device(topic string) (id string, ok bool) {
	id, ok = strings.CutPrefix(topic, "loquet/"+d.node+"/")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(id, "/set")
}

// queue lets a command wait for its device; false if too many do.
func (d *desk) queue(id string, c device.Command) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return true // the house ends
	}
	waiting := d.line[id]
	if waiting == nil {
		waiting = make(chan device.Command, maxOrders)
		d.line[id] = waiting
		d.lanes.Go(func() { d.serve(id, waiting) })
	}
	select {
	case waiting <- c:
		return true
	default:
		return false
	}
}

// serve hands the commands for one device over, until the house ends.
func (d *desk) serve(id string, waiting <-chan device.Command) {
	for {
		select {
		case <-d.ctx.Done():
			return
		case c := <-waiting:
			d.do(id, c)
		}
	}
}

// wait returns when the house has ended and nothing is under way; ctx must have ended before.
func (d *desk) wait() {
	if d != nil {
		d.lanes.Wait()
	}
}

func (d *desk) do(id string, c device.Command) {
	ctx, cancel := context.WithTimeout(d.ctx, waitTime)
	defer cancel()
	log := d.log.With().Str("device", id).Str("account", c.Cause.Actor).Str("action", api.ActionWord(c.Action)).Logger()
	_, err := d.command(ctx, id, c)
	var r *device.Refusal
	switch {
	case err == nil:
	case errors.As(err, &r):
		log.Info().Str("code", string(r.Code)).Str("why", r.Why).Msg("command refused")
	default:
		log.Warn().Err(err).Msg("command failed")
	}
}
