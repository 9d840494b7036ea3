package cluster

import (
	"context"
	"sync"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// Revisions that the node names of itself (Matter 1.4 sections 7.1.1 and 11.1.5.22), those of the data model 1.6.
const (
	DataModelRevision    = 21
	SpecificationVersion = 0x01060000
)

// Product says what a node is. Names and numbers must not be empty: some controllers refuse a node without them. Vendor
// and product names, part number, serial number and unique id have at most 32 octets, version texts at most 64.
type Product struct {
	VendorName, ProductName string
	VendorID, ProductID     uint16
	Label                   string // until a controller sets another one
	HardwareVersion         uint16
	HardwareVersionText     string
	SoftwareVersion         uint32
	SoftwareVersionText     string
	SerialNumber            string
	UniqueID                string // the same for ever
	PartNumber              string // optional, as those below
	ProductURL              string
	ProductLabel            string
	ManufacturingDate       string // YYYYMMDD
}

// Minima is what the node promises (Matter 1.4 section 11.1.4.4).
type Minima struct {
	SessionsPerFabric, SubscriptionsPerFabric, Invocations, Writes, ReadPaths, SubscribePaths uint16
}

// Attributes of BasicInformation and BridgedDeviceBasicInformation (Matter 1.4 sections 11.1.5 and 9.13.5).
const (
	basicDataModelRevision = 0
	basicVendorName        = 1
	basicVendorID          = 2
	basicProductName       = 3
	basicProductID         = 4
	basicNodeLabel         = 5
	basicLocation          = 6
	basicHardware          = 7
	basicHardwareText      = 8
	basicSoftware          = 9
	basicSoftwareText      = 10
	basicManufacturing     = 11
	basicPartNumber        = 12
	basicProductURL        = 13
	basicProductLabel      = 14
	basicSerial            = 15
	basicReachable         = 17
	basicUniqueID          = 18
	basicMinima            = 19
	basicSpecification     = 21
	basicMaxPaths          = 22
	basicConfiguration     = 24
)

// Events of BasicInformation.
const (
	basicStartUp          = 0
	basicShutDown         = 1
	basicLeave            = 2
	basicReachableChanged = 3
)

const (
	labelKey    = "basic/label"
	locationKey = "basic/location"
)

// BasicInformation says what the node is (Matter 1.4 section 11.1).
type BasicInformation struct {
	model.Base
	product   Product
	minima    Minima
	maxInvoke uint16
	storage   Storage

	mu       sync.Mutex
	label    string
	location string
	staged   bool // the location is not stored: it belongs to a fail-safe
	config   uint32
}

// NewBasicInformation returns the cluster with the label and location that a controller set before. maxInvokes is how many
// commands one message may hold.
func NewBasicInformation(p Product, m Minima, maxInvokes uint16, s Storage) (*BasicInformation, error) {
	b := &BasicInformation{product: p, minima: m, maxInvoke: maxInvokes, config: 1, storage: s, label: p.Label, location: "XX"}
	for key, to := range map[string]*string{labelKey: &b.label, locationKey: &b.location} {
		v, ok, err := s.Get(key)
		if err != nil {
			return nil, err
		}
		if ok {
			*to = string(v)
		}
	}
	c := model.Class{ID: BasicInformationID, Revision: 6, Events: []model.EventKind{
		{ID: basicStartUp, Read: model.View, Priority: model.Critical}, {ID: basicShutDown, Read: model.View, Priority: model.Critical},
		{ID: basicLeave, Read: model.View, Priority: model.Info}}}
	c.Attributes = append(fixed(basicDataModelRevision, basicVendorName, basicVendorID, basicProductName, basicProductID, basicHardware, basicHardwareText,
		basicSoftware, basicSoftwareText, basicSerial, basicUniqueID, basicMinima, basicSpecification, basicMaxPaths),
		model.Attribute{ID: basicNodeLabel, Read: model.View, Write: model.Manage},
		model.Attribute{ID: basicLocation, Read: model.View, Write: model.Administer},
		model.Attribute{ID: basicConfiguration, Read: model.View})
	for id, v := range map[uint32]string{basicManufacturing: p.ManufacturingDate, basicPartNumber: p.PartNumber, basicProductURL: p.ProductURL, basicProductLabel: p.ProductLabel} {
		if v != "" {
			c.Attributes = append(c.Attributes, fixed(id)...)
		}
	}
	b.Init(model.NewClass(c))
	return b, nil
}

// Started tells that the node runs.
func (b *BasicInformation) Started() {
	b.Emit(basicStartUp, 0, func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(b.product.SoftwareVersion)) })
}

// Stopping tells that the node will not be there for a while.
func (b *BasicInformation) Stopping() { b.Emit(basicShutDown, 0, nil) }

// SetConfiguration shows the version of the node's structure, from 1 on: it has gone up when endpoints or what they consist
// of have changed (Matter 1.4.2 section 11.1.5.25).
func (b *BasicInformation) SetConfiguration(version uint32) {
	b.mu.Lock()
	changed := b.config != version
	b.config = version
	b.mu.Unlock()
	if changed {
		b.Changed(basicConfiguration)
	}
}

// left tells the others that a fabric left.
func (b *BasicInformation) left(fabric uint8) {
	b.Emit(basicLeave, 0, func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(fabric)) })
}

// ReadAttribute implements model.Cluster.
func (b *BasicInformation) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	p := &b.product
	switch id {
	case basicDataModelRevision:
		w.Uint(tag, DataModelRevision)
	case basicVendorName:
		w.Text(tag, p.VendorName)
	case basicVendorID:
		w.Uint(tag, uint64(p.VendorID))
	case basicProductName:
		w.Text(tag, p.ProductName)
	case basicProductID:
		w.Uint(tag, uint64(p.ProductID))
	case basicHardware:
		w.Uint(tag, uint64(p.HardwareVersion))
	case basicHardwareText:
		w.Text(tag, p.HardwareVersionText)
	case basicSoftware:
		w.Uint(tag, uint64(p.SoftwareVersion))
	case basicSoftwareText:
		w.Text(tag, p.SoftwareVersionText)
	case basicManufacturing:
		w.Text(tag, p.ManufacturingDate)
	case basicPartNumber:
		w.Text(tag, p.PartNumber)
	case basicProductURL:
		w.Text(tag, p.ProductURL)
	case basicProductLabel:
		w.Text(tag, p.ProductLabel)
	case basicSerial:
		w.Text(tag, p.SerialNumber)
	case basicUniqueID:
		w.Text(tag, p.UniqueID)
	case basicSpecification:
		w.Uint(tag, SpecificationVersion)
	case basicMaxPaths:
		w.Uint(tag, uint64(b.maxInvoke))
	case basicMinima:
		b.writeMinima(w, tag)
	case basicNodeLabel, basicLocation, basicConfiguration:
		b.mu.Lock()
		defer b.mu.Unlock()
		switch id {
		case basicNodeLabel:
			w.Text(tag, b.label)
		case basicLocation:
			w.Text(tag, b.location)
		default:
			w.Uint(tag, uint64(b.config))
		}
	default:
		return model.UnsupportedAttribute
	}
	return nil
}

func (b *BasicInformation) writeMinima(w *tlv.Writer, tag tlv.Tag) {
	w.Struct(tag)
	for i, v := range [...]uint16{b.minima.SessionsPerFabric, b.minima.SubscriptionsPerFabric, b.minima.Invocations, b.minima.Writes, b.minima.ReadPaths, b.minima.SubscribePaths} {
		w.Uint(tlv.Context(uint8(i)), uint64(v))
	}
	w.End()
}

// WriteAttribute implements model.Writer.
func (b *BasicInformation) WriteAttribute(_ context.Context, _ *model.Caller, id uint32, v tlv.Element) error {
	if id == basicNodeLabel {
		s, err := text(v, maxLabel)
		if err != nil {
			return err
		}
		return b.set(labelKey, &b.label, s, id)
	}
	s, err := text(v, 2)
	if err != nil {
		return err
	}
	return b.setLocation(s)
}

// setLocation takes a country code of two letters.
func (b *BasicInformation) setLocation(s string) error {
	if len(s) != 2 {
		return model.ConstraintError
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.location == s && !b.staged {
		return nil
	}
	return b.storeLocation(s)
}

// storeLocation stores it; b.mu is held.
func (b *BasicInformation) storeLocation(s string) error {
	if err := b.storage.Apply(map[string][]byte{locationKey: []byte(s)}); err != nil {
		return err
	}
	b.location, b.staged = s, false
	b.Changed(basicLocation)
	return nil
}

// stageLocation takes a country code for as long as a fail-safe lasts; endLocation stores it, or brings back the former one.
func (b *BasicInformation) stageLocation(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.location != s {
		b.location, b.staged = s, true
		b.Changed(basicLocation)
	}
}

func (b *BasicInformation) endLocation(completed bool, former string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.staged:
		return nil
	case completed:
		return b.storeLocation(b.location)
	}
	b.location, b.staged = former, false
	b.Changed(basicLocation)
	return nil
}

func (b *BasicInformation) place() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.location
}

func (b *BasicInformation) set(key string, to *string, s string, id uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *to == s {
		return nil
	}
	if err := b.storage.Apply(map[string][]byte{key: []byte(s)}); err != nil {
		return err
	}
	*to = s
	b.Changed(id)
	return nil
}
