package cluster

import (
	"sync"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// BooleanStateID is the cluster of a contact sensor.
const BooleanStateID uint32 = 0x0045

const (
	stateValue  = 0
	stateChange = 0
)

var booleanStateClass = model.NewClass(model.Class{ID: BooleanStateID, Revision: 3,
	Attributes: []model.Attribute{{ID: stateValue, Read: model.View}},
	Events:     []model.EventKind{{ID: stateChange, Read: model.View, Priority: model.Info}}})

// BooleanState is yes or no; of a contact sensor, yes is closed (Matter application clusters 1.4 section 1.7).
type BooleanState struct {
	model.Base
	mu    sync.Mutex
	value bool
}

// NewBooleanState returns the cluster with its first value.
func NewBooleanState(value bool) *BooleanState {
	b := &BooleanState{value: value}
	b.Init(booleanStateClass)
	return b
}

// Set changes the value.
func (b *BooleanState) Set(value bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.value == value {
		return
	}
	b.value = value
	b.Changed(stateValue)
	b.Emit(stateChange, 0, func(w *tlv.Writer) { w.Bool(tlv.Context(0), value) })
}

// ReadAttribute implements model.Cluster.
func (b *BooleanState) ReadAttribute(_ *model.Caller, _ uint32, w *tlv.Writer, tag tlv.Tag) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Bool(tag, b.value)
	return nil
}
