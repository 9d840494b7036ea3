package matter

import (
	"fmt"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/model"
)

// base is what all things have in common.
type base struct {
	house *House
	item  Item
	parts []part
	cell  *cluster.Battery // nil: it has none, as far as is known
}

// part is one endpoint of a thing.
type part struct {
	config  model.EndpointConfig
	bridged *cluster.Bridged
}

func (b *base) device() string { return b.item.id() }

func (b *base) same(i Item) bool { return b.item == i }

func (b *base) endpoints() (out []model.EndpointConfig) {
	for _, p := range b.parts {
		out = append(out, p.config)
	}
	return out
}

func (b *base) reachable(r bool) {
	for _, p := range b.parts {
		p.bridged.SetReachable(r)
	}
}

// maxLabel is what a label may have in octets (Matter 1.4 section 11.1.5.6).
const maxLabel = 32

// piece is an endpoint to be made.
type piece struct {
	key      string // tells it from the device's others; the main one has none
	name     string // its label, until a controller gives another one
	product  string
	types    []model.DeviceType
	tags     []model.Tag
	there    bool // the device answers
	show     func(on bool)
	clusters []model.Cluster
}

// part adds an endpoint.
func (b *base) part(p piece) error {
	id := b.device()
	if p.key != "" {
		id += "/" + p.key
	}
	h := b.house
	number, err := h.c.Server.EndpointFor(id)
	if err != nil {
		return fmt.Errorf("matter: show %s: %w", b.device(), err)
	}
	unique := h.unique(id)
	bridged := cluster.NewBridged(cluster.BridgedDevice{VendorName: "loquet", ProductName: p.product, Label: h.label(id, p.name), SerialNumber: unique[:16],
		UniqueID: unique, HardwareVersionText: "1", SoftwareVersionText: cut(h.c.About.Firmware, 64), Reachable: p.there,
		SetLabel: func(l string) error { return h.keepLabel(id, p.name, l) }})
	b.parts = append(b.parts, part{bridged: bridged, config: model.EndpointConfig{ID: number, DeviceTypes: p.types, Tags: p.tags,
		Clusters: append([]model.Cluster{bridged, cluster.NewIdentify(cluster.IdentifyActuator, p.show)}, p.clusters...)}})
	return nil
}

// power is a battery on the endpoint of a device; nil is none.
type power struct{ cell *cluster.Battery }

const batteryKeys = "battery/"

// power returns the battery of a device that has one: it says so, or did once. What an endpoint is made of does not
// change while the house stands, so that a battery that tells of itself later is shown from the next start on.
func (b *base) power(told bool, s device.Battery) *power {
	if !told && !s.Known {
		if _, once, err := b.house.c.Storage.Get(batteryKeys + b.device()); err != nil || !once {
			return nil
		}
	}
	b.cell = cluster.NewBattery(batteryState(s))
	return &power{b.cell}
}

// battery tells what is known of the battery, and remembers that there is one.
func (b *base) battery(s device.Battery) {
	if b.cell != nil {
		b.cell.Set(batteryState(s))
	}
	if s.Known {
		b.house.batteryOf(b.device())
	}
}

func batteryState(s device.Battery) cluster.BatteryState {
	return cluster.BatteryState{Known: s.Known, Percent: s.Percent, Low: s.Low}
}

// types adds the battery's device type behind the primary one: controllers look at the first.
func (p *power) types(t model.DeviceType) []model.DeviceType {
	if p == nil {
		return []model.DeviceType{t}
	}
	return []model.DeviceType{t, typePowerSource}
}

// and adds the battery's cluster.
func (p *power) and(c model.Cluster) []model.Cluster {
	if p == nil {
		return []model.Cluster{c}
	}
	return []model.Cluster{c, p.cell}
}
