package discovery

import (
	"encoding/json"
	"math"
	"strconv"
)

// cover reads a cover (Home Assistant, "MQTT cover").
func cover(c *Candidate, f fields, base string) error {
	if err := f.without("tilt_command_topic", "set_position_template", "command_template"); err != nil {
		return err
	}
	if f.null("payload_open") || f.null("payload_close") {
		return refuse("use it as a contact only", "it takes no order to open, or none to close")
	}
	orders, err := f.texts("payload_open", "OPEN", "payload_close", "CLOSE")
	if err != nil {
		return err
	}
	stop := ""
	if !f.null("payload_stop") {
		if stop, err = f.text("payload_stop", "STOP"); err != nil {
			return err
		}
	}
	if orders[0] == orders[1] || stop != "" && (stop == orders[0] || stop == orders[1]) {
		return refuse("put the relay on a board whose lines loquet pulses itself (driver lines)", "one word stands for two orders: that is a button")
	}
	command, err := f.order(base)
	if err != nil {
		return err
	}
	seen, err := coverState(f, base)
	if err != nil {
		return err
	}
	there, err := f.presence(base)
	if err != nil {
		return err
	}
	settings := []setting{{"command", quote(command)}, {"open", other(orders[0], "OPEN")}, {"close", other(orders[1], "CLOSE")}, {"stop", quote(stop)}}
	c.section("door", "doors", "opener", append(append(settings, seen...), there...))
	return nil
}

// order is the topic for orders, of a device that says what became of them.
func (f fields) order(base string) (string, error) {
	var optimistic bool
	_ = json.Unmarshal(f["optimistic"], &optimistic)
	if optimistic {
		return "", refuse(byHand, "it is optimistic: nothing tells what became of an order")
	}
	command, err := f.topic("command_topic", base)
	if err == nil && command == "" {
		err = refuse(byHand, "it has no topic for orders")
	}
	return command, err
}

// coverState is where a door is: a word, or a number.
func coverState(f fields, base string) ([]setting, error) {
	state, err := f.topic("state_topic", base)
	if err != nil {
		return nil, err
	}
	if state != "" {
		field, err := f.field("value_template")
		if err != nil {
			return nil, err
		}
		said, err := f.texts("state_open", "open", "state_opening", "opening", "state_closed", "closed", "state_closing", "closing", "state_stopped", "stopped")
		if err != nil {
			return nil, err
		}
		if twice(said) {
			return nil, refuse(byHand, "one word stands for two states")
		}
		own := words(setting{"open", other(said[0], "open")}, setting{"opening", other(said[1], "opening")}, setting{"closed", other(said[2], "closed")},
			setting{"closing", other(said[3], "closing")}, setting{"stopped", other(said[4], "stopped")})
		return []setting{{"state", quote(state)}, {"field", quote(field)}, {"words", own}}, nil
	}
	position, err := f.topic("position_topic", base)
	if err != nil {
		return nil, err
	}
	if position == "" {
		return nil, refuse(byHand, "nothing tells where it is: it has no state topic")
	}
	field, err := f.field("position_template")
	if err != nil {
		return nil, err
	}
	open, closed, err := f.ends()
	if err != nil {
		return nil, err
	}
	return []setting{{"position", quote(position)}, {"field", quote(field)}, {"position_open", strconv.Itoa(open)}, {"position_closed", strconv.Itoa(closed)}}, nil
}

func (f fields) ends() (open, closed int, err error) {
	open = 100
	for name, into := range map[string]*int{"position_open": &open, "position_closed": &closed} {
		if raw, ok := f[name]; ok && json.Unmarshal(raw, into) != nil {
			return 0, 0, refuse(byHand, "%s is no number", name)
		}
	}
	if open == closed || open > math.MaxInt16 || open < math.MinInt16 || closed > math.MaxInt16 || closed < math.MinInt16 {
		return 0, 0, refuse(byHand, "its numbers for open and closed cannot be used")
	}
	return open, closed, nil
}

func twice(words []string) bool {
	seen := map[string]bool{}
	for _, w := range words {
		if seen[w] {
			return true
		}
		seen[w] = true
	}
	return false
}

// lock reads a lock (Home Assistant, "MQTT lock").
func lock(c *Candidate, f fields, base string) error {
	if err := f.without("command_template", "code_format"); err != nil {
		return err
	}
	orders, err := f.texts("payload_lock", "LOCK", "payload_unlock", "UNLOCK")
	if err != nil {
		return err
	}
	if orders[0] == orders[1] {
		return refuse("put the relay on a board whose lines loquet pulses itself", "one word stands for both orders")
	}
	command, err := f.order(base)
	if err != nil {
		return err
	}
	state, err := f.topic("state_topic", base)
	if err != nil {
		return err
	}
	if state == "" {
		return refuse(byHand, "nothing tells whether it is locked: it has no state topic")
	}
	field, err := f.field("value_template")
	if err != nil {
		return err
	}
	said, err := f.texts("state_locked", "LOCKED", "state_unlocked", "UNLOCKED", "state_locking", "LOCKING", "state_unlocking", "UNLOCKING", "state_jammed", "JAMMED")
	if err != nil {
		return err
	}
	if twice(said) {
		return refuse(byHand, "one word stands for two states")
	}
	there, err := f.presence(base)
	if err != nil {
		return err
	}
	own := words(setting{"locked", other(said[0], "LOCKED")}, setting{"unlocked", other(said[1], "UNLOCKED")}, setting{"locking", other(said[2], "LOCKING")},
		setting{"unlocking", other(said[3], "UNLOCKING")}, setting{"jammed", other(said[4], "JAMMED")})
	settings := []setting{{"command", quote(command)}, {"lock", other(orders[0], "LOCK")}, {"unlock", other(orders[1], "UNLOCK")}, {"state", quote(state)}, {"field", quote(field)}, {"words", own}}
	c.section("lock", "locks", "bolt", append(settings, there...))
	return nil
}

// contact reads a binary sensor that sees a door or a window (Home Assistant, "MQTT binary sensor").
func contact(c *Candidate, f fields, base string) error {
	class, err := f.text("device_class", "")
	if err != nil {
		return err
	}
	switch class {
	case "door", "garage_door", "window", "opening":
	default:
		return refuse(byHand, "it is no contact of a door or window (its device class is %.30q)", class)
	}
	if err := f.without("off_delay", "expire_after"); err != nil {
		return err
	}
	state, err := f.topic("state_topic", base)
	if err != nil {
		return err
	}
	if state == "" {
		return refuse(byHand, "it has no state topic")
	}
	field, err := f.field("value_template")
	if err != nil {
		return err
	}
	said, err := f.texts("payload_on", "ON", "payload_off", "OFF")
	if err != nil {
		return err
	}
	if said[0] == said[1] {
		return refuse(byHand, "one word stands for open and closed")
	}
	there, err := f.presence(base)
	if err != nil {
		return err
	}
	settings := []setting{{"state", quote(state)}, {"field", quote(field)}, {"open", other(said[0], "ON")}, {"closed", other(said[1], "OFF")}}
	c.section("contact", "contacts", "sensor", append(settings, there...))
	return nil
}

var tasmotaTopic = pattern(`^cmnd/([A-Za-z0-9_-]{1,64})/POWER[0-9]*$`)

// bareSwitch reads a switch (Home Assistant, "MQTT switch"). Nothing in it says that the relay ends its pulse by itself:
// its section is refused until the owner says so.
func bareSwitch(c *Candidate, f fields, base string) error {
	if err := f.without("command_template"); err != nil {
		return err
	}
	orders, err := f.texts("payload_on", "ON", "payload_off", "OFF")
	if err != nil {
		return err
	}
	if orders[0] == orders[1] {
		return refuse(byHand, "one word stands for both orders: that is a button")
	}
	command, err := f.topic("command_topic", base)
	if err != nil {
		return err
	}
	if command == "" {
		return refuse(byHand, "it has no topic for orders")
	}
	if m := tasmotaTopic().FindStringSubmatch(command); m != nil {
		return refuse("use the driver that does: boards: {relay: {driver: tasmota, topic: "+m[1]+"}}, docs/hardware/tasmota.md",
			"it is a Tasmota, whose timer can be asked for: as a bare switch nobody would")
	}
	seen, err := f.switchState(base, orders)
	if err != nil {
		return err
	}
	there, err := f.presence(base)
	if err != nil {
		return err
	}
	settings := []setting{{"command", quote(command)}, {"on", other(orders[0], "ON")}, {"off", other(orders[1], "OFF")}}
	c.board(append(append(settings, seen...), there...))
	return nil
}

// switchState is whether a switch is on; nothing where the device does not tell.
func (f fields) switchState(base string, orders []string) ([]setting, error) {
	state, err := f.topic("state_topic", base)
	if err != nil {
		return nil, err
	}
	var optimistic bool
	_ = json.Unmarshal(f["optimistic"], &optimistic)
	if state == "" || optimistic {
		return nil, nil
	}
	if command, err := f.topic("command_topic", base); err != nil || command == state {
		return nil, refuse(byHand, "orders and states have one topic: an order would look like the device's answer")
	}
	field, err := f.field("value_template")
	if err != nil {
		return nil, err
	}
	said, err := f.texts("state_on", orders[0], "state_off", orders[1])
	if err != nil {
		return nil, err
	}
	if said[0] == said[1] {
		return nil, refuse(byHand, "one word stands for both states")
	}
	return []setting{{"state", quote(state)}, {"field", quote(field)}, {"state_on", other(said[0], orders[0])}, {"state_off", other(said[1], orders[1])}}, nil
}
