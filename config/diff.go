package config

import (
	"reflect"
	"slices"
	"strings"
)

// ChangeKind says what happened to a device between two configurations.
type ChangeKind string

// Kinds of changes. Renamed is a change of nothing but the name.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Renamed ChangeKind = "renamed"
	Changed ChangeKind = "changed"
)

// Change is what happened to one device.
type Change struct {
	Kind   ChangeKind `json:"kind"`
	Device string     `json:"device"` // its id
	Type   string     `json:"type"`   // door, lock, contact or keypad
	Fields []string   `json:"fields,omitempty"`
}

// Changes are what a reload has to do.
type Changes struct {
	// Devices in this order: removed, changed, renamed, added; so that a line is free before its
	// new user asks for it. A device that became one of another type is removed and added. One
	// whose board or interlock changed counts as changed, with the field "board" or "interlock".
	Devices []Change `json:"devices,omitempty"`
	// Settings that a reload applies while running: "homekit.timed_writes".
	Settings []string `json:"settings,omitempty"`
	// Restart are the settings that take effect only when the bridge starts: "homekit.listen".
	Restart []string `json:"restart,omitempty"`
}

// Empty reports whether there is nothing to do.
func (c Changes) Empty() bool {
	return len(c.Devices) == 0 && len(c.Settings) == 0 && len(c.Restart) == 0
}

// Diff compares two configurations. Places in the file, comments and the order of devices do not count.
func Diff(old, next *Config) Changes {
	var out Changes
	before, after := old.described(), next.described()
	boards := changedBoards(old, next)
	for _, b := range before {
		a := byID(after, b.id)
		if a == nil || a.kind != b.kind {
			out.Devices = append(out.Devices, Change{Kind: Removed, Device: b.id, Type: b.kind})
			continue
		}
		fields := differing(b.node, a.node)
		if b.interlock != a.interlock {
			fields = append(fields, "interlock")
		}
		if a.uses(boards) || b.uses(boards) {
			fields = append(fields, "board")
		}
		switch {
		case len(fields) == 0:
		case len(fields) == 1 && fields[0] == "name":
			out.Devices = append(out.Devices, Change{Kind: Renamed, Device: a.id, Type: a.kind, Fields: fields})
		default:
			out.Devices = append(out.Devices, Change{Kind: Changed, Device: a.id, Type: a.kind, Fields: fields})
		}
	}
	for _, a := range after {
		if b := byID(before, a.id); b == nil || b.kind != a.kind {
			out.Devices = append(out.Devices, Change{Kind: Added, Device: a.id, Type: a.kind})
		}
	}
	order := []ChangeKind{Removed, Changed, Renamed, Added}
	slices.SortStableFunc(out.Devices, func(x, y Change) int {
		return slices.Index(order, x.Kind) - slices.Index(order, y.Kind)
	})
	out.settings(old, next)
	return out
}

func (c *Changes) settings(old, next *Config) {
	for _, s := range []struct {
		name      string
		old, next any
		restart   bool
	}{
		{"home.zone", old.Home.Zone, next.Home.Zone, false},
		{"homekit.name", old.BridgeName(), next.BridgeName(), true},
		{"homekit.listen", old.HomeKit.Listen, next.HomeKit.Listen, true},
		{"homekit.timed_writes", old.HomeKit.TimedWrites, next.HomeKit.TimedWrites, false},
		{"matter", old.Matter, next.Matter, true},
		{"mqtt", old.MQTT, next.MQTT, true},
		{"alerts", old.Alerts, next.Alerts, false},
		{"guests", old.Guests, next.Guests, false},
		{"history.retention", old.History.Keep(), next.History.Keep(), false},
	} {
		switch {
		case reflect.DeepEqual(s.old, s.next):
		case s.restart:
			c.Restart = append(c.Restart, s.name)
		default:
			c.Settings = append(c.Settings, s.name)
		}
	}
}

// described is a device as what it says, without where it says it.
type described struct {
	id, kind, interlock string
	node                *node
}

func (c *Config) described() []described {
	in := make(map[string]string)
	for _, l := range c.Interlocks {
		members := slices.Sorted(slices.Values(l.Devices))
		for _, id := range l.Devices {
			in[id] = l.ID + " " + strings.Join(members, " ")
		}
	}
	var out []described
	add := func(kind, id string, v any) {
		n := encode(reflect.ValueOf(v))
		if n == nil {
			n = &node{shape: shapeMap}
		}
		out = append(out, described{id: id, kind: kind, interlock: in[id], node: n})
	}
	for _, d := range c.Doors {
		add("door", d.ID, d)
	}
	for _, l := range c.Locks {
		add("lock", l.ID, l)
	}
	for _, s := range c.Contacts {
		add("contact", s.ID, s)
	}
	for _, p := range c.Keypads {
		add("keypad", p.ID, p)
	}
	return out
}

func byID(all []described, id string) *described {
	i := slices.IndexFunc(all, func(d described) bool { return d.id == id })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// differing lists the fields that do not say the same.
func differing(a, b *node) []string {
	var out []string
	for _, k := range a.keys {
		if !k.value.same(b.child(k.name)) {
			out = append(out, k.name)
		}
	}
	for _, k := range b.keys {
		if a.child(k.name) == nil {
			out = append(out, k.name)
		}
	}
	return out
}

func changedBoards(old, next *Config) []string {
	var out []string
	for _, b := range next.Boards {
		i := slices.IndexFunc(old.Boards, func(o Board) bool { return o.ID == b.ID })
		if i >= 0 && !b.Part.Same(&old.Boards[i].Part) {
			out = append(out, b.ID)
		}
	}
	return out
}

// uses reports whether a line of one of the boards stands anywhere in the device.
func (d described) uses(boards []string) bool {
	var walk func(n *node) bool
	walk = func(n *node) bool {
		if n.shape == shapeText && slices.Contains(boards, Line(n.text).Board()) && Line(n.text).Name() != "" {
			return true
		}
		for _, k := range n.keys {
			if walk(k.value) {
				return true
			}
		}
		return slices.ContainsFunc(n.list, walk)
	}
	return len(boards) > 0 && walk(d.node)
}
