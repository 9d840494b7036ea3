package cluster

import (
	"context"
	"sync"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// WindowCoveringID is the cluster of what goes up and down.
const WindowCoveringID uint32 = 0x0102

// Attributes and commands of WindowCovering (Matter application clusters 1.4 section 5.3).
const (
	coveringType        = 0
	coveringConfig      = 7
	coveringOperational = 10
	coveringProduct     = 13
	coveringMode        = 23
	coveringSafety      = 26

	coveringUp   = 0
	coveringDown = 1
	coveringStop = 2

	coveringLift = 1 << 0

	coveringUnknown    = 255    // of both types: no word for a door
	coveringReady      = 1 << 0 // ConfigStatus: operational
	coveringMotion     = 1      // OperationalStatus: everything
	coveringMotionLift = 1 << 2 // the lift
)

// Motion is which way something goes (Matter application clusters 1.4 section 5.3.5.4).
type Motion uint8

// Motions with their numbers on the wire.
const (
	Standing Motion = iota
	Rising          // or opening
	Falling         // or closing
)

// Safety is what keeps a covering from moving, a set of bits (Matter application clusters 1.4 section 5.3.5.5).
type Safety uint16

// Bits of Safety.
const (
	SafetyRemoteLockout Safety = 1 << 0
	SafetyNoAnswer      Safety = 1 << 2
	SafetyPosition      Safety = 1 << 3
	SafetyObstacle      Safety = 1 << 5
	SafetyHardware      Safety = 1 << 9
	SafetyManualOnly    Safety = 1 << 10
)

// CoverOrder is what a controller wants of a covering.
type CoverOrder uint8

// Orders.
const (
	CoverOpen CoverOrder = iota
	CoverClose
	CoverStop
)

// CoverState is what a covering that goes to its two ends only tells.
type CoverState struct {
	Motion Motion
	Safety Safety
}

var windowCoveringClass = model.NewClass(model.Class{ID: WindowCoveringID, Revision: 8, Features: coveringLift,
	Attributes: append(fixed(coveringType, coveringProduct),
		model.Attribute{ID: coveringConfig, Read: model.View}, model.Attribute{ID: coveringOperational, Read: model.View},
		model.Attribute{ID: coveringMode, Read: model.View, Write: model.Manage}, model.Attribute{ID: coveringSafety, Read: model.View}),
	Commands: []model.Command{{ID: coveringUp, Response: model.NoResponse, Invoke: model.Operate},
		{ID: coveringDown, Response: model.NoResponse, Invoke: model.Operate}, {ID: coveringStop, Response: model.NoResponse, Invoke: model.Operate}}})

// WindowCovering opens, closes and stops (Matter application clusters 1.4 section 5.3). It knows no positions between its
// ends and shows none: with them, controllers offer a slider.
type WindowCovering struct {
	model.Base
	order func(ctx context.Context, c *model.Caller, o CoverOrder) error

	mu    sync.Mutex
	state CoverState
}

// NewWindowCovering returns the cluster; order carries out what controllers ask for.
func NewWindowCovering(s CoverState, order func(ctx context.Context, c *model.Caller, o CoverOrder) error) *WindowCovering {
	v := &WindowCovering{order: order, state: s}
	v.Init(windowCoveringClass)
	return v
}

// Set tells of a new state.
func (v *WindowCovering) Set(s CoverState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	was := v.state
	v.state = s
	switch {
	case was.Motion != s.Motion && was.Safety != s.Safety:
		v.Changed(coveringOperational, coveringSafety)
	case was.Motion != s.Motion:
		v.Changed(coveringOperational)
	case was.Safety != s.Safety:
		v.Changed(coveringSafety)
	}
}

// ReadAttribute implements model.Cluster.
func (v *WindowCovering) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch id {
	case coveringType, coveringProduct:
		w.Uint(tag, coveringUnknown)
	case coveringConfig:
		w.Uint(tag, coveringReady)
	case coveringOperational:
		w.Uint(tag, uint64(v.state.Motion)*(coveringMotion|coveringMotionLift))
	case coveringSafety:
		w.Uint(tag, uint64(v.state.Safety))
	default:
		w.Uint(tag, 0) // Mode: nothing is reversed, calibrated or maintained from here
	}
	return nil
}

// WriteAttribute implements model.Writer: a mode in which a door goes the other way is refused.
func (v *WindowCovering) WriteAttribute(_ context.Context, _ *model.Caller, _ uint32, e tlv.Element) error {
	mode, err := e.UintMax(0xFF)
	if err == nil && mode != 0 {
		err = model.ConstraintError
	}
	return err
}

// Invoke implements model.Invoker.
func (v *WindowCovering) Invoke(ctx context.Context, c *model.Caller, id uint32, _ tlv.Element) ([]byte, error) {
	orders := map[uint32]CoverOrder{coveringUp: CoverOpen, coveringDown: CoverClose, coveringStop: CoverStop}
	return nil, v.order(ctx, c, orders[id])
}
