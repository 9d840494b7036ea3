package cluster

import (
	"context"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

const (
	maxNetworks       = 0
	networks          = 1
	interfaceEnabled  = 4
	lastStatus        = 5
	lastNetwork       = 6
	lastConnectError  = 7
	ethernetFeature   = 1 << 2
	maxNetworkIDBytes = 32
)

var networkCommissioningClass = model.NewClass(model.Class{ID: NetworkCommissioningID, Revision: 2, Features: ethernetFeature,
	Attributes: []model.Attribute{
		{ID: maxNetworks, Read: model.Administer, Quality: model.Fixed},
		{ID: networks, Read: model.Administer},
		{ID: interfaceEnabled, Read: model.View, Write: model.Administer},
		{ID: lastStatus, Read: model.Administer}, {ID: lastNetwork, Read: model.Administer}, {ID: lastConnectError, Read: model.Administer}}})

// NetworkCommissioning shows the wired network that the machine has anyway (Matter 1.4 section 11.9): there is nothing to
// set up, but some ecosystems want to see it.
type NetworkCommissioning struct {
	model.Base
	name string
}

// NewNetworkCommissioning returns the cluster; name is the network interface's.
func NewNetworkCommissioning(name string) *NetworkCommissioning {
	n := &NetworkCommissioning{name: name[:min(len(name), maxNetworkIDBytes)]}
	if n.name == "" {
		n.name = "ethernet"
	}
	n.Init(networkCommissioningClass)
	return n
}

// ReadAttribute implements model.Cluster.
func (n *NetworkCommissioning) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	switch id {
	case maxNetworks:
		w.Uint(tag, 1)
	case networks:
		w.Array(tag)
		w.Struct(tlv.Anonymous())
		w.Octets(tlv.Context(0), []byte(n.name))
		w.Bool(tlv.Context(1), true)
		w.End()
		w.End()
	case interfaceEnabled:
		w.Bool(tag, true)
	default:
		w.Null(tag)
	}
	return nil
}

// WriteAttribute implements model.Writer. The network belongs to the machine: it is not switched off from here.
func (n *NetworkCommissioning) WriteAttribute(_ context.Context, _ *model.Caller, _ uint32, v tlv.Element) error {
	on, err := v.Bool()
	if err == nil && !on {
		return model.ConstraintError
	}
	return err
}
