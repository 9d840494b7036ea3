package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a small board may have no time zones of its own
)

const day = 24 * time.Hour

func (k *checker) home() {
	if k.Home.Name != "" || k.given(path{"home", "name"}) {
		k.nonEmptyName(path{"home", "name"}, k.Home.Name)
	}
	if k.HomeKit.Name != "" || k.given(path{"homekit", "name"}) {
		k.nonEmptyName(path{"homekit", "name"}, k.HomeKit.Name)
	}
	k.zone()
	k.timedWrites(path{"homekit"}, k.HomeKit.TimedWrites)
	k.bound(path{"history", "retention"}, k.History.Retention, day, 3650*day)
	k.guests()
}

func (k *checker) guests() {
	g := k.Guests
	if n := g.Reserve(); n < 0 || n > mostSpares {
		k.fail("guests-range", path{"guests", "spares"}, fmt.Sprintf("%d codes cannot be in reserve", n), fmt.Sprintf("write 0 to %d", mostSpares))
	}
	if (g.Battery != 0 || k.given(path{"guests", "battery"})) && (g.Battery < 1 || g.Battery > 90) {
		k.fail("guests-range", path{"guests", "battery"}, fmt.Sprintf("%d is no percentage at which a battery is low", g.Battery), "write 1 to 90, or leave it out")
	}
	k.oneOf("bad-clock", path{"guests", "clock"}, "how far the time must be known", g.Clock, ClockCounted, ClockTrusted)
}

func (k *checker) nonEmptyName(at path, name string) {
	if name == "" {
		k.fail("missing-name", at, "the name is empty", "write a name, or remove the line")
		return
	}
	k.name(at, name)
}

func (k *checker) zone() {
	at := path{"home", "zone"}
	zone := k.Home.Zone
	if zone == "" && !k.given(at) {
		return
	}
	if _, err := time.LoadLocation(zone); err == nil && zone != "" && zone != "Local" {
		return
	}
	remedy := "write it as in the tz database: continent/city, such as Europe/Paris or America/New_York"
	if s, ok := nearZone(zone); ok {
		remedy = fmt.Sprintf("did you mean %q?", s)
	}
	k.fail("bad-zone", at, fmt.Sprintf("%q is not a time zone", clip(zone)), remedy)
}

// nearZone finds the zone behind a wrong case, a space, or a city without its continent.
func nearZone(zone string) (string, bool) {
	title := func(s string) string {
		words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == '_' || r == ' ' })
		for i, w := range words {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
		return strings.Join(words, "_")
	}
	if zone == "" || len(zone) > 48 {
		return "", false
	}
	parts := strings.Split(zone, "/")
	for i, p := range parts {
		parts[i] = title(p)
	}
	tries := []string{strings.Join(parts, "/")}
	city := parts[len(parts)-1]
	for _, area := range []string{"Europe", "America", "Asia", "Australia", "Africa", "Pacific", "Atlantic", "Indian"} {
		tries = append(tries, area+"/"+city)
	}
	for _, t := range tries {
		if _, err := time.LoadLocation(t); err == nil && strings.Contains(t, "/") && city != "" {
			return t, true
		}
	}
	return "", false
}

func (k *checker) listeners() {
	taken := make(map[string]string) // TCP ports
	k.listen(path{"homekit", "listen"}, k.HomeKit.Listen, taken)
	if k.Matter != nil {
		k.listen(path{"matter", "listen"}, k.Matter.Listen, nil) // UDP
	}
	if k.MQTT != nil {
		k.listen(path{"mqtt", "listen"}, k.MQTT.Listen, taken)
		k.broker(*k.MQTT)
	}
}

func (k *checker) listen(at path, listen string, taken map[string]string) {
	if listen == "" && !k.given(at) {
		return
	}
	host, port, found := cutPort(listen)
	if !found {
		k.fail("bad-listen", at, fmt.Sprintf("%q is not an address with a port", clip(listen)),
			`write ":51826" for all addresses of this machine, or "192.168.1.10:51826" for one`)
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		k.fail("bad-listen", at, fmt.Sprintf("%q is not a port", clip(port)), "a port is a number from 1 to 65535; 0 picks a free one")
		return
	} else if n != 0 && taken != nil {
		if other, ok := taken[port]; ok {
			k.fail("same-port", at, fmt.Sprintf("port %s is used by %s already", port, other), "give each server a port of its own")
			return
		}
		taken[port] = at.String()
	}
	if host == "" {
		return
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil {
		k.fail("bad-listen", at, fmt.Sprintf("%q is not an IP address", clip(host)),
			`names are not looked up here: write the machine's IP address, or only ":`+port+`" for all of them`)
	}
}

func cutPort(s string) (host, port string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	host, port = s[:i], s[i+1:]
	bracketed := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	return host, port, bracketed || !strings.Contains(host, ":")
}

func (k *checker) broker(m MQTT) {
	at := path{"mqtt"}
	k.oneOf("bad-publish", at.sub("publish"), "something that can be published", m.Publish, PublishStates, PublishOrders)
	k.orders(m, at)
	switch {
	case m.Listen == "" && m.URL == "":
		k.fail("mqtt-which", at, "this says neither where the built-in broker listens nor where another one is",
			`write listen: ":1883" for the built-in broker, or url: mqtt://host:1883 for another`)
		return
	case m.Listen != "" && m.URL != "":
		k.fail("mqtt-which", at.sub("url"), "this has both a broker of its own (listen) and another one (url)", "keep one of them")
		return
	case m.URL == "":
		if m.User != "" || m.PasswordFile != "" {
			k.fail("mqtt-which", at, "user and password_file are for another broker (url)", "remove them: the built-in broker makes its own accounts")
		}
		return
	}
	at = at.sub("url")
	u, err := url.Parse(m.URL)
	if err != nil || u.Host == "" || !slices.Contains([]string{"mqtt", "mqtts"}, u.Scheme) {
		k.fail("bad-url", at, "this is not the address of an MQTT broker", "write mqtt://host:1883, or mqtts://host:8883 with TLS")
		return
	}
	if u.User != nil {
		k.fail("secret", at, "the address has a user or a password in it", "write user: and password_file: instead; this file may be read by others")
	}
}

// orders judges who may move doors over MQTT. The broker in the process knows which account says what; another one does
// not tell.
func (k *checker) orders(m MQTT, at path) {
	k.oneOf("order-topics", at.sub("order_topics"), "the owner's word for a broker that guards the topics of orders", m.OrderTopics, TopicsDeclared)
	switch {
	case m.OrderTopics != "" && (m.URL == "" || !m.TakesOrders()):
		k.fail("order-topics", at.sub("order_topics"), "this is about orders over another broker, and none are taken there",
			"remove it: the built-in broker knows who says what")
	case m.URL != "" && m.TakesOrders() && m.OrderTopics == "":
		k.fail("order-topics", at.sub("publish"), "another broker does not tell who gives an order: whoever may write there would open the doors",
			"use the built-in broker (listen:); or let that broker's ACL guard the topics loquet/#, and write order_topics: "+TopicsDeclared)
	case m.URL != "" && m.TakesOrders():
		k.warn("orders-unverified", at.sub("order_topics"), "who may write to the topics loquet/# at that broker moves the doors, and the history cannot say who it was",
			"use the built-in broker (listen:), which knows each account and has a role for it")
	}
}

// face is how one door or lock is shown at the broker.
func (k *checker) face(at path, f MQTTFace) {
	k.oneOf("bad-mqtt-face", at.sub("mqtt"), "a way to show this at the MQTT broker", string(f), string(MQTTStates), string(MQTTNone))
}

func (k *checker) timedWrites(at path, t TimedWrites) {
	k.oneOf("bad-timed-writes", at.sub("timed_writes"), "a way to treat commands that were not announced", string(t),
		string(TimedRequired), string(TimedAccepted))
	if t == TimedAccepted {
		k.warn("timed-accepted", at.sub("timed_writes"), "a command that was held up on its way can open a door much later",
			"use required, unless a controller that you need cannot announce its commands")
	}
}

func (k *checker) boards() {
	for i := range k.Boards {
		b := &k.Boards[i]
		k.driver(k.catalog.Boards, "boards", &b.Part, path{"boards", b.ID})
	}
}

func (k *checker) contact(c *Contact) {
	at := path{"contacts", c.ID}
	k.deviceName(at, c.ID, c.Name, true)
	switch {
	case c.Input == "" && c.Sensor == nil:
		k.fail("contact-which", at, "this contact has no input", `add input: and a line such as "!gpio:27", or sensor: and a driver`)
	case c.Input != "" && c.Sensor != nil:
		k.fail("contact-which", at.sub("sensor"), "this contact has both an input and a sensor", "keep one of them")
	}
	k.input(at.sub("input"), c.ID, c.Input)
	if c.Sensor != nil {
		k.driver(k.catalog.Sensors, "sensors", c.Sensor, at.sub("sensor"))
	}
	k.devices[c.ID] = seen{kind: "contact"}
}

// Digits of a PIN.
const minDigits, maxDigits = 4, 10

func (k *checker) keypad(p *Keypad) {
	at := path{"keypads", p.ID}
	k.deviceName(at, p.ID, p.Name, false)
	k.driver(k.catalog.Keypads, "keypads", &p.Part, at)
	if len(p.Opens) == 0 {
		k.fail("keypad-opens", at.sub("opens"), "this keypad opens nothing", "add opens: and the ids of doors and locks, such as [front]")
	}
	if p.Length != 0 && (p.Length < minDigits || p.Length > maxDigits) {
		k.fail("keypad-length", at.sub("length"), fmt.Sprintf("no code has %d digits", p.Length), fmt.Sprintf("write %d to %d, or leave it out: then # ends a code", minDigits, maxDigits))
	}
	k.members(at.sub("opens"), p.Opens)
	k.devices[p.ID] = seen{kind: "keypad"}
}

// members checks a list of ids of doors and locks, and returns those that are.
func (k *checker) members(at path, ids []string) []string {
	var known, good []string
	for id, d := range k.devices {
		if d.kind == "door" || d.kind == "lock" {
			known = append(known, id)
		}
	}
	slices.Sort(known)
	for i, id := range ids {
		at := at.sub(fmt.Sprintf("[%d]", i))
		switch d, ok := k.devices[id]; {
		case slices.Contains(ids[:i], id):
			k.fail("listed-twice", at, fmt.Sprintf("%q is listed twice", clip(id)), "remove one of them")
		case ok && d.kind != "door" && d.kind != "lock":
			k.fail("not-a-door", at, fmt.Sprintf("%q is a %s, not a door or a lock", clip(id), d.kind), "name doors and locks by their ids")
		case !ok && len(known) == 0:
			k.fail("unknown-device", at, fmt.Sprintf("there is no door or lock %q", clip(id)), "add it under doors: or locks:")
		case !ok:
			k.fail("unknown-device", at, fmt.Sprintf("there is no door or lock %q", clip(id)), meant(id, known))
		default:
			good = append(good, id)
		}
	}
	return good
}

func (k *checker) interlocks() {
	member := make(map[string]string)
	for _, l := range k.Interlocks {
		at := path{"interlocks", l.ID, "devices"}
		if len(l.Devices) < 2 {
			k.fail("interlock-few", at, "an interlock needs two doors or more", "list the ids of all its doors and locks: [outer, inner]")
		}
		for i, id := range l.Devices {
			at := at.sub(fmt.Sprintf("[%d]", i))
			if other, ok := member[id]; ok && other != l.ID {
				k.fail("interlock-two", at, fmt.Sprintf("%q is in the interlock %q already", clip(id), clip(other)),
					"a door belongs to one interlock: list all doors that exclude each other in one")
			}
			member[id] = l.ID
			if d, ok := k.devices[id]; ok && d.known && !d.sensesClosed && (d.kind == "door" || d.kind == "lock") {
				k.fail("interlock-blind", at, fmt.Sprintf("nothing tells when %q is closed, so the other door would never open again", clip(id)),
					"add a contact: closed: at a door, door: at a lock")
			}
		}
		k.members(at, l.Devices)
	}
}
