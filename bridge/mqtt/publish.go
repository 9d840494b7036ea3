package mqtt

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Shown is a device with what is to be shown of it.
type Shown struct {
	api.Device
	Face    config.MQTTFace
	Gate    bool // a door that is a gate
	Stops   bool // a door that can be stopped
	Springs bool // a lock that locks by itself after each opening
}

// publisher shows the doors and locks of the house at the broker, in the way Home Assistant finds them (Home
// Assistant, "MQTT", discovery; "MQTT binary sensor", "MQTT sensor", "MQTT cover", "MQTT lock", "MQTT button"). It
// shows; orders come in elsewhere (desk).
type publisher struct {
	node   string // of this house: two of them at one broker do not disturb each other
	orders bool   // doors and locks take orders
	log    zerolog.Logger

	mu      sync.Mutex
	known   bool             // devices are those of the house
	devices map[string]Shown // by id
	news    int              // changes so far
	told    int              // of them, those that the broker was told
	nudge   chan struct{}
}

// nodePrefix begins the node of every loquet.
const nodePrefix = "loquet-"

var nodeText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^A-Za-z0-9_-]`) })

// nodeOf is the node of a house, from the identity that its store keeps for ever.
func nodeOf(install string) string {
	id := nodeText().ReplaceAllString(install, "")
	return nodePrefix + id[:min(len(id), 12)]
}

// statusTopic says whether the bridge runs.
func statusTopic(node string) string { return "loquet/" + node + "/status" }

// ownTopics are written by nobody else at the broker in the process.
func ownTopics(node string) []string {
	return []string{"loquet/" + node + "/#", announcements + "/+/" + node + "/+/config"}
}

// keptTopics are those that the house keeps at the broker. None of them is one of orders.
func keptTopics(node string) []string {
	return []string{announcements + "/+/" + node + "/+/config", "loquet/" + node + "/+/state", "loquet/" + node + "/+/availability"}
}

func newPublisher(node string, orders bool, log zerolog.Logger) *publisher {
	return &publisher{node: node, orders: orders, log: log, devices: map[string]Shown{}, nudge: make(chan struct{}, 1)}
}

// Show takes a new state of a device. It never waits.
func (h *House) Show(d api.Device) {
	if h == nil || h.shown == nil {
		return
	}
	p := h.shown
	p.mu.Lock()
	if s, there := p.devices[d.ID]; there {
		s.Device = d
		p.devices[d.ID] = s
		p.news++
	}
	p.mu.Unlock()
	p.wake()
}

// Apply takes the devices that there are from now on; the others are taken back. It asks for them when no newer state can
// be shown in between.
func (h *House) Apply(devices func() []Shown) {
	if h == nil || h.shown == nil {
		return
	}
	p := h.shown
	p.mu.Lock()
	p.known = true
	p.news++
	clear(p.devices)
	for _, d := range devices() {
		p.devices[d.ID] = d
	}
	p.mu.Unlock()
	p.wake()
}

// shows reports whether a device is shown at all, ordered whether it takes orders.
func (p *publisher) shows(d Shown) bool { return d.Face != config.MQTTNone }

func (p *publisher) ordered(d Shown) bool {
	return p.orders && d.Face == "" && (d.Kind == api.KindDoor || d.Kind == api.KindLock)
}

// knows reports whether there is such a device.
func (p *publisher) knows(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, there := p.devices[id]
	return there
}

// takes reports whether a device takes an order.
func (p *publisher) takes(id string, a device.Action) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, there := p.devices[id]
	bolt := a == device.ActionLock || a == device.ActionUnlock
	return there && p.ordered(d) && bolt == (d.Kind == api.KindLock)
}

// current reports whether the broker was told all that is so.
func (p *publisher) current() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told == p.news
}

func (p *publisher) wake() {
	select {
	case p.nudge <- struct{}{}:
	default:
	}
}

// keeping is how something is left at the broker for whoever comes later; nothing takes it away.
type keeping func(ctx context.Context, topic string, payload []byte) error

// run keeps what the broker keeps equal to what the house is, until ctx ends. What another run of this house left
// there, of a door that is gone, is taken away.
func (p *publisher) run(ctx context.Context, keep keeping, events <-chan hw.MQTTEvent) {
	up, sent := false, map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.nudge:
		case e, ok := <-events:
			switch {
			case !ok:
				return
			case e.Topic == "":
				up = e.Up
				clear(sent)
				p.forget()
			case e.Retained && len(e.Payload) > 0:
				if _, ours := sent[e.Topic]; !ours {
					sent[e.Topic] = "\x00" // somebody's: it is replaced, or taken away
				}
			}
		}
		if up {
			p.settle(ctx, keep, sent)
		}
	}
}

// forget notes that nobody was told anything.
func (p *publisher) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = -1
}

// settle brings the broker from what was sent to what is so.
func (p *publisher) settle(ctx context.Context, keep keeping, sent map[string]string) {
	wanted, news, known := p.wanted()
	if !known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	all := true
	for topic := range sent {
		if _, still := wanted[topic]; !still {
			if p.say(ctx, keep, topic, "") {
				delete(sent, topic)
			} else {
				all = false
			}
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(wanted)) {
		if sent[topic] == wanted[topic] {
			continue
		}
		if p.say(ctx, keep, topic, wanted[topic]) {
			sent[topic] = wanted[topic]
		} else {
			all = false
		}
	}
	if all {
		p.mu.Lock()
		p.told = news
		p.mu.Unlock()
	}
}

func (p *publisher) say(ctx context.Context, keep keeping, topic, payload string) bool {
	err := keep(ctx, topic, []byte(payload))
	if err != nil {
		p.log.Debug().Err(err).Str("topic", topic).Msg("a state was not published")
	}
	return err == nil // else it is said again with the next change, or when the broker is back
}

// wanted is all that the broker shall keep, by topic, and of how many changes it is the outcome.
func (p *publisher) wanted() (topics map[string]string, news int, known bool) {
	p.mu.Lock()
	devices := slices.Collect(maps.Values(p.devices))
	news, known = p.news, p.known
	p.mu.Unlock()
	topics = map[string]string{statusTopic(p.node): "online"}
	for _, d := range devices {
		p.describe(topics, d)
	}
	return topics, news, known
}
