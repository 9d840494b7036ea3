package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

const (
	windowStatus = 0
	adminFabric  = 1
	adminVendor  = 2

	openWindow      = 0
	openBasicWindow = 1
	revoke          = 2

	basicWindowFeature = 1 << 0
)

// Cluster status codes (Matter 1.4 section 11.19.6.1).
const (
	windowBusy          = 2
	windowParameter     = 3
	windowNotOpen       = 4
	verifierSize        = 97
	leastIterations     = 1000
	mostIterations      = 100000
	leastSalt, mostSalt = 16, 32
)

var administratorClass = model.NewClass(model.Class{ID: AdministratorID, Revision: 1, Features: basicWindowFeature,
	Attributes: []model.Attribute{{ID: windowStatus, Read: model.View}, {ID: adminFabric, Read: model.View}, {ID: adminVendor, Read: model.View}},
	Commands: []model.Command{
		{ID: openWindow, Response: model.NoResponse, Invoke: model.Administer, Quality: model.Timed},
		{ID: openBasicWindow, Response: model.NoResponse, Invoke: model.Administer, Quality: model.Timed},
		{ID: revoke, Response: model.NoResponse, Invoke: model.Administer, Quality: model.Timed}}})

// Administrator lets an administrator invite another one (Matter 1.4 section 11.19).
type Administrator struct {
	model.Base
	window   *commissioning.Window
	failsafe *commissioning.Failsafe
	table    *fabric.Table
}

// NewAdministrator returns the cluster over a window.
func NewAdministrator(w *commissioning.Window, f *commissioning.Failsafe, t *fabric.Table) *Administrator {
	a := &Administrator{window: w, failsafe: f, table: t}
	a.Init(administratorClass)
	w.OnChange(func() { a.Changed(windowStatus, adminFabric, adminVendor) })
	return a
}

// ReadAttribute implements model.Cluster.
func (a *Administrator) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	status, index, vendor := a.window.Get()
	switch {
	case id == windowStatus:
		w.Uint(tag, uint64(status))
	case id == adminFabric && index != nil:
		w.Uint(tag, uint64(*index))
	case id == adminVendor && vendor != nil:
		w.Uint(tag, uint64(*vendor))
	default:
		w.Null(tag)
	}
	return nil
}

// Invoke implements model.Invoker.
func (a *Administrator) Invoke(_ context.Context, c *model.Caller, id uint32, fields tlv.Element) ([]byte, error) {
	if id == revoke {
		return nil, a.revoke()
	}
	f := tlv.OpenStruct(fields)
	d := time.Duration(f.Uint16(0)) * time.Second
	status, s := commissioning.Basic, commissioning.Secret{}
	if id == openWindow {
		status = commissioning.Enhanced
		s.Verifier = f.Octets(1, 0, 1024)
		s.Discriminator = f.Uint16(2)
		s.Iterations = f.Uint32(3)
		s.Salt = f.Octets(4, 0, 1024)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	if d < commissioning.LeastTime || d > commissioning.MostTime {
		return nil, model.InvalidCommand
	}
	if a.failsafe.Armed() {
		return nil, &model.ClusterStatus{Status: model.Failure, Code: windowBusy}
	}
	if status == commissioning.Enhanced && !valid(s) {
		return nil, &model.ClusterStatus{Status: model.Failure, Code: windowParameter}
	}
	var index *uint8
	var vendor *uint16
	if known, ok := a.table.Get(c.Fabric); ok {
		index, vendor = &known.Index, &known.VendorID
	}
	switch err := a.window.Open(status, s, d, index, vendor); {
	case errors.Is(err, commissioning.ErrBusy):
		return nil, &model.ClusterStatus{Status: model.Failure, Code: windowBusy}
	default:
		return nil, err
	}
}

func valid(s commissioning.Secret) bool {
	return len(s.Verifier) == verifierSize && s.Discriminator <= 0xFFF && s.Iterations >= leastIterations && s.Iterations <= mostIterations &&
		len(s.Salt) >= leastSalt && len(s.Salt) <= mostSalt
}

// revoke closes the window and undoes what a commissioner who came through it has done so far.
func (a *Administrator) revoke() error {
	if err := a.window.Close(); err != nil {
		return &model.ClusterStatus{Status: model.Failure, Code: windowNotOpen}
	}
	a.failsafe.Expire()
	return nil
}
