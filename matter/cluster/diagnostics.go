package cluster

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

const (
	networkInterfaces = 0
	rebootCount       = 1
	upTime            = 2
	bootReason        = 4
	testTriggers      = 8
	deviceLoad        = 10

	testEventTrigger = 0
	timeSnapshot     = 1
	bootEvent        = 3
)

// Interface is a network interface as diagnostics show it.
type Interface struct {
	Name      string // at most 32 octets are shown
	Up        bool
	Hardware  net.HardwareAddr
	Addresses []netip.Addr
	Type      uint8 // 0 not stated, 1 Wi-Fi, 2 Ethernet
}

// Load is how busy the interaction model is.
type Load struct {
	Subscriptions, SubscriptionsOfFabric uint16
	Established, Sent, Received          uint32
}

// Machine tells diagnostics about what the node runs on. Every field is needed.
type Machine struct {
	Reboots    uint16
	Interfaces func() []Interface
	Load       func(fabric uint8) Load
	// Time returns the calendar time, and whether it can be relied on.
	Time func() (time.Time, bool)
}

var diagnosticsClass = model.NewClass(model.Class{ID: GeneralDiagnosticsID, Revision: 3,
	Attributes: []model.Attribute{
		{ID: networkInterfaces, Read: model.View}, {ID: rebootCount, Read: model.View}, {ID: upTime, Read: model.View, Quality: model.ChangesOmitted},
		{ID: bootReason, Read: model.View}, {ID: testTriggers, Read: model.View}, {ID: deviceLoad, Read: model.View, Quality: model.ChangesOmitted}},
	Commands: []model.Command{
		{ID: testEventTrigger, Response: model.NoResponse, Invoke: model.Manage},
		{ID: timeSnapshot, Response: 2, Invoke: model.Operate}},
	Events: []model.EventKind{{ID: bootEvent, Read: model.View, Priority: model.Critical}}})

// GeneralDiagnostics shows how the machine is (Matter 1.4 section 11.12).
type GeneralDiagnostics struct {
	model.Base
	m     Machine
	start time.Time
}

// NewGeneralDiagnostics returns the cluster; the node's up time begins now.
func NewGeneralDiagnostics(m Machine) *GeneralDiagnostics {
	g := &GeneralDiagnostics{m: m, start: time.Now()}
	g.Init(diagnosticsClass)
	return g
}

// Started tells that the node runs; why is not known to it.
func (g *GeneralDiagnostics) Started() {
	g.Emit(bootEvent, 0, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 0) })
}

// NetworkChanged tells that addresses or interfaces have changed.
func (g *GeneralDiagnostics) NetworkChanged() { g.Changed(networkInterfaces) }

// ReadAttribute implements model.Cluster.
func (g *GeneralDiagnostics) ReadAttribute(c *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	switch id {
	case networkInterfaces:
		w.Array(tag)
		for i, n := range g.m.Interfaces() {
			if i < 8 {
				n.write(w)
			}
		}
		w.End()
	case rebootCount:
		w.Uint(tag, uint64(g.m.Reboots))
	case upTime:
		w.Uint(tag, uint64(time.Since(g.start)/time.Second))
	case bootReason:
		w.Uint(tag, 0)
	case testTriggers:
		w.Bool(tag, false)
	case deviceLoad:
		l := g.m.Load(c.Fabric)
		w.Struct(tag)
		for i, v := range [...]uint64{uint64(l.Subscriptions), uint64(l.SubscriptionsOfFabric), uint64(l.Established), uint64(l.Sent), uint64(l.Received)} {
			w.Uint(tlv.Context(uint8(i)), v)
		}
		w.End()
	}
	return nil
}

func (n Interface) write(w *tlv.Writer) {
	w.Struct(tlv.Anonymous())
	w.Text(tlv.Context(0), n.Name[:min(len(n.Name), 32)])
	w.Bool(tlv.Context(1), n.Up)
	w.Null(tlv.Context(2)) // whether servers of others can be reached: the node asks none
	w.Null(tlv.Context(3))
	w.Octets(tlv.Context(4), n.Hardware)
	writeAddresses(w, 5, n.Addresses, true, 4)
	writeAddresses(w, 6, n.Addresses, false, 8)
	w.Uint(tlv.Context(7), uint64(n.Type))
	w.End()
}

func writeAddresses(w *tlv.Writer, tag uint8, list []netip.Addr, v4 bool, most int) {
	w.Array(tlv.Context(tag))
	for _, a := range list {
		if a.Unmap().Is4() == v4 && most > 0 {
			w.Octets(tlv.Anonymous(), a.Unmap().AsSlice())
			most--
		}
	}
	w.End()
}

// Invoke implements model.Invoker.
func (g *GeneralDiagnostics) Invoke(_ context.Context, _ *model.Caller, id uint32, fields tlv.Element) ([]byte, error) {
	if id == testEventTrigger { // the node has no key for tests, so none is right
		f := tlv.OpenStruct(fields)
		f.Octets(0, 16, 16)
		f.Uint64(1)
		if err := f.Err(); err != nil {
			return nil, err
		}
		return nil, model.ConstraintError
	}
	now, trusted := g.m.Time()
	return model.Structure(func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(time.Since(g.start)/time.Millisecond))
		if trusted {
			w.Uint(tlv.Context(1), uint64(now.UnixMilli()))
		} else {
			w.Null(tlv.Context(1))
		}
	}), nil
}
