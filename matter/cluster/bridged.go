package cluster

import (
	"context"
	"sync"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// BridgedDevice says what a device behind the bridge is. Texts that are empty are left out; UniqueID must not be.
type BridgedDevice struct {
	VendorName, ProductName, Label, SerialNumber, UniqueID string
	HardwareVersionText, SoftwareVersionText               string
	Reachable                                              bool
	// SetLabel hears of a label that a controller gave. nil: the label cannot be changed for long.
	SetLabel func(label string) error
}

// Bridged is BridgedDeviceBasicInformation (Matter 1.4 section 9.13).
type Bridged struct {
	model.Base
	device BridgedDevice

	mu        sync.Mutex
	label     string
	reachable bool
}

// bridgedTexts are the optional attributes, each a bit of a class's key.
var bridgedTexts = [...]uint32{basicVendorName, basicProductName, basicSerial, basicHardwareText, basicSoftwareText}

var bridgedClasses = makeBridgedClasses()

// makeBridgedClasses describes all combinations once, so that a hundred devices share a few descriptions.
func makeBridgedClasses() (out [1 << len(bridgedTexts)]*model.Class) {
	for key := range out {
		c := model.Class{ID: BridgedID, Revision: 6, Events: []model.EventKind{{ID: basicReachableChanged, Read: model.View, Priority: model.Critical}}}
		c.Attributes = append(fixed(basicUniqueID), model.Attribute{ID: basicReachable, Read: model.View},
			model.Attribute{ID: basicNodeLabel, Read: model.View, Write: model.Manage})
		for bit, id := range bridgedTexts {
			if key&(1<<bit) != 0 {
				c.Attributes = append(c.Attributes, fixed(id)...)
			}
		}
		out[key] = model.NewClass(c)
	}
	return out
}

// NewBridged returns the cluster of a device.
func NewBridged(d BridgedDevice) *Bridged {
	b := &Bridged{device: d, label: d.Label, reachable: d.Reachable}
	key := 0
	for bit, id := range bridgedTexts {
		if b.text(id) != "" {
			key |= 1 << bit
		}
	}
	b.Init(bridgedClasses[key])
	return b
}

func (b *Bridged) text(id uint32) string {
	switch id {
	case basicVendorName:
		return b.device.VendorName
	case basicProductName:
		return b.device.ProductName
	case basicSerial:
		return b.device.SerialNumber
	case basicHardwareText:
		return b.device.HardwareVersionText
	case basicSoftwareText:
		return b.device.SoftwareVersionText
	case basicUniqueID:
		return b.device.UniqueID
	}
	return ""
}

// SetReachable says whether the bridge can reach the device at this moment.
func (b *Bridged) SetReachable(r bool) {
	b.mu.Lock()
	changed := b.reachable != r
	b.reachable = r
	b.mu.Unlock()
	if changed {
		b.Changed(basicReachable)
		b.Emit(basicReachableChanged, 0, func(w *tlv.Writer) { w.Bool(tlv.Context(0), r) })
	}
}

// SetLabel gives the device another name.
func (b *Bridged) SetLabel(label string) {
	b.mu.Lock()
	changed := b.label != label
	b.label = label
	b.mu.Unlock()
	if changed {
		b.Changed(basicNodeLabel)
	}
}

// ReadAttribute implements model.Cluster.
func (b *Bridged) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch id {
	case basicNodeLabel:
		w.Text(tag, b.label)
	case basicReachable:
		w.Bool(tag, b.reachable)
	default:
		w.Text(tag, b.text(id))
	}
	return nil
}

// WriteAttribute implements model.Writer: the label.
func (b *Bridged) WriteAttribute(_ context.Context, _ *model.Caller, _ uint32, v tlv.Element) error {
	s, err := text(v, maxLabel)
	if err != nil {
		return err
	}
	if b.device.SetLabel != nil {
		if err := b.device.SetLabel(s); err != nil {
			return err
		}
	}
	b.SetLabel(s)
	return nil
}
