package cluster

import (
	"strings"
	"testing"

	"github.com/loquet/loquet/matter/conformance"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// contact is the simplest device: BooleanState.
type contact struct{ model.Base }

func (c *contact) ReadAttribute(_ *model.Caller, _ uint32, w *tlv.Writer, tag tlv.Tag) error {
	w.Bool(tag, true)
	return nil
}

func newContact(change func(*model.Class)) *contact {
	class := model.Class{ID: 0x45, Revision: 3, Attributes: []model.Attribute{{ID: 0, Read: model.View}}}
	if change != nil {
		change(&class)
	}
	c := &contact{}
	c.Init(model.NewClass(class))
	return c
}

func bridge(t *testing.T, h *house, types []model.DeviceType, clusters ...model.Cluster) {
	t.Helper()
	aggregator, err := model.NewEndpoint(model.EndpointConfig{ID: 1, DeviceTypes: []model.DeviceType{{ID: 0x0E, Revision: 2}}, Composition: model.FullFamily})
	must(t, err)
	must(t, h.node.Add(aggregator))
	device, err := model.NewEndpoint(model.EndpointConfig{ID: 2, Parent: 1, DeviceTypes: types, Clusters: clusters})
	must(t, err)
	must(t, h.node.Add(device))
}

func bridged() *Bridged {
	return NewBridged(BridgedDevice{VendorName: "Loquet", ProductName: "Contact", Label: "Gate", SerialNumber: "1", UniqueID: "u", SoftwareVersionText: "1", HardwareVersionText: "1", Reachable: true})
}

func contactTypes() []model.DeviceType {
	return []model.DeviceType{{ID: 0x15, Revision: 2}, {ID: 0x13, Revision: 3}}
}

func TestTheRootNodeAndABridgedDeviceConform(t *testing.T) {
	h := newHouse(t, memory.New())
	h.commission(t, testRoot(t), 1)
	bridge(t, h, contactTypes(), bridged(), NewIdentify(IdentifyActuator, nil), newContact(nil))
	found, err := conformance.Check(h.node, conformance.Options{Conditions: []string{"Ethernet"}})
	must(t, err)
	for _, f := range found {
		t.Error(f)
	}
}

// TestWhatDoesNotConformIsFound breaks a device in ways that ecosystems refuse.
func TestWhatDoesNotConformIsFound(t *testing.T) {
	id := func() *Identify { return NewIdentify(IdentifyActuator, nil) }
	tests := map[string]struct {
		types    []model.DeviceType
		clusters []model.Cluster
		want     string
	}{
		"no Identify":             {contactTypes(), []model.Cluster{bridged(), newContact(nil)}, "needs Identify"},
		"not bridged information": {contactTypes(), []model.Cluster{id(), newContact(nil)}, "needs BridgedDeviceBasicInformation"},
		"another revision":        {[]model.DeviceType{{ID: 0x15, Revision: 3}, {ID: 0x13, Revision: 3}}, []model.Cluster{bridged(), id(), newContact(nil)}, "revision 3, the data model 2"},
		"an unknown type":         {append(contactTypes(), model.DeviceType{ID: 0xF00, Revision: 1}), []model.Cluster{bridged(), id(), newContact(nil)}, "device type 0x0f00"},
		"a cluster too many":      {contactTypes(), []model.Cluster{bridged(), id(), newContact(nil), NewNetworkCommissioning("")}, "belongs to none"},
		"a cluster's revision":    {contactTypes(), []model.Cluster{bridged(), id(), newContact(func(c *model.Class) { c.Revision = 1 })}, "revision 1, the data model 3"},
		"an attribute missing":    {contactTypes(), []model.Cluster{bridged(), id(), newContact(func(c *model.Class) { c.Attributes = nil })}, "StateValue is missing"},
		"an unknown attribute":    {contactTypes(), []model.Cluster{bridged(), id(), newContact(func(c *model.Class) { c.Attributes = append(c.Attributes, model.Attribute{ID: 9, Read: model.View}) })}, "attribute 0x0009"},
		"a wrong privilege":       {contactTypes(), []model.Cluster{bridged(), id(), newContact(func(c *model.Class) { c.Attributes[0].Read = model.Manage })}, "privilege 4, not 1"},
		"a value to write":        {contactTypes(), []model.Cluster{bridged(), id(), newContact(func(c *model.Class) { c.Attributes[0].Write = model.Manage })}, "can be written"},
		"an unknown command":      {contactTypes(), []model.Cluster{bridged(), id(), newContact(func(c *model.Class) { c.Commands = []model.Command{{ID: 1}} })}, "command 0x01"},
		"an unknown feature":      {contactTypes(), []model.Cluster{bridged(), id(), newContact(func(c *model.Class) { c.Features = 0x80 })}, "feature bits"},
		"no unique id":            {contactTypes(), []model.Cluster{NewBridged(BridgedDevice{UniqueID: strings.Repeat("x", 33)}), id(), newContact(nil)}, "33 is out of bounds"},
	}
	for name, tt := range tests {
		h := newHouse(t, memory.New())
		bridge(t, h, tt.types, tt.clusters...)
		found, err := conformance.Check(h.node, conformance.Options{Conditions: []string{"Ethernet"}})
		must(t, err)
		if !strings.Contains(strings.Join(found, "\n"), tt.want) {
			t.Errorf("%s: %q, want one with %q", name, found, tt.want)
		}
	}
}
