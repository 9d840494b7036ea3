package mqtt

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/hw"
)

// publisher shows the doors and locks of the house at the broker, in the way Home Assistant finds them (Home
// Assistant, "MQTT", discovery; "MQTT binary sensor"; "MQTT sensor"). It shows, and takes no orders: there is no
// topic on which it listens to any.
type publisher struct {
	node string // of this house: two of them at one broker do not disturb each other
	keep func(ctx context.Context, topic string, payload []byte) error
	log  zerolog.Logger

	mu      sync.Mutex
	known   bool                  // devices are those of the house
	devices map[string]api.Device // by id
	nudge   chan struct{}
}

// nodePrefix begins the node of every loquet.
const nodePrefix = "loquet-"

var nodeText = regexp.MustCompile(`[^A-Za-z0-9_-]`)

// nodeOf is the node of a house, from the identity that its store keeps for ever.
func nodeOf(install string) string {
	id := nodeText.ReplaceAllString(install, "")
	return nodePrefix + id[:min(len(id), 12)]
}

// statusTopic says whether the bridge runs.
func statusTopic(node string) string { return "loquet/" + node + "/status" }

// ownTopics are written by nobody else at the broker in the process.
func ownTopics(node string) []string {
	return []string{"loquet/" + node + "/#", announcements + "/+/" + node + "/+/config"}
}

func newPublisher(node string, keep func(context.Context, string, []byte) error, log zerolog.Logger) *publisher {
	return &publisher{node: node, keep: keep, log: log, devices: map[string]api.Device{}, nudge: make(chan struct{}, 1)}
}

// Show takes a new state of a device. It never waits.
func (h *House) Show(d api.Device) {
	if h == nil || h.shown == nil {
		return
	}
	h.shown.mu.Lock()
	h.shown.devices[d.ID] = d
	h.shown.mu.Unlock()
	h.shown.wake()
}

// Apply takes the devices that there are from now on; the others are taken back.
func (h *House) Apply(devices []api.Device) {
	if h == nil || h.shown == nil {
		return
	}
	p := h.shown
	p.mu.Lock()
	p.known = true
	clear(p.devices)
	for _, d := range devices {
		p.devices[d.ID] = d
	}
	p.mu.Unlock()
	p.wake()
}

func (p *publisher) wake() {
	select {
	case p.nudge <- struct{}{}:
	default:
	}
}

// run keeps what the broker keeps equal to what the house is, until ctx ends. What another run of this house left
// there, of a door that is gone, is taken away.
func (p *publisher) run(ctx context.Context, events <-chan hw.MQTTEvent) {
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
			case e.Retained && len(e.Payload) > 0:
				if _, ours := sent[e.Topic]; !ours {
					sent[e.Topic] = "\x00" // somebody's: it is replaced, or taken away
				}
			}
		}
		if up {
			p.settle(ctx, sent)
		}
	}
}

// settle brings the broker from what was sent to what is so.
func (p *publisher) settle(ctx context.Context, sent map[string]string) {
	wanted, known := p.wanted()
	if !known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for topic := range sent {
		if _, still := wanted[topic]; !still && p.say(ctx, topic, "") {
			delete(sent, topic)
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(wanted)) {
		if sent[topic] != wanted[topic] && p.say(ctx, topic, wanted[topic]) {
			sent[topic] = wanted[topic]
		}
	}
}

func (p *publisher) say(ctx context.Context, topic, payload string) bool {
	err := p.keep(ctx, topic, []byte(payload))
	if err != nil {
		p.log.Debug().Err(err).Str("topic", topic).Msg("a state was not published")
	}
	return err == nil // else it is said again with the next change, or when the broker is back
}

// wanted is all that the broker shall keep, by topic.
func (p *publisher) wanted() (map[string]string, bool) {
	p.mu.Lock()
	devices := slices.Collect(maps.Values(p.devices))
	known := p.known
	p.mu.Unlock()
	out := map[string]string{statusTopic(p.node): "online"}
	for _, d := range devices {
		p.describe(out, d)
	}
	return out, known
}

// state is what is published of a device. ON is what Home Assistant calls a door that is open, a lock that is not
// locked; None is unknown.
type state struct {
	Open       string `json:"open,omitempty"`
	Unlocked   string `json:"unlocked,omitempty"`
	DoorOpen   string `json:"door_open,omitempty"`
	Position   string `json:"position,omitempty"`
	Bolt       string `json:"bolt,omitempty"`
	Confidence string `json:"confidence,omitempty"`
	Battery    *uint8 `json:"battery,omitempty"`
}

func said(words map[string]string, value string) string {
	if w, ok := words[value]; ok {
		return w
	}
	return "None"
}

func stateOf(d api.Device) state {
	s := state{Position: d.State.Position, Bolt: d.State.Bolt, Confidence: d.State.Confidence}
	yesNo := map[string]string{"yes": "ON", "no": "OFF"}
	switch d.Kind {
	case api.KindDoor:
		s.Open = said(map[string]string{"closed": "OFF", "open": "ON", "opening": "ON", "closing": "ON", "stopped": "ON"}, d.State.Position)
	case api.KindLock:
		s.Unlocked = said(map[string]string{"secured": "OFF", "unsecured": "ON"}, d.State.Bolt)
		if d.State.DoorOpen != "" {
			s.DoorOpen = said(yesNo, d.State.DoorOpen)
		}
	case api.KindContact:
		s.Open = said(yesNo, d.State.Open)
	}
	if d.State.Battery != nil {
		s.Battery = &d.State.Battery.Percent
	}
	return s
}

// describe adds the topics of one device: what it is, whether it is there, and its state.
func (p *publisher) describe(out map[string]string, d api.Device) {
	base := "loquet/" + p.node + "/" + d.ID + "/"
	put := func(topic string, v any) {
		if text, err := json.Marshal(v); err == nil {
			out[topic] = string(text)
		}
	}
	s := stateOf(d)
	if s.Open == "" && s.Unlocked == "" {
		return // a keypad has nothing to show
	}
	put(base+"state", s)
	out[base+"availability"] = map[bool]string{true: "online", false: "offline"}[d.Available]
	part := func(component, field, class, name string) {
		entity := map[string]any{
			"name": nil, "unique_id": strings.Join([]string{p.node, d.ID, field}, "-"), "device_class": class,
			"state_topic": base + "state", "value_template": "{{ value_json." + field + " }}",
			"availability_mode": "all", "availability": []any{map[string]string{"topic": statusTopic(p.node)}, map[string]string{"topic": base + "availability"}},
			"origin": map[string]string{"name": "loquet"},
			"device": map[string]any{"identifiers": []string{p.node + "-" + d.ID}, "name": d.Name, "manufacturer": "loquet"},
		}
		if name != "" {
			entity["name"] = name
		}
		if component == "sensor" {
			entity["unit_of_measurement"] = "%"
		}
		put(announcements+"/"+component+"/"+p.node+"/"+d.ID+"-"+strings.ReplaceAll(field, "_", "-")+"/config", entity)
	}
	switch {
	case s.Unlocked != "":
		part("binary_sensor", "unlocked", "lock", "")
	case d.Kind == api.KindDoor:
		part("binary_sensor", "open", "garage_door", "")
	default:
		part("binary_sensor", "open", "door", "")
	}
	if s.DoorOpen != "" {
		part("binary_sensor", "door_open", "door", "Door")
	}
	if s.Battery != nil {
		part("sensor", "battery", "battery", "Battery")
	}
}
