package bridge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
)

// nameOf is the owner's name for the controller in a cause.
func (a *App) nameOf(c api.Cause) string {
	if c.Kind != api.CauseWord(device.CauseHomeKit) {
		return ""
	}
	return a.people.Name(c.Place, c.Actor)
}

// Pairings implements api.Pairings.
func (a *App) Pairings(context.Context) ([]api.Pairing, error) {
	var out []api.Pairing
	for _, c := range a.faces.Controllers() {
		r := a.people.Of(c.Bridge, c.ID, c.Admin)
		out = append(out, api.Pairing{ID: c.ID, Bridge: c.Bridge, Name: r.Name, Role: r.Role.String(), Doors: r.Doors,
			Admin: c.Admin, Sessions: c.Sessions, LastSeen: c.LastSeen})
	}
	return out, nil
}

// ChangePairing implements api.Pairings.
func (a *App) ChangePairing(ctx context.Context, bridge, id string, change api.PairingChange) (api.Pairing, error) {
	all, err := a.Pairings(ctx)
	if err != nil {
		return api.Pairing{}, err
	}
	i := slices.IndexFunc(all, func(p api.Pairing) bool { return p.ID == id && (bridge == "" || p.Bridge == bridge) })
	if i < 0 {
		return api.Pairing{}, fmt.Errorf("controller %q: %w", id, api.ErrNotFound)
	}
	p := all[i]
	r := a.people.Of(p.Bridge, p.ID, p.Admin)
	if change.Name != nil {
		r.Name = *change.Name
	}
	if change.Role != nil {
		if r.Role, err = access.ParseRole(*change.Role); err != nil {
			return api.Pairing{}, err
		}
	}
	if change.Doors != nil {
		r.Doors = *change.Doors
		if slices.Equal(r.Doors, []string{api.AllDoors}) {
			r.Doors = nil
		}
	}
	if err := a.people.Save(r); err != nil {
		return api.Pairing{}, err
	}
	p.Name, p.Role, p.Doors = r.Name, r.Role.String(), r.Doors
	return p, nil
}

// RemovePairing implements api.Pairings.
func (a *App) RemovePairing(ctx context.Context, bridge, id string) error {
	found := false
	for _, c := range a.faces.Controllers() {
		if c.ID != id || bridge != "" && c.Bridge != bridge {
			continue
		}
		found = true
		if err := a.faces.Revoke(c.Bridge, id); err != nil {
			return err
		}
		if err := a.people.Forget(c.Bridge, id); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("controller %q: %w", id, api.ErrNotFound)
	}
	return nil
}

// HomeKitBridges implements api.Pairings.
func (a *App) HomeKitBridges(context.Context) ([]api.HomeKitBridge, error) {
	var out []api.HomeKitBridge
	for _, b := range a.faces.Bridges() {
		out = append(out, api.HomeKitBridge{Name: b.Name, ID: b.DeviceID, Addr: b.Addr, Paired: b.Paired,
			Accessories: b.Accessories, SetupCode: b.SetupCode, SetupURI: b.SetupURI})
	}
	return out, nil
}

// ArmHomeKit implements api.Pairings.
func (a *App) ArmHomeKit(ctx context.Context) ([]api.HomeKitBridge, error) {
	a.faces.Arm(15 * time.Minute)
	a.pairingsChanged()
	return a.HomeKitBridges(ctx)
}
