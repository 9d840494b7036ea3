package cluster

import (
	"sync"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// PowerSourceID is the cluster of batteries.
const PowerSourceID uint32 = 0x002F

// Attributes of PowerSource (Matter 1.4 section 11.7.7).
const (
	powerStatus        = 0x00
	powerOrder         = 0x01
	powerDescription   = 0x02
	powerPercent       = 0x0C
	powerLevel         = 0x0E
	powerReplace       = 0x0F
	powerReplaceable   = 0x10
	powerEndpoints     = 0x1F
	powerBattery       = 1 << 1
	powerActive        = 1
	powerLevelOK       = 0
	powerLevelWarning  = 1
	powerHalfPercents  = 2 // a percent has two of the units of BatPercentRemaining
	powerMostOfPercent = 100
)

var powerClass = model.NewClass(model.Class{ID: PowerSourceID, Revision: 3, Features: powerBattery,
	Attributes: append(fixed(powerDescription, powerReplaceable),
		model.Attribute{ID: powerStatus, Read: model.View}, model.Attribute{ID: powerOrder, Read: model.View}, model.Attribute{ID: powerPercent, Read: model.View},
		model.Attribute{ID: powerLevel, Read: model.View}, model.Attribute{ID: powerReplace, Read: model.View}, model.Attribute{ID: powerEndpoints, Read: model.View})})

// BatteryState is what is known of a battery.
type BatteryState struct {
	Known   bool
	Percent uint8 // 0 to 100
	Low     bool
}

// Battery is a PowerSource with a battery (Matter 1.4 section 11.7).
type Battery struct {
	model.Base
	mu    sync.Mutex
	state BatteryState
}

// NewBattery returns the cluster.
func NewBattery(s BatteryState) *Battery {
	b := &Battery{state: s}
	b.Init(powerClass)
	return b
}

// Set tells of a new state.
func (b *Battery) Set(s BatteryState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.state
	b.state = s
	switch {
	case was.Low != s.Low:
		b.Changed(powerPercent, powerLevel, powerReplace)
	case was != s:
		b.Changed(powerPercent)
	}
}

// ReadAttribute implements model.Cluster.
func (b *Battery) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch id {
	case powerStatus:
		w.Uint(tag, powerActive)
	case powerDescription:
		w.Text(tag, "Battery")
	case powerPercent:
		if !b.state.Known {
			w.Null(tag)
			return nil
		}
		w.Uint(tag, uint64(min(b.state.Percent, powerMostOfPercent))*powerHalfPercents)
	case powerLevel:
		level := uint64(powerLevelOK)
		if b.state.Low {
			level = powerLevelWarning
		}
		w.Uint(tag, level)
	case powerReplace:
		w.Bool(tag, b.state.Low)
	case powerEndpoints:
		w.Array(tag)
		if e := b.Endpoint(); e != nil {
			w.Uint(tlv.Anonymous(), uint64(e.ID()))
		}
		w.End()
	default:
		w.Uint(tag, 0) // the first in order; nothing is known of how it is replaced
	}
	return nil
}
