package cluster

import (
	"context"
	"slices"
	"sync"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// ClosureControlID is the cluster of doors and gates.
const ClosureControlID uint32 = 0x0104

// Elements of ClosureControl (Matter application clusters 1.5 section 5.4).
const (
	closureMain    = 1
	closureErrors  = 2
	closureCurrent = 3
	closureTarget  = 4

	closureStop   = 0
	closureMoveTo = 1

	closureFailed   = 0
	closureMoved    = 1
	closureSecurity = 3

	closurePositioning = 1 << 0

	moveToClosed = 0
	moveToOpen   = 1
	lastMove     = 4
	mostErrors   = 10
)

// ClosureMain is what a closure is doing.
type ClosureMain uint8

// States with their numbers on the wire.
const (
	ClosureStopped ClosureMain = 0
	ClosureMoving  ClosureMain = 1
	ClosureWaiting ClosureMain = 2 // for a motion that is about to begin
	ClosureError   ClosureMain = 3
)

// ClosurePosition is where a closure is, or is going. PositionUnknown is null on the wire.
type ClosurePosition uint8

// Positions with their numbers on the wire; as a target, only the first two.
const (
	FullyClosed     ClosurePosition = 0
	FullyOpen       ClosurePosition = 1
	PartiallyOpen   ClosurePosition = 2
	PositionUnknown ClosurePosition = 0xFF
)

// ClosureFault is why a closure does not move.
type ClosureFault uint8

// Faults with their numbers on the wire.
const (
	FaultSensor      ClosureFault = 1 // something is in the way
	FaultMaintenance ClosureFault = 3
)

// ClosureState is what a closure tells. Secure is true when it is closed for certain.
type ClosureState struct {
	Main            ClosureMain
	Faults          []ClosureFault
	Current, Target ClosurePosition
}

func (s *ClosureState) secure() bool { return s.Current == FullyClosed }

var closureClass = model.NewClass(model.Class{ID: ClosureControlID, Revision: 1, Features: closurePositioning,
	Attributes: []model.Attribute{{ID: closureMain, Read: model.View}, {ID: closureErrors, Read: model.View},
		{ID: closureCurrent, Read: model.View}, {ID: closureTarget, Read: model.View}},
	Commands: []model.Command{{ID: closureStop, Response: model.NoResponse, Invoke: model.Operate},
		{ID: closureMoveTo, Response: model.NoResponse, Invoke: model.Operate, Quality: model.Timed}},
	Events: []model.EventKind{{ID: closureFailed, Read: model.View, Priority: model.Critical}, {ID: closureMoved, Read: model.View, Priority: model.Info},
		{ID: closureSecurity, Read: model.View, Priority: model.Info}}})

// ClosureControl is a door or gate that goes to its two ends (Matter application clusters 1.5 section 5.4).
type ClosureControl struct {
	model.Base
	order func(ctx context.Context, c *model.Caller, o CoverOrder) error

	mu    sync.Mutex
	state ClosureState
}

// NewClosureControl returns the cluster; order carries out what controllers ask for.
func NewClosureControl(s ClosureState, order func(ctx context.Context, c *model.Caller, o CoverOrder) error) *ClosureControl {
	v := &ClosureControl{order: order, state: s}
	v.Init(closureClass)
	return v
}

// Set tells of a new state.
func (v *ClosureControl) Set(s ClosureState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	was := v.state
	v.state = s
	var changed []uint32
	note := func(id uint32, different bool) {
		if different {
			changed = append(changed, id)
		}
	}
	faults := !slices.Equal(was.Faults, s.Faults)
	note(closureMain, was.Main != s.Main)
	note(closureErrors, faults)
	note(closureCurrent, was.Current != s.Current)
	note(closureTarget, was.Target != s.Target)
	if len(changed) == 0 {
		return
	}
	v.Changed(changed...)
	if was.Main == ClosureMoving && s.Main != ClosureMoving {
		v.Emit(closureMoved, 0, nil)
	}
	if was.Current != PositionUnknown && s.Current != PositionUnknown && was.secure() != s.secure() {
		v.Emit(closureSecurity, 0, func(w *tlv.Writer) { w.Bool(tlv.Context(0), s.secure()) })
	}
	if faults && len(s.Faults) > 0 {
		v.Emit(closureFailed, 0, func(w *tlv.Writer) { writeFaults(w, tlv.Context(0), s.Faults) })
	}
}

func writeFaults(w *tlv.Writer, tag tlv.Tag, faults []ClosureFault) {
	w.Array(tag)
	for _, f := range faults[:min(len(faults), mostErrors)] {
		w.Uint(tlv.Anonymous(), uint64(f))
	}
	w.End()
}

// ReadAttribute implements model.Cluster.
func (v *ClosureControl) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch id {
	case closureMain:
		w.Uint(tag, uint64(v.state.Main))
	case closureErrors:
		writeFaults(w, tag, v.state.Faults)
	case closureCurrent:
		w.Struct(tag)
		v.position(w, v.state.Current)
		if v.state.Current == PositionUnknown {
			w.Null(tlv.Context(3))
		} else {
			w.Bool(tlv.Context(3), v.state.secure())
		}
		w.End()
	default:
		w.Struct(tag)
		v.position(w, v.state.Target)
		w.End()
	}
	return nil
}

func (v *ClosureControl) position(w *tlv.Writer, p ClosurePosition) {
	if p == PositionUnknown {
		w.Null(tlv.Context(0))
		return
	}
	w.Uint(tlv.Context(0), uint64(p))
}

// Invoke implements model.Invoker. A position between the ends is refused: there is no way to get there.
func (v *ClosureControl) Invoke(ctx context.Context, c *model.Caller, id uint32, fields tlv.Element) ([]byte, error) {
	if id == closureStop {
		return nil, v.order(ctx, c, CoverStop)
	}
	f := tlv.OpenStruct(fields)
	position, given := f.OptionalUint(0, lastMove)
	if err := f.Err(); err != nil {
		return nil, err
	}
	switch {
	case !given:
		return nil, model.InvalidCommand
	case position == moveToClosed:
		return nil, v.order(ctx, c, CoverClose)
	case position == moveToOpen:
		return nil, v.order(ctx, c, CoverOpen)
	}
	return nil, model.ConstraintError
}
