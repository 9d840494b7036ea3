package homekit

import (
	"context"
	"errors"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
)

// write carries out a controller's write. It runs on a goroutine of the server's, under its deadline.
func (h *House) write(ctx context.Context, f *face, w homekit.Write) (any, homekit.Status) {
	t := f.thing(w.AID)
	if w.Type == typeIdentify {
		return nil, h.identify(ctx, t)
	}
	if t == nil {
		return nil, homekit.StatusNotFound
	}
	if p := t.codes(); p != nil && p.control.Id == w.IID {
		return h.writeCodes(f, t, p, w)
	}
	return nil, h.order(ctx, f, t, w)
}

// order is a write that moves something.
func (h *House) order(ctx context.Context, f *face, t thing, w homekit.Write) homekit.Status {
	value, ok := w.Value.(int64)
	if !ok {
		return homekit.StatusInvalidValue // a control point that accepts nothing
	}
	action, ok := t.action(w.IID, int(value))
	if !ok {
		return homekit.StatusInvalidValue
	}
	bridge := f.server.Load().DeviceID()
	cause := device.Cause{Kind: device.CauseHomeKit, Actor: w.Controller.ID, Place: bridge}
	if err := h.opts.Rules.May(bridge, w.Controller.ID, w.Controller.Admin, action, t.device()); err != nil {
		h.opts.Log.Warn().Err(err).Str("device", t.device()).Str("controller", w.Controller.ID).Msg("write refused by role")
		h.opts.Refused(device.Entry{Kind: device.EntryRefused, Device: t.device(), Action: action, Cause: cause, Code: device.RefusedRole})
		return homekit.StatusNoPrivileges
	}
	err := t.write(ctx, w.IID, int(value), device.Command{Cause: cause, Untold: !w.Told})
	h.opts.Answered()
	return h.status(t, err)
}

// typeIdentify is the short type of the Identify characteristic (HAP R2 9.45).
const typeIdentify = "14"

// identify lets a device show which one it is. A device that cannot, and the bridge itself, have
// nothing to blink with: that is no failure, which Apple Home would show as No Response.
func (h *House) identify(ctx context.Context, t thing) homekit.Status {
	if t == nil {
		return homekit.StatusOK
	}
	err := t.identify(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return homekit.StatusOK
	}
	return h.status(t, err)
}

// status is the one place where an error of a device becomes a status on the wire.
func (h *House) status(t thing, err error) homekit.Status {
	if err == nil {
		return homekit.StatusOK
	}
	if errors.Is(err, errNotWritable) {
		return homekit.StatusInvalidValue
	}
	r := refusalOf(err)
	h.opts.Log.Info().Str("device", t.device()).Str("code", string(r.Code)).Str("why", r.Why).Msg("command refused")
	return statusOf(r.Code)
}

// statusOf says why a command was refused, as far as HomeKit has words for it (HAP R2 table 6-11).
func statusOf(code device.RefusalCode) homekit.Status {
	switch code {
	case device.RefusedUnavailable, device.RefusedDriver, device.RefusedUnsure, device.RefusedStale, device.RefusedJournal:
		return homekit.StatusNoCommunication
	case device.RefusedBusy, device.RefusedTooSoon, device.RefusedBouncing, device.RefusedMoving, device.RefusedRate:
		return homekit.StatusBusy
	case device.RefusedRole, device.RefusedLockedOut:
		return homekit.StatusNoPrivileges
	case device.RefusedExpired:
		return homekit.StatusTimedOut
	default:
		return homekit.StatusNotAllowedInState
	}
}
