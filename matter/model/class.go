package model

import (
	"cmp"
	"slices"
)

// Privilege is what a controller needs to be granted (Matter 1.4 section 9.10.5.2). The zero value stands for "nobody".
type Privilege uint8

// The privileges, with their numbers on the wire. Each includes those before it, but ProxyView, which is not granted.
const (
	View       Privilege = 1
	Operate    Privilege = 3
	Manage     Privilege = 4
	Administer Privilege = 5
)

// Quality is a set of properties of an attribute, a command or an event (Matter 1.4 section 7.7).
type Quality uint8

const (
	// Timed: a write or invoke must follow a timed request ("T").
	Timed Quality = 1 << iota
	// FabricScoped: of an attribute, a list whose entries belong to fabrics; of a command, one that needs a fabric ("F").
	FabricScoped
	// FabricSensitive: of an event, told only to the fabric it belongs to ("S").
	FabricSensitive
	// ChangesOmitted: a change is not reported to subscriptions ("C").
	ChangesOmitted
	// Fixed: an attribute that never changes while the node runs ("F").
	Fixed
)

// Attribute describes an attribute. Write is zero when it cannot be written.
type Attribute struct {
	ID      uint32
	Read    Privilege
	Write   Privilege
	Quality Quality
}

// NoResponse stands in Command.Response for a command that is answered with a status only.
const NoResponse = ^uint32(0)

// Command describes a command that a controller may invoke.
type Command struct {
	ID       uint32
	Response uint32 // the command that answers it, or NoResponse
	Invoke   Privilege
	Quality  Quality
}

// EventKind describes an event.
type EventKind struct {
	ID       uint32
	Read     Privilege
	Priority Priority
	Quality  Quality
}

// Class describes a kind of cluster: what every instance with the same features and optional elements has. It is
// shared and never changed.
type Class struct {
	ID         uint32
	Revision   uint16
	Features   uint32
	Attributes []Attribute // without the global ones
	Commands   []Command
	Events     []EventKind
}

// NewClass returns the description with its elements in order, as lookups and lists need them.
func NewClass(c Class) *Class {
	slices.SortFunc(c.Attributes, func(a, b Attribute) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(c.Commands, func(a, b Command) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(c.Events, func(a, b EventKind) int { return cmp.Compare(a.ID, b.ID) })
	return &c
}

// Attribute returns the description of an attribute, a global one too.
func (c *Class) Attribute(id uint32) (Attribute, bool) {
	if id >= firstGlobal {
		return globalAttribute(id)
	}
	i, ok := slices.BinarySearchFunc(c.Attributes, id, func(a Attribute, id uint32) int { return cmp.Compare(a.ID, id) })
	if !ok {
		return Attribute{}, false
	}
	return c.Attributes[i], true
}

// Command returns the description of a command.
func (c *Class) Command(id uint32) (Command, bool) {
	i, ok := slices.BinarySearchFunc(c.Commands, id, func(a Command, id uint32) int { return cmp.Compare(a.ID, id) })
	if !ok {
		return Command{}, false
	}
	return c.Commands[i], true
}

// Event returns the description of an event.
func (c *Class) Event(id uint32) (EventKind, bool) {
	i, ok := slices.BinarySearchFunc(c.Events, id, func(a EventKind, id uint32) int { return cmp.Compare(a.ID, id) })
	if !ok {
		return EventKind{}, false
	}
	return c.Events[i], true
}

// Generated returns the commands that instances answer with, in order.
func (c *Class) Generated() []uint32 {
	var ids []uint32
	for _, command := range c.Commands {
		if command.Response != NoResponse {
			ids = append(ids, command.Response)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
