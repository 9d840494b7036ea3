package session

import (
	"math"
	"time"

	"github.com/loquet/loquet/matter/tlv"
)

// Params say how a node wants to be spoken to (Matter 1.4 4.13.1).
type Params struct {
	Idle             time.Duration // between tries while it sleeps (SII)
	Active           time.Duration // between tries while it is awake (SAI)
	Threshold        time.Duration // how long it stays awake after it was heard (SAT)
	DataModel        uint16        // revision
	InteractionModel uint16        // revision
	Specification    uint32        // version, 0x01040000 for 1.4
	MaxPaths         uint16        // commands in one invoke
}

// DefaultParams hold for a peer that says nothing.
func DefaultParams() Params {
	return Params{Idle: 500 * time.Millisecond, Active: 300 * time.Millisecond, Threshold: 4 * time.Second,
		DataModel: 17, InteractionModel: 11, MaxPaths: 1}
}

// OwnParams are those of this stack: always awake, the data model of Matter 1.6, ten commands in one invoke as package
// im takes by default.
func OwnParams() Params {
	p := DefaultParams()
	p.DataModel, p.InteractionModel, p.Specification, p.MaxPaths = 21, 12, 0x01060000, 10
	return p
}

// maxInterval is the longest idle or active interval that a peer may ask for: one hour (Matter 1.4 4.3.4).
const maxInterval = time.Hour

// Write appends the parameters as a structure.
func (p Params) Write(w *tlv.Writer, tag tlv.Tag) {
	w.Struct(tag)
	w.Uint(tlv.Context(1), uint64(p.Idle.Milliseconds()))
	w.Uint(tlv.Context(2), uint64(p.Active.Milliseconds()))
	w.Uint(tlv.Context(3), uint64(p.Threshold.Milliseconds()))
	w.Uint(tlv.Context(4), uint64(p.DataModel))
	w.Uint(tlv.Context(5), uint64(p.InteractionModel))
	w.Uint(tlv.Context(6), uint64(p.Specification))
	w.Uint(tlv.Context(7), uint64(p.MaxPaths))
	w.End()
}

// ReadParams reads a peer's parameters; what it leaves out has its default, and what would make us wait over an hour
// is cut to that.
func ReadParams(e tlv.Element) (Params, error) {
	p := DefaultParams()
	f := tlv.OpenStruct(e)
	for tag, d := range map[uint8]*time.Duration{1: &p.Idle, 2: &p.Active, 3: &p.Threshold} {
		if ms, ok := f.OptionalUint(tag, math.MaxUint32); ok {
			*d = min(time.Duration(ms)*time.Millisecond, maxInterval)
		}
	}
	if v, ok := f.OptionalUint(4, math.MaxUint16); ok {
		p.DataModel = uint16(v)
	}
	if v, ok := f.OptionalUint(5, math.MaxUint16); ok {
		p.InteractionModel = uint16(v)
	}
	if v, ok := f.OptionalUint(6, math.MaxUint32); ok {
		p.Specification = uint32(v)
	}
	if v, ok := f.OptionalUint(7, math.MaxUint16); ok {
		p.MaxPaths = uint16(v)
	}
	return p, f.Err()
}

// OptionalParams reads parameters that may be the member n of a message; nil where there are none.
func OptionalParams(f *tlv.Fields, n uint8) (*Params, error) {
	e, ok := f.Optional(n)
	if !ok {
		return nil, f.Err()
	}
	p, err := ReadParams(e)
	if err != nil {
		return nil, err
	}
	return &p, f.Err()
}
