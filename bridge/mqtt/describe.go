package mqtt

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/loquet/loquet/api"
)

// state is what is published of a device, in the words of Home Assistant: a binary sensor is ON when a door is open or
// a lock not locked; a cover and a lock have their own. None is unknown.
type state struct {
	Open       string `json:"open,omitempty"`
	Unlocked   string `json:"unlocked,omitempty"`
	Cover      string `json:"cover,omitempty"`
	Lock       string `json:"lock,omitempty"`
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
		// A cover that says "stopped" while it closes is shown closed there, which it is not.
		s.Cover = said(map[string]string{"closed": "closed", "open": "open", "opening": "opening", "closing": "closing", "stopped": "open"}, d.State.Position)
	case api.KindLock:
		s.Unlocked = said(map[string]string{"secured": "OFF", "unsecured": "ON"}, d.State.Bolt)
		s.Lock = said(map[string]string{"secured": "LOCKED", "unsecured": "UNLOCKED", "jammed": "JAMMED"}, d.State.Bolt)
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
func (p *publisher) describe(out map[string]string, d Shown) {
	base := "loquet/" + p.node + "/" + d.ID + "/"
	put := func(topic string, v any) {
		if text, err := json.Marshal(v); err == nil {
			out[topic] = string(text)
		}
	}
	s := stateOf(d.Device)
	if s.Open == "" && s.Unlocked == "" || !p.shows(d) {
		return // a keypad has nothing to show
	}
	put(base+"state", s)
	out[base+"availability"] = map[bool]string{true: "online", false: "offline"}[d.Available]
	part := func(component, field, name string, more map[string]any) {
		entity := map[string]any{
			"name": nil, "unique_id": strings.Join([]string{p.node, d.ID, field}, "-"),
			"availability_mode": "all", "availability": []any{map[string]string{"topic": statusTopic(p.node)}, map[string]string{"topic": base + "availability"}},
			"origin": map[string]string{"name": "loquet"},
			"device": map[string]any{"identifiers": []string{p.node + "-" + d.ID}, "name": d.Name, "manufacturer": "loquet"},
		}
		if component != "button" {
			entity["state_topic"], entity["value_template"] = base+"state", "{{ value_json."+field+" }}"
		}
		if name != "" {
			entity["name"] = name
		}
		maps.Copy(entity, more)
		put(announcements+"/"+component+"/"+p.node+"/"+d.ID+"-"+strings.ReplaceAll(field, "_", "-")+"/config", entity)
	}
	class := func(c string) map[string]any { return map[string]any{"device_class": c} }
	orders := p.ordered(d)
	switch {
	case orders && d.Kind == api.KindDoor:
		part("cover", "cover", "", p.cover(d))
	case orders:
		part("lock", "lock", "", p.order(d, map[string]any{"payload_lock": orderLock, "payload_unlock": orderUnlock}))
		if d.Springs {
			part("button", "open", "Open", p.order(d, map[string]any{"payload_press": orderUnlock}))
		}
	case s.Unlocked != "":
		part("binary_sensor", "unlocked", "", class("lock"))
	case d.Kind == api.KindDoor:
		part("binary_sensor", "open", "", class("garage_door"))
	default:
		part("binary_sensor", "open", "", class("door"))
	}
	if s.DoorOpen != "" {
		part("binary_sensor", "door_open", "Door", class("door"))
	}
	if s.Battery != nil {
		part("sensor", "battery", "Battery", map[string]any{"device_class": "battery", "unit_of_measurement": "%"})
	}
}

// order is what makes an entity give orders: sent once, never kept, and shown done when the sensors say so.
func (p *publisher) order(d Shown, more map[string]any) map[string]any {
	entity := map[string]any{"command_topic": orderTopic(p.node, d.ID), "qos": 0, "retain": false}
	if more["payload_press"] == nil { // a button has no state
		entity["optimistic"] = false
	}
	maps.Copy(entity, more)
	return entity
}

func (p *publisher) cover(d Shown) map[string]any {
	entity := p.order(d, map[string]any{"device_class": "garage", "payload_open": orderOpen, "payload_close": orderClose, "payload_stop": nil})
	if d.Gate {
		entity["device_class"] = "gate"
	}
	if d.Stops {
		entity["payload_stop"] = orderStop
	}
	return entity
}
