package homekit

import (
	"context"
	"errors"
	"time"

	"github.com/brutella/hap/characteristic"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
)

// Types that brutella/hap does not have (reference: HAP-NodeJS 1.2.0).
const (
	typeAccessCode         = "260"
	typeCodeConfiguration  = "261"
	typeCodeControlPoint   = "262"
	typeConfigurationState = "263"
)

// codePart is the Access Code service of a door: which codes open it, read and changed by those who may.
type codePart struct {
	book                      *codeBook
	supported, control, state *characteristic.C
}

// codes adds the service, linked to that of the lock or door it is for.
func (f *fitter) codes(book *codeBook, of *service.S) *codePart {
	p := &codePart{
		book:      book,
		supported: &characteristic.C{Type: typeCodeConfiguration, Format: characteristic.FormatTLV8, Permissions: []string{characteristic.PermissionRead}},
		control: &characteristic.C{Type: typeCodeControlPoint, Format: characteristic.FormatTLV8,
			Permissions: []string{characteristic.PermissionRead, characteristic.PermissionWrite, characteristic.PermissionWriteResponse}},
		state: &characteristic.C{Type: typeConfigurationState, Format: characteristic.FormatUInt16,
			Permissions: []string{characteristic.PermissionRead, characteristic.PermissionEvents}, Val: 0},
	}
	s := service.New(typeAccessCode)
	f.service("codes", s, member{"supported", p.supported}, member{"control", p.control}, member{"state", p.state})
	of.AddS(s)
	return p
}

// values are those that controllers read; the control point has none: what was asked for is answered once.
func (p *codePart) values(aid uint64) []homekit.Value {
	if p == nil {
		return nil
	}
	return []homekit.Value{
		{AID: aid, IID: p.state.Id, Value: p.book.state.Load()},
		{AID: aid, IID: p.supported.Id, Value: p.book.limits.Load().supported()},
	}
}

// writeCodes carries out an order about the codes of a door. The answer holds PINs: it goes to nobody but who asked.
func (h *House) writeCodes(f *face, t thing, p *codePart, w homekit.Write) (any, homekit.Status) {
	bridge := f.server.Load().DeviceID()
	if err := h.opts.Rules.MayGiveCodes(bridge, w.Controller.ID, w.Controller.Admin, t.device()); err != nil {
		h.opts.Log.Warn().Err(err).Str("device", t.device()).Str("controller", w.Controller.ID).Msg("write refused by role")
		h.opts.Refused(device.Entry{Kind: device.EntryRefused, Device: t.device(), Code: device.RefusedRole,
			Cause: device.Cause{Kind: device.CauseHomeKit, Actor: w.Controller.ID, Place: bridge}})
		return nil, homekit.StatusNoPrivileges
	}
	raw, ok := w.Value.([]byte)
	if !ok {
		return nil, homekit.StatusInvalidValue
	}
	order, err := parseCodeOrder(raw)
	switch {
	case errors.Is(err, errCodeBulk):
		return order.answer([]codeResponse{{status: codeBulk}}), homekit.StatusOK
	case err != nil:
		return nil, homekit.StatusInvalidValue
	}
	h.coding.Lock()
	before := p.book.state.Load()
	answer, err := p.book.carryOut(order)
	changed := p.book.state.Load() != before
	h.coding.Unlock()
	if changed {
		h.show(shown{f, t})
	}
	if err != nil {
		h.opts.Log.Error().Err(err).Str("device", t.device()).Msg("codes are not shown to Home")
		return nil, homekit.StatusNoCommunication
	}
	return answer, homekit.StatusOK
}

// codesLook is how often it is looked whether the time of a code has begun or ended.
const codesLook = 20 * time.Second

// CodesChanged tells that people or codes have changed. It never waits.
func (h *House) CodesChanged() {
	select {
	case h.recode <- struct{}{}:
	default:
	}
}

// FollowCodes tells controllers of codes that come and go, until ctx ends. It is called when people and codes are
// there.
func (h *House) FollowCodes(ctx context.Context) {
	tick := time.NewTicker(codesLook)
	defer tick.Stop()
	for {
		for _, s := range *h.shown.Load() {
			if p := s.thing.codes(); p != nil {
				h.settleCodes(p.book)
				h.show(s)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-h.recode:
		case <-tick.C:
		}
	}
}

// settleCodes brings the numbers of a door up to date. What is wrong is told once.
func (h *House) settleCodes(b *codeBook) {
	h.coding.Lock()
	defer h.coding.Unlock()
	_, err := b.open()
	if told := err != nil; told != h.untold[b.device] {
		h.untold[b.device] = told
		if told {
			h.opts.Log.Error().Err(err).Str("device", b.device).Msg("Home is not told of codes")
		}
	}
}
