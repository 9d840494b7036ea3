package homekit

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/homekit"
)

// Words name the servers of a house for ever: "main", "main-2" ... for the bridges, "own/front" for a
// device that is an accessory of its own.
const (
	mainBridge = "main"
	ownPrefix  = "own/"
)

func ownBridge(device string) string { return ownPrefix + device }

func isOwn(bridge string) bool { return strings.HasPrefix(bridge, ownPrefix) }

// bridgeDevice is the name under which a bridge's own accessory has its numbers; no device has a colon
// in its id.
func bridgeDevice(bridge string) string { return "bridge:" + bridge }

func numbered(k int) string {
	if k == 1 {
		return mainBridge
	}
	return mainBridge + "-" + strconv.Itoa(k)
}

// rank is the place of a bridge in lists; those of single devices come last.
func rank(bridge string) int {
	number, _ := strings.CutPrefix(bridge, mainBridge+"-")
	k, err := strconv.Atoi(number)
	switch {
	case bridge == mainBridge:
		return 1
	case err == nil:
		return k
	}
	return 1 << 30
}

func compareBridges(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) }

// group is one server and everything it is to show.
type group struct {
	bridge string
	name   string
	self   *accessory.A // the bridge's own accessory; nil for a device of its own
	things []thing
}

// bridgeModel is what a bridge says it is.
const bridgeModel = "Bridge"

// shown are the devices of a group; a server that is ahead of them has none yet.
func (g *group) shown() []thing {
	if g == nil {
		return nil
	}
	return g.things
}

func (g *group) accessories() []*accessory.A {
	var as []*accessory.A
	if g == nil {
		return nil
	}
	if g.self != nil {
		as = append(as, g.self)
	}
	for _, t := range g.things {
		as = append(as, t.accessory())
	}
	return as
}

func (g *group) model() string {
	if g.self == nil && len(g.things) == 1 {
		return g.things[0].accessory().Info.Model.Value()
	}
	return bridgeModel
}

func (g *group) category() byte {
	if g.self == nil && len(g.things) == 1 {
		return g.things[0].accessory().Type
	}
	return accessory.TypeBridge
}

// plan sorts the devices onto servers, the main bridge first, and makes their accessories.
func (h *House) plan(items []Item) []*group {
	byBridge := map[string]*group{}
	var groups []*group
	at := func(bridge, name string) *group {
		g := byBridge[bridge]
		if g == nil {
			g = &group{bridge: bridge, name: name}
			if !isOwn(bridge) {
				g.self = h.bridgeAccessory(bridge, name)
			}
			byBridge[bridge] = g
			groups = append(groups, g)
		}
		return g
	}
	at(mainBridge, h.bridgeName(mainBridge))
	for _, i := range items {
		i.Name = shownName(i.Name)
		bridge, name := ownBridge(i.id()), i.Name
		if !i.ownTile() {
			bridge = h.bridgeFor(i.id())
			name = h.bridgeName(bridge)
		}
		g := at(bridge, name)
		g.things = append(g.things, h.newThing(i, bridge))
	}
	slices.SortFunc(groups, func(a, b *group) int { return compareBridges(a.bridge, b.bridge) })
	return groups
}

// bridgeFor finds the bridge a device lives on: its old one if it has one, else the first with room.
func (h *House) bridgeFor(device string) string {
	if old := h.numbers.sharedBridge(device); old != "" {
		return old
	}
	k := 1
	for h.numbers.held(numbered(k)) >= homekit.MaxAccessories {
		k++
	}
	return numbered(k)
}

// bridgeName is the name of a bridge: that of the house, with a number from the second one on.
func (h *House) bridgeName(bridge string) string {
	name := shownName(h.opts.Name)
	if k := rank(bridge); k > 1 {
		return joined(name, strconv.Itoa(k))
	}
	return name
}

func (h *House) newThing(i Item, bridge string) thing {
	about := h.opts.About
	var book *codeBook
	if h.opts.Codes != nil && (i.Codes || i.Missing && h.numbers.has(i.id(), "codes")) {
		book = h.bookOf(i.id())
	}
	switch {
	case i.Door != nil:
		return newDoorThing(h.numbers, bridge, about, i.Door, i.Name, book, i.DoorFace, i.Timed)
	case i.Lock != nil:
		return newLockThing(h.numbers, bridge, about, i.Lock, i.Name, book, i.LockFace, i.Timed)
	default:
		return newContactThing(h.numbers, bridge, about, i.Contact, i.Name, i.ContactFace)
	}
}

// bridgeAccessory is the first accessory of a bridge: itself (HAP R2 2.5.3.1), with the protocol version.
func (h *House) bridgeAccessory(bridge, name string) *accessory.A {
	f := fit(h.numbers, bridgeDevice(bridge), bridge, h.opts.About, name, bridgeModel, accessory.TypeBridge)
	version := service.NewProtocolInformation()
	version.Version.Val = "1.1.0"
	f.service("protocol", version.S, member{"version", readOnly(version.Version.C)})
	return f.a
}

// onlyStored leaves out what has no durable number: the disk takes nothing now, and a number that is
// forgotten could later lead to another door.
func (h *House) onlyStored(groups []*group) (kept []*group, left []string) {
	for _, g := range groups {
		own := g.things
		g.things = nil
		for _, t := range own {
			if h.numbers.stored(t.device()) {
				g.things = append(g.things, t)
			} else {
				left = append(left, t.device())
			}
		}
		if len(g.things) > 0 || g.self != nil && h.numbers.stored(bridgeDevice(g.bridge)) {
			kept = append(kept, g)
		}
	}
	return kept, left
}
