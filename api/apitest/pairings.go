package apitest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/api"
)

// Pairings lists the controllers.
func (h *House) Pairings(context.Context) ([]api.Pairing, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.pairings), h.broken
}

// ChangePairing changes the controller on every bridge, or on one.
func (h *House) ChangePairing(_ context.Context, bridge, id string, c api.PairingChange) (api.Pairing, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed := api.Pairing{}
	for i := range h.pairings {
		p := &h.pairings[i]
		if p.ID != id || bridge != "" && p.Bridge != bridge {
			continue
		}
		if c.Name != nil {
			p.Name = *c.Name
		}
		if c.Role != nil {
			p.Role = *c.Role
		}
		if c.Doors != nil {
			p.Doors = *c.Doors
			if slices.Equal(p.Doors, []string{api.AllDoors}) {
				p.Doors = nil
			}
		}
		changed = *p
		h.events = append(h.events, "changed "+id)
	}
	if changed.ID == "" {
		return changed, fmt.Errorf("controller %s: %w", id, api.ErrNotFound)
	}
	return changed, h.broken
}

// RemovePairing removes the controller from every bridge, or from one.
func (h *House) RemovePairing(_ context.Context, bridge, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := len(h.pairings)
	h.pairings = slices.DeleteFunc(h.pairings, func(p api.Pairing) bool {
		return p.ID == id && (bridge == "" || p.Bridge == bridge)
	})
	if len(h.pairings) == before {
		return fmt.Errorf("controller %s: %w", id, api.ErrNotFound)
	}
	h.events = append(h.events, "removed "+id)
	return h.broken
}

// HomeKitBridges lists the bridges.
func (h *House) HomeKitBridges(context.Context) ([]api.HomeKitBridge, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.bridges), h.broken
}

// ArmHomeKit arms the bridges that are not paired.
func (h *House) ArmHomeKit(context.Context) ([]api.HomeKitBridge, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.bridges {
		if !h.bridges[i].Paired {
			h.bridges[i].ArmedUntil = time.Now().Add(15 * time.Minute)
		}
	}
	h.events = append(h.events, "armed")
	return slices.Clone(h.bridges), h.broken
}

// MatterBridge is the Matter bridge.
func (h *House) MatterBridge(context.Context) (api.MatterBridge, error) { return h.matterNow("") }

// OpenMatter lets one more ecosystem in.
func (h *House) OpenMatter(context.Context) (api.MatterBridge, error) { return h.matterNow("opened") }

// CloseMatter takes that back.
func (h *House) CloseMatter(context.Context) (api.MatterBridge, error) { return h.matterNow("closed") }

func (h *House) matterNow(event string) (api.MatterBridge, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := api.MatterBridge{Addr: "[::]:5540", Devices: 4, Fabrics: 1}
	if event != "" {
		h.events = append(h.events, "matter "+event)
		h.matter = event == "opened"
	}
	if h.matter {
		b.Open, b.Passcode, b.Discriminator, b.ManualCode, b.QR = true, 20202021, 3840, "34970112332", "MT:Y.K90AFN00KA0648G00"
	}
	return b, h.broken
}
