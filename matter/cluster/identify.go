package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// IdentifyType is how a device shows itself (Matter application clusters 1.4 section 1.2.5).
type IdentifyType uint8

// The ways to show oneself.
const (
	IdentifyNone     IdentifyType = 0
	IdentifyLight    IdentifyType = 2
	IdentifySound    IdentifyType = 3
	IdentifyActuator IdentifyType = 5
)

const (
	identifyTime = 0
	identifyType = 1
)

var identifyClass = model.NewClass(model.Class{ID: IdentifyID, Revision: 6,
	Attributes: []model.Attribute{{ID: identifyTime, Read: model.View, Write: model.Operate}, {ID: identifyType, Read: model.View}},
	Commands:   []model.Command{{ID: 0, Response: model.NoResponse, Invoke: model.Manage}}})

// Identify lets a device be found by eye or ear (Matter application clusters 1.4 section 1.2).
type Identify struct {
	model.Base
	kind IdentifyType
	show func(on bool)

	mu    sync.Mutex
	until time.Time
	timer *time.Timer
	round int
}

// NewIdentify returns the cluster; show begins and ends the showing, and must neither wait nor read the cluster. nil shows
// nothing.
func NewIdentify(kind IdentifyType, show func(on bool)) *Identify {
	if show == nil {
		show = func(bool) {}
	}
	i := &Identify{kind: kind, show: show}
	i.Init(identifyClass)
	return i
}

// ReadAttribute implements model.Cluster.
func (i *Identify) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	if id == identifyType {
		w.Uint(tag, uint64(i.kind))
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	left := max(time.Until(i.until), 0)
	w.Uint(tag, uint64((left+time.Second-1)/time.Second))
	return nil
}

// WriteAttribute implements model.Writer.
func (i *Identify) WriteAttribute(_ context.Context, _ *model.Caller, _ uint32, v tlv.Element) error {
	s, err := v.UintMax(0xFFFF)
	if err == nil {
		i.begin(time.Duration(s) * time.Second)
	}
	return err
}

// Invoke implements model.Invoker.
func (i *Identify) Invoke(_ context.Context, _ *model.Caller, _ uint32, fields tlv.Element) ([]byte, error) {
	f := tlv.OpenStruct(fields)
	s := f.Uint16(0)
	if err := f.Err(); err != nil {
		return nil, err
	}
	i.begin(time.Duration(s) * time.Second)
	return nil, nil
}

// begin starts, prolongs or, for zero, ends the showing. The lock is held until show has heard, so that it hears in order.
func (i *Identify) begin(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	was := i.timer != nil
	if was {
		i.timer.Stop()
		i.timer = nil
	}
	i.round++
	round := i.round
	i.until = time.Now().Add(d)
	if d > 0 {
		i.timer = time.AfterFunc(d, func() { i.end(round) })
	}
	if d > 0 || was {
		i.show(d > 0)
		i.Changed(identifyTime)
	}
}

func (i *Identify) end(round int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.round != round {
		return
	}
	i.timer = nil
	i.show(false)
	i.Changed(identifyTime)
}
