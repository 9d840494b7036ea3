package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loquet/loquet/matter/model"
)

// Options say what cannot be seen from the node.
type Options struct {
	// Conditions of device types that hold, such as "Ethernet". A condition that a device type on the node brings along
	// holds by itself.
	Conditions []string
}

// Check returns what is wrong with a node, in words; nothing when it conforms. It fails only when the data model itself
// cannot be read.
func Check(n *model.Node, o Options) ([]string, error) {
	c, err := load()
	if err != nil {
		return nil, err
	}
	k := &checker{catalog: c, conditions: map[string]bool{}}
	for _, name := range o.Conditions {
		k.conditions[strings.ToLower(name)] = true
	}
	for _, e := range n.Endpoints() {
		for _, t := range e.DeviceTypes() {
			if d := c.deviceType(t.ID); d != nil {
				k.brings(d)
			}
		}
	}
	for _, e := range n.Endpoints() {
		k.endpoint(e)
	}
	return k.found, nil
}

type checker struct {
	catalog    *catalog
	conditions map[string]bool
	found      []string
}

func (k *checker) bad(format string, args ...any) {
	k.found = append(k.found, fmt.Sprintf(format, args...))
}

// brings notes the conditions that a device type sets for the whole node.
func (k *checker) brings(d *deviceType) {
	for _, r := range d.Requirements {
		if r.Element == "condition" && r.Conformance == "M" {
			k.conditions[strings.ToLower(r.Name)] = true
		}
	}
}

func (k *checker) endpoint(e *model.Endpoint) {
	where := fmt.Sprintf("endpoint %d", e.ID())
	local := map[string]bool{"server": true}
	allowed := map[uint32]bool{}
	types := []*deviceType{&k.catalog.Base}
	for _, t := range e.DeviceTypes() {
		d := k.catalog.deviceType(t.ID)
		if d == nil {
			k.bad("%s: device type 0x%04x is not in the data model", where, t.ID)
			continue
		}
		if d.Revision != t.Revision {
			k.bad("%s: %s has revision %d, the data model %d", where, d.Name, t.Revision, d.Revision)
		}
		local[strings.ToLower(d.Class)] = true
		types = append(types, d)
	}
	is := func(name string) bool {
		name = strings.ToLower(name)
		return k.conditions[name] || local[name]
	}
	for _, d := range types {
		for _, r := range d.Requirements {
			if r.Element == "serverCluster" {
				k.requirement(e, d, r, is, allowed)
			}
		}
	}
	for _, c := range e.Clusters() {
		id := c.Class().ID
		if !allowed[id] {
			k.bad("%s: cluster 0x%04x belongs to none of its device types", where, id)
		}
		if m := k.catalog.cluster(id); m != nil {
			k.cluster(where+" "+m.Name, c, m)
		} else {
			k.bad("%s: cluster 0x%04x is not in the data model", where, id)
		}
	}
}

// requirement holds an endpoint against one line of a device type.
func (k *checker) requirement(e *model.Endpoint, d *deviceType, r requirement, is func(string) bool, allowed map[uint32]bool) {
	c, there := e.Cluster(r.ID)
	v := Optional
	if r.Conformance != "" {
		v = evaluate(r.Conformance, d.Revision, is)
	}
	switch {
	case v == Mandatory && !there:
		k.bad("endpoint %d: %s needs %s", e.ID(), d.Name, r.Name)
	case v == Disallowed && there && r.Conformance == "X":
		k.bad("endpoint %d: %s forbids %s", e.ID(), d.Name, r.Name)
	}
	if v != Disallowed {
		allowed[r.ID] = true
	}
	m := k.catalog.cluster(r.ID)
	if !there || m == nil {
		return
	}
	for _, inner := range r.Inner {
		if inner.Conformance != "" && evaluate(inner.Conformance, d.Revision, is) == Mandatory && !hasInner(c.Class(), m, inner) {
			k.bad("endpoint %d: %s needs %s %s of %s", e.ID(), d.Name, inner.Element, inner.Name, r.Name)
		}
	}
}

// hasInner says whether a cluster has a feature, attribute or command that a device type names.
func hasInner(class *model.Class, m *cluster, r requirement) bool {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	switch r.Element {
	case "feature":
		for _, f := range m.Features {
			if plain(f.Code) == plain(r.Name) || plain(f.Name) == plain(r.Name) {
				return class.Features&(1<<f.Bit) != 0
			}
		}
	case "attribute":
		for _, a := range m.Attributes {
			if a.Name == r.Name {
				_, ok := class.Attribute(a.ID)
				return ok
			}
		}
	case "command":
		for _, c := range m.Commands {
			if c.Name == r.Name && c.Direction == "request" {
				_, ok := class.Command(c.ID)
				return ok
			}
		}
	}
	return true
}

// cluster holds a cluster against the data model.
func (k *checker) cluster(where string, c model.Cluster, m *cluster) {
	class := c.Class()
	if class.Revision != m.Revision {
		k.bad("%s has revision %d, the data model %d", where, class.Revision, m.Revision)
	}
	is := func(name string) bool { return m.has(class, name) || k.conditions[strings.ToLower(name)] }
	var known uint32
	for _, f := range m.Features {
		known |= 1 << f.Bit
		k.judge(where, "feature "+f.Code, evaluate(f.Conformance, m.Revision, is), class.Features&(1<<f.Bit) != 0)
	}
	if extra := class.Features &^ known; extra != 0 {
		k.bad("%s: feature bits 0x%x are not in the data model", where, extra)
	}
	k.attributes(where, c, m, is)
	k.commands(where, class, m, is)
	for _, e := range m.Events {
		kind, ok := class.Event(e.ID)
		k.judge(where, "event "+e.Name, evaluate(e.Conformance, m.Revision, is), ok)
		if ok {
			k.event(where+" "+e.Name, kind, e)
		}
	}
	for _, kind := range class.Events {
		if !slices.ContainsFunc(m.Events, func(e element) bool { return e.ID == kind.ID }) {
			k.bad("%s: event %d is not in the data model", where, kind.ID)
		}
	}
}

func (k *checker) judge(where, what string, v Verdict, there bool) {
	switch {
	case v == Mandatory && !there:
		k.bad("%s: %s is missing", where, what)
	case v == Disallowed && there:
		k.bad("%s: %s may not be there", where, what)
	}
}

// has says whether an instance has a feature or another element by its name.
func (m *cluster) has(class *model.Class, name string) bool {
	for _, f := range m.Features {
		if f.Code == name {
			return class.Features&(1<<f.Bit) != 0
		}
	}
	for _, a := range m.Attributes {
		if a.Name == name {
			_, ok := class.Attribute(a.ID)
			return ok
		}
	}
	for _, c := range m.Commands {
		if c.Name == name {
			_, ok := class.Command(c.ID)
			return ok
		}
	}
	return false
}
