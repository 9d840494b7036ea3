package matter

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
)

// who is a controller as the rest of the house knows it.
type who struct {
	fabric, node string // 16 hexadecimal digits each
	admin        bool   // it may administer the whole node
}

// actor is the controller in a cause.
func (w who) actor() string { return w.fabric + ":" + w.node }

// cause is the controller as a cause of what it asks for.
func (w who) cause() device.Cause { return device.Cause{Kind: device.CauseMatter, Actor: w.actor()} }

// who finds out whose command it is. Only a member of a fabric moves anything: whoever is about to commission the bridge
// has proved a passcode, not who it is.
func (h *House) who(c *model.Caller) (who, error) {
	f, ok := h.fabric(func(f *fabric.Fabric) bool { return f.Index == c.Fabric })
	if !ok || c.Auth != model.CASE {
		return who{}, model.UnsupportedAccess
	}
	return who{fabric: fabricID(f), node: fmt.Sprintf("%016X", c.Node), admin: acl.Level(f.ACL, c, acl.Place{}) == model.Administer}, nil
}

func fabricID(f *fabric.Fabric) string { return fmt.Sprintf("%X", f.Compressed) }

func (h *House) fabric(is func(*fabric.Fabric) bool) (*fabric.Fabric, bool) {
	for _, f := range h.c.Server.Fabrics() {
		if is(f) {
			return f, true
		}
	}
	return nil, false
}

// peer is the fabric and node of a cause, as far as the node still knows that fabric.
func (h *House) peer(c device.Cause) (index uint8, node uint64) {
	id, of, _ := strings.Cut(c.Actor, ":")
	f, ok := h.fabric(func(f *fabric.Fabric) bool { return fabricID(f) == id })
	if c.Kind != device.CauseMatter || !ok {
		return 0, 0
	}
	if _, err := fmt.Sscanf(of, "%16X", &node); err != nil {
		return 0, 0
	}
	return f.Index, node
}

// command asks a device to act for a controller. The command goes to the actor as it came: what is there already, what is
// repeated and what is refused is decided there, for all faces alike.
func (b *base) command(ctx context.Context, c *model.Caller, a device.Action,
	do func(context.Context, device.Command) (device.Answer, error)) (device.Answer, error) {
	h, id := b.house, b.device()
	w, err := h.who(c)
	if err != nil {
		return device.Answer{}, err
	}
	if err := h.c.Rules.May(w.fabric, w.node, w.admin, a, id); err != nil {
		h.c.Log.Warn().Err(err).Str("device", id).Str("controller", w.actor()).Msg("command refused by role")
		h.c.Refused(device.Entry{Kind: device.EntryRefused, Device: id, Action: a, Cause: w.cause(), Code: device.RefusedRole})
		return device.Answer{}, model.UnsupportedAccess
	}
	answer, err := do(ctx, device.Command{Action: a, Cause: w.cause(), Untold: !b.told(c.Fabric)})
	h.c.Answered()
	return answer, h.status(id, err)
}

// told says whether a fabric knows how the device is by now. What is asked by one that does not may be what it asked before:
// it has not seen that it was done, and that somebody undid it.
func (b *base) told(fabric uint8) bool {
	for _, p := range b.parts {
		if !b.house.c.Server.Told(fabric, p.config.ID) {
			return false
		}
	}
	return true
}

// status is the one place where an error of a device becomes a status on the wire.
func (h *House) status(id string, err error) error {
	if err == nil {
		return nil
	}
	var pin *denied
	if errors.As(err, &pin) {
		h.c.Log.Warn().Str("device", id).Msg("PIN refused")
		return err
	}
	var r *device.Refusal
	if !errors.As(err, &r) {
		h.c.Log.Warn().Err(err).Str("device", id).Msg("command failed")
		return model.Failure
	}
	h.c.Log.Info().Str("device", id).Str("code", string(r.Code)).Str("why", r.Why).Msg("command refused")
	return statusOf(r.Code)
}

// statusOf says why a command was refused, as far as Matter has words for it (Matter 1.4 section 8.10).
func statusOf(code device.RefusalCode) model.Status {
	switch code {
	case device.RefusedUnavailable, device.RefusedDriver, device.RefusedUnsure, device.RefusedStale, device.RefusedJournal:
		return model.Failure
	case device.RefusedBusy, device.RefusedTooSoon, device.RefusedBouncing, device.RefusedMoving, device.RefusedRate:
		return model.Busy
	case device.RefusedRole:
		return model.UnsupportedAccess
	case device.RefusedExpired:
		return model.Timeout
	case device.RefusedUnsupported:
		return model.InvalidCommand
	default:
		return model.InvalidInState
	}
}
