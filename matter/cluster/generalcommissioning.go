package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

const (
	breadcrumb           = 0
	basicCommissioning   = 1
	regulatoryConfig     = 2
	locationCapability   = 3
	concurrentConnection = 4

	armFailsafe           = 0
	setRegulatoryConfig   = 2
	commissioningComplete = 4
)

// Error codes of the commissioning commands (Matter 1.4 section 11.10.5.1).
const (
	commissioningOK             = 0
	commissioningOutOfRange     = 1
	commissioningAuthentication = 2
	commissioningNoFailsafe     = 3
	commissioningBusy           = 4
)

// indoorOutdoor is what a bridge is fit for: it has no radio of its own that a place could forbid.
const indoorOutdoor = 2

// FailsafeTime is how long a fail-safe lasts when a commissioner does not say, and MostFailsafe how long at most.
const (
	FailsafeTime = 60 * time.Second
	MostFailsafe = 900 * time.Second
)

var generalCommissioningClass = model.NewClass(model.Class{ID: GeneralCommissioningID, Revision: 2,
	Attributes: append(fixed(basicCommissioning, locationCapability, concurrentConnection),
		model.Attribute{ID: breadcrumb, Read: model.View, Write: model.Administer}, model.Attribute{ID: regulatoryConfig, Read: model.View}),
	Commands: []model.Command{
		{ID: armFailsafe, Response: 1, Invoke: model.Administer},
		{ID: setRegulatoryConfig, Response: 3, Invoke: model.Administer},
		{ID: commissioningComplete, Response: 5, Invoke: model.Administer, Quality: model.FabricScoped}}})

// GeneralCommissioning begins and ends commissioning (Matter 1.4 section 11.10).
type GeneralCommissioning struct {
	model.Base
	failsafe *commissioning.Failsafe
	window   *commissioning.Window
	basic    *BasicInformation

	mu         sync.Mutex
	crumb      uint64
	regulatory uint8
	before     *regulation // what a fail-safe that ends brings back
}

type regulation struct {
	config   uint8
	location string
}

// NewGeneralCommissioning returns the cluster.
func NewGeneralCommissioning(f *commissioning.Failsafe, w *commissioning.Window, b *BasicInformation) *GeneralCommissioning {
	g := &GeneralCommissioning{failsafe: f, window: w, basic: b, regulatory: indoorOutdoor}
	g.Init(generalCommissioningClass)
	f.OnEnd(g.ended)
	return g
}

func (g *GeneralCommissioning) ended(e commissioning.End) {
	g.mu.Lock()
	before := g.before
	g.before, g.crumb = nil, 0
	if before != nil && !e.Completed {
		g.regulatory = before.config
	}
	g.mu.Unlock()
	if before != nil {
		_ = g.basic.endLocation(e.Completed, before.location) // one that cannot be stored lasts until the next start
	}
	g.Changed(breadcrumb, regulatoryConfig)
}

// ReadAttribute implements model.Cluster.
func (g *GeneralCommissioning) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch id {
	case breadcrumb:
		w.Uint(tag, g.crumb)
	case basicCommissioning:
		w.Struct(tag)
		w.Uint(tlv.Context(0), uint64(FailsafeTime/time.Second))
		w.Uint(tlv.Context(1), uint64(MostFailsafe/time.Second))
		w.End()
	case regulatoryConfig:
		w.Uint(tag, uint64(g.regulatory))
	case locationCapability:
		w.Uint(tag, indoorOutdoor)
	default:
		w.Bool(tag, true)
	}
	return nil
}

// WriteAttribute implements model.Writer: the breadcrumb.
func (g *GeneralCommissioning) WriteAttribute(_ context.Context, _ *model.Caller, _ uint32, v tlv.Element) error {
	n, err := v.Uint()
	if err == nil {
		g.setCrumb(n)
	}
	return err
}

func (g *GeneralCommissioning) setCrumb(n uint64) {
	g.mu.Lock()
	changed := g.crumb != n
	g.crumb = n
	g.mu.Unlock()
	if changed {
		g.Changed(breadcrumb)
	}
}

// Invoke implements model.Invoker.
func (g *GeneralCommissioning) Invoke(_ context.Context, c *model.Caller, id uint32, fields tlv.Element) ([]byte, error) {
	f := tlv.OpenStruct(fields)
	switch id {
	case armFailsafe:
		seconds, crumb := f.Uint16(0), f.Uint64(1)
		if err := f.Err(); err != nil {
			return nil, err
		}
		return g.arm(c, seconds, crumb)
	case setRegulatoryConfig:
		config, country, crumb := f.Uint8(0), f.Text(1, 2), f.Uint64(2)
		if err := f.Err(); err != nil {
			return nil, err
		}
		return g.regulate(config, country, crumb)
	}
	switch err := g.failsafe.Complete(c); {
	case errors.Is(err, commissioning.ErrNotArmed):
		return code(commissioningNoFailsafe, "the fail-safe is not armed"), nil
	case errors.Is(err, commissioning.ErrCaller):
		return code(commissioningAuthentication, "not over CASE on the fabric that was commissioned"), nil
	case err != nil:
		return nil, err
	}
	_ = g.window.Close() // it may be closed already
	return code(commissioningOK, ""), nil
}

func (g *GeneralCommissioning) arm(c *model.Caller, seconds uint16, crumb uint64) ([]byte, error) {
	if status, _, _ := g.window.Get(); status != commissioning.Closed && c.Auth == model.CASE && !g.failsafe.Armed() {
		return code(commissioningBusy, "the commissioning window is open"), nil
	}
	if time.Duration(seconds)*time.Second > MostFailsafe {
		return code(commissioningOutOfRange, "longer than the fail-safe may last"), nil
	}
	switch err := g.failsafe.Arm(c, time.Duration(seconds)*time.Second); {
	case errors.Is(err, commissioning.ErrBusy):
		return code(commissioningBusy, "another administrator is at work"), nil
	case err != nil:
		return nil, err
	}
	if seconds > 0 {
		g.setCrumb(crumb)
	}
	return code(commissioningOK, ""), nil
}

func (g *GeneralCommissioning) regulate(config uint8, country string, crumb uint64) ([]byte, error) {
	if config > indoorOutdoor || len(country) != 2 {
		return code(commissioningOutOfRange, "no such regulatory configuration"), nil
	}
	g.mu.Lock()
	if g.before == nil && g.failsafe.Armed() {
		g.before = &regulation{g.regulatory, g.basic.place()}
	}
	g.regulatory, g.crumb = config, crumb
	staged := g.before != nil
	g.mu.Unlock()
	if staged {
		g.basic.stageLocation(country)
	} else if err := g.basic.setLocation(country); err != nil {
		return nil, err
	}
	g.Changed(regulatoryConfig, breadcrumb)
	return code(commissioningOK, ""), nil
}
