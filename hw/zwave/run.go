package zwave

import (
	"context"
	"encoding/json"
	"time"

	"github.com/loquet/loquet/device"
)

// keeper is what the goroutine of a lock knows. It has no lock of its own and does no I/O.
type keeper struct {
	*Lock
	v       view
	session *session // nil while the server is not connected
	up      bool     // the lock answered in this session
	taken   time.Time
	newest  uint64    // the last event of this session
	turned  uint64    // and the last that was about the bolt
	told    time.Time // when that came
	retry   time.Duration
	again   *time.Timer // asks a silent lock again

	shown  device.BoltPosition // as it was told last
	cause  device.Cause        // of that
	heard  device.Cause        // who turned it, told ahead of the turn
	target device.BoltTarget   // of heard
	until  time.Time           // of heard
	order  device.BoltTarget   // of ours
	orders time.Time           // until when a turn is its outcome
	hold   *time.Timer         // a turn that waits to hear who it was
	holds  bool
}

func (l *Lock) run() {
	defer close(l.done)
	k := &keeper{Lock: l, again: time.NewTimer(time.Hour), hold: time.NewTimer(time.Hour)}
	k.again.Stop()
	k.hold.Stop()
	for {
		select {
		case m := <-l.inbox:
			k.message(m)
		case <-k.again.C:
			k.revive()
		case <-k.hold.C:
			if k.holds {
				k.show(device.Cause{})
			}
		case <-l.ctx.Done():
			k.again.Stop()
			k.hold.Stop()
			return
		}
	}
}

func (k *keeper) message(m any) {
	switch m := m.(type) {
	case came:
		k.session, k.retry, k.newest, k.turned = m.session, firstRetry, 0, 0
		k.fetch()
	case went:
		k.session = nil
		k.down("the zwave-js-server is not connected: " + m.why)
	case fetched:
		k.fetched(m)
	case asked:
		k.asked(m)
	case ordered:
		k.order, k.orders = m.target, time.Now().Add(orderFor)
	case event:
		k.event(m)
	}
}

// fetch asks the server what it knows; the answer comes as a message.
func (k *keeper) fetch() {
	s, downs := k.session, k.fallen()
	go func() {
		ctx, cancel := context.WithTimeout(k.ctx, fetchWithin)
		defer cancel()
		result, err := s.call(ctx, "node.get_state", arguments{"nodeId": k.node})
		f := fetched{session: s, downs: downs, err: err}
		if err == nil {
			f.at = result.at
			f.node, f.err = parseNode(result.Result, k.node)
		}
		k.tell(f)
	}()
}

func (k *keeper) fetched(f fetched) {
	switch {
	case f.session != k.session:
		return
	case f.downs != k.fallen(): // it is older than what made it go; whether that is over, nobody may tell
		k.later()
		return
	case f.err != nil:
		k.down("the zwave-js-server does not tell about it: " + questionError(f.err).Error())
		k.later()
		return
	case f.at < k.newest:
		k.fetch() // something changed since
		return
	}
	mode, jammed := k.v.mode, k.v.jammed
	k.v.take(f.node, k.endpoint)
	if k.up { // only the lock itself says where its bolt is
		k.v.mode, k.v.jammed = mode, jammed
	}
	k.consider()
}

// consider asks the lock itself, where that can be done, before anything is said of it.
func (k *keeper) consider() {
	switch {
	case k.v.gone:
		k.down("the Z-Wave network does not have this node any more")
	case !k.v.ready:
		k.down("the Z-Wave software has not finished its interview of the lock")
	case k.v.dead:
		k.down("the Z-Wave software cannot reach it: the node is dead")
		k.later()
	case k.v.sleeps && !k.v.asleep, !k.v.sleeps:
		k.askLock()
	default:
		k.down("it sleeps, and has not woken since the server was connected")
	}
}

func (k *keeper) askLock() { k.askFor(nil) }

// askFor asks the lock, for somebody who waits to hear it.
func (k *keeper) askFor(reply chan device.LockReading) {
	s, downs := k.session, k.fallen()
	go func() {
		ctx, cancel := context.WithTimeout(k.ctx, askWithin)
		defer cancel()
		a := k.ask(ctx, s, downs)
		a.reply = reply
		k.tell(a)
	}()
}

func (k *keeper) asked(a asked) {
	if a.session != k.session || a.downs != k.fallen() { // it was asked before it was gone
		if a.reply != nil {
			close(a.reply)
		}
		return
	}
	if a.err != nil {
		k.log.Info().Err(questionError(a.err)).Msg("the Z-Wave lock did not answer")
		k.down("it did not answer: " + questionError(a.err).Error())
		k.later()
		if a.reply != nil {
			close(a.reply)
		}
		return
	}
	unsure := false
	if a.at > k.turned {
		before := k.v.mode
		k.v.setMode(a.mode)
		// The bolt was told of while the question was under way, as something else: which of the two is the newer, nobody knows.
		unsure = k.told.After(a.taken) && k.v.mode != before
	}
	if a.taken.After(k.taken) {
		k.taken = a.taken
	}
	k.rise()
	k.show(k.known())
	switch {
	case unsure:
		k.askFor(a.reply)
	case a.reply != nil:
		a.reply <- k.reading()
	}
}

// rise is told that the lock answers.
func (k *keeper) rise() {
	k.retry = firstRetry
	k.again.Stop()
	if !k.up {
		k.log.Info().Msg("the Z-Wave lock answers")
		k.up, k.shown, k.cause = true, device.BoltUnknown, device.Cause{}
		k.holds = false
	}
	k.set(k.session, "", &k.v)
}

// down ends the readings: nothing more is claimed.
func (k *keeper) down(why string) {
	if k.up {
		k.log.Warn().Str("why", why).Msg("the Z-Wave lock is away")
	}
	k.up, k.holds = false, false
	k.hold.Stop()
	k.again.Stop()
	k.until = time.Time{}
	k.set(nil, why, nil)
	k.feed.Break()
}

// later asks again in a while, ever more rarely.
func (k *keeper) later() {
	k.again.Reset(k.retry)
	k.retry = min(2*k.retry, lastRetry)
}

// revive asks a lock that was silent. A dead one is only asked whether it is there: the server says so
// with an event.
func (k *keeper) revive() {
	s := k.session
	if s == nil || k.up {
		return
	}
	if !k.v.dead {
		k.fetch()
		return
	}
	k.later()
	go func() {
		ctx, cancel := context.WithTimeout(k.ctx, askWithin)
		defer cancel()
		_, _ = s.call(ctx, "node.ping", arguments{"nodeId": k.node})
	}()
}

func (k *keeper) event(e event) {
	if k.session == nil {
		return
	}
	switch e.Event {
	case "value updated", "value added":
		k.newest = e.at
		bolt := k.v.change(e.Args, k.endpoint)
		if bolt {
			k.told = time.Now()
			k.turned, k.taken = e.at, k.told
		}
		if k.up {
			k.changed(bolt)
			if bolt && !k.v.jammed && k.v.mode == modeUnknown {
				k.askLock()
			}
		}
	case "notification":
		if e.CCID == ccNotification && e.Endpoint == k.endpoint && k.up {
			k.hears(k.v.hear(e.Args))
		}
	case "dead":
		k.v.dead = true
		k.consider()
	case "alive", "wake up", "ready", "interview completed":
		k.v.asleep = false
		k.fetch()
	case "sleep":
		k.v.asleep = true
	case "node removed":
		k.v.gone = true
		k.consider()
	case "node added":
		k.fetch()
	case "status changed":
		k.controller(e.Status)
	}
}

// Statuses of the controller (zwave-js ControllerStatus).
const (
	controllerReady   = 0
	controllerSilent  = 1
	controllerJammed  = 2
	controllerRecover = 3
)

func (k *keeper) controller(status json.RawMessage) {
	switch n, _ := number(status); n {
	case controllerReady:
		k.fetch()
	case controllerSilent, controllerRecover:
		k.down("the Z-Wave stick does not answer its software")
	case controllerJammed:
		k.down("the radio is jammed: something near the Z-Wave stick sends without end")
	}
}

// changed tells what is new, unless it is a turn that nobody has been named for yet.
func (k *keeper) changed(bolt bool) {
	at, contradicts := k.v.position()
	switch {
	case !bolt && k.holds:
		return // it is told with the turn
	case !bolt, at == k.shown && !k.holds:
		k.show(device.Cause{})
		return
	}
	cause := k.known()
	ours := time.Now().Before(k.orders) && at == aim(k.order)
	if !contradicts && (ours || cause.Kind != device.CauseUnknown || at == device.BoltUnknown || k.shown == device.BoltUnknown) {
		k.show(cause)
		return
	}
	if !k.holds {
		k.holds = true
		k.hold.Reset(holdBack)
	}
}

// hears takes in who turned the bolt; the turn itself may have come before, or comes after.
func (k *keeper) hears(n news) {
	switch {
	case n.moved:
		k.show(n.cause)
	case n.target != device.BoltTargetUnknown:
		k.heard, k.target, k.until = n.cause, n.target, time.Now().Add(causeFor)
		k.changed(true)
	default:
		k.show(device.Cause{})
	}
}

// known is who turned the bolt to where it is, as far as the lock said so.
func (k *keeper) known() device.Cause {
	if at, _ := k.v.position(); time.Now().Before(k.until) && at == aim(k.target) {
		return k.heard
	}
	return device.Cause{}
}

// show tells what is known, and with it a turn that was held back.
func (k *keeper) show(cause device.Cause) {
	at, _ := k.v.position()
	if at != k.shown {
		k.shown, k.cause = at, cause
		k.until = time.Time{} // once, and what was said of another turn is over
		if at == aim(k.order) {
			k.orders = time.Time{}
		}
	}
	k.holds = false
	k.hold.Stop()
	k.feed.Publish(k.reading())
}

func (k *keeper) reading() device.LockReading {
	r := k.v.reading(k.taken)
	r.Cause = k.cause
	return r
}

func aim(t device.BoltTarget) device.BoltPosition {
	switch t {
	case device.BoltTargetSecured:
		return device.BoltSecured
	case device.BoltTargetUnsecured:
		return device.BoltUnsecured
	case device.BoltTargetUnknown:
	}
	return device.BoltUnknown
}
