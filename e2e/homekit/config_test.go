package homekit

import "strings"

// section is one device of a configuration, on the lines of the simulated house.
type section struct{ group, id, text string }

var (
	garageSection = section{"doors", "garage", `
    name: Garage
    kind: sectional
    opener: {driver: lines, relay: "house:garage/relay", pulse: 400ms, cycle: open-stop-close-stop}
    closed: "house:garage/closed"
    open: "house:garage/open"
    obstruction: "house:garage/obstructed"
    travel: 12s
    remote_close: warned
    warning: {light: "house:garage/lamp", beeper: "house:garage/beeper", time: 5s}
`}
	gateSection = section{"doors", "gate", `
    name: Gate
    kind: gate-sliding
    opener: {driver: lines, open_relay: "house:gate/open-relay", close_relay: "house:gate/close-relay", stop_relay: "house:gate/stop-relay"}
    closed: "house:gate/closed"
    open: "house:gate/open"
    travel: 15s
    remote_close: owner-declares-protected
`}
	frontSection = section{"locks", "front", `
    name: Front door
    bolt: {driver: motor, secure_relay: "house:front/secure", unsecure_relay: "house:front/unsecure"}
    secured: "house:front/secured"
    unsecured: "house:front/unsecured"
    door: "house:front/door"
`}
	studioSection = section{"locks", "studio", `
    name: Studio
    bolt: {driver: strike, relay: "house:studio/relay", hold: 5s}
    secured: "house:studio/secured"
    door: "house:studio/door"
`}
)

// without returns the section without the lines that begin with a key.
func (s section) without(key string) section {
	var kept []string
	for line := range strings.Lines(s.text) {
		if !strings.HasPrefix(strings.TrimSpace(line), key+":") {
			kept = append(kept, line)
		}
	}
	s.text = strings.Join(kept, "")
	return s
}

// cycle returns the section with another cycle of the opener.
func (s section) cycle(name string) section {
	s.text = strings.Replace(s.text, "open-stop-close-stop", name, 1)
	return s
}

// configuration writes the sections in their order, doors and locks each together.
func (h *house) configuration(sections ...section) string {
	var b strings.Builder
	b.WriteString("home: {name: Villa Rose}\n")
	b.WriteString("boards: {house: {driver: sim, world: " + h.world.Socket + "}}\n")
	last := ""
	for _, s := range sections {
		if s.group != last {
			b.WriteString(s.group + ":\n")
			last = s.group
		}
		b.WriteString("  " + s.id + ":" + s.text)
	}
	return b.String()
}
