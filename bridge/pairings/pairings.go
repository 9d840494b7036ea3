// Package pairings shows and changes which controllers may do what: the pairings of the HomeKit
// servers and the fabrics of the Matter node, together with what their owner says of them.
package pairings

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/roster"
	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/commission"
	"github.com/loquet/loquet/device"
)

// ArmTime is how long pairing stays open after its owner opened it again.
const ArmTime = 15 * time.Minute

// Pairings implements api.Pairings.
type Pairings struct {
	House   *homekit.House
	Matter  *commission.Node
	MQTT    Accounts // nil until there are any
	Roster  *roster.Roster
	Changed func() // codes may be there or gone; must not block
}

// Accounts are those at the MQTT broker that give orders.
type Accounts interface {
	Pairings() []api.Pairing
	Name(account string) string
	// RemovePairing wraps api.ErrNotFound where there is no such account.
	RemovePairing(ctx context.Context, account string) error
}

var _ api.Pairings = (*Pairings)(nil)

// Name is the owner's name for the controller in a cause; empty if it has none.
func (p *Pairings) Name(c api.Cause) string {
	switch c.Kind {
	case api.CauseWord(device.CauseHomeKit):
		return p.Roster.Name(c.Place, c.Actor)
	case api.CauseWord(device.CauseMatter):
		fabric, _, _ := strings.Cut(c.Actor, ":")
		return p.fabricName(fabric)
	case api.CauseWord(device.CauseMQTT):
		if p.MQTT != nil {
			return p.MQTT.Name(c.Actor)
		}
	}
	return ""
}

// Pairings implements api.Pairings.
func (p *Pairings) Pairings(context.Context) ([]api.Pairing, error) {
	var out []api.Pairing
	for _, c := range p.House.Controllers() {
		r := p.Roster.Of(c.Bridge, c.ID, c.Admin)
		out = append(out, api.Pairing{ID: c.ID, Bridge: c.Bridge, Name: r.Name, Role: r.Role.String(), Doors: r.Doors,
			Admin: c.Admin, Sessions: c.Sessions, LastSeen: c.LastSeen, Protocol: api.ProtocolHomeKit})
	}
	for _, f := range p.Matter.Status().Fabrics {
		r := p.Roster.Of(commission.Bridge, f.ID, true)
		out = append(out, api.Pairing{ID: f.ID, Bridge: commission.Bridge, Name: r.Name, Label: f.Name(), Role: r.Role.String(), Doors: r.Doors,
			Admin: true, Sessions: f.Sessions, LastSeen: f.LastSeen, Protocol: api.ProtocolMatter})
	}
	if p.MQTT != nil {
		out = append(out, p.MQTT.Pairings()...)
	}
	return out, nil
}

// Facts lists the controllers for whoever has to find out why one sees nothing.
func (p *Pairings) Facts() []api.ControllerFacts {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	var out []api.ControllerFacts
	for _, c := range p.House.Controllers() {
		a := c.Answers
		out = append(out, api.ControllerFacts{ID: c.ID, Bridge: c.Bridge, Name: p.Roster.Name(c.Bridge, c.ID), Sessions: c.Sessions,
			LastSeen: c.LastSeen, Answers: api.AnswerFacts{Count: a.Count, P50: ms(a.P50), P99: ms(a.P99), Max: ms(a.Max)}})
	}
	for _, f := range p.Matter.Status().Fabrics {
		out = append(out, api.ControllerFacts{ID: f.ID, Bridge: commission.Bridge, Name: p.fabricName(f.ID), Sessions: f.Sessions, LastSeen: f.LastSeen})
	}
	return out
}

// ChangePairing implements api.Pairings. An empty bridge means the first that knows the controller.
func (p *Pairings) ChangePairing(ctx context.Context, bridge, id string, change api.PairingChange) (api.Pairing, error) {
	all, err := p.Pairings(ctx)
	if err != nil {
		return api.Pairing{}, err
	}
	i := slices.IndexFunc(all, func(x api.Pairing) bool { return x.ID == id && (bridge == "" || x.Bridge == bridge) })
	if i < 0 {
		return api.Pairing{}, unknown(id)
	}
	out := all[i]
	r := p.Roster.Of(out.Bridge, out.ID, out.Admin)
	if role, err := access.ParseRole(out.Role); err == nil {
		r.Role = role // an account's is not what its record alone says
	}
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
	if err := p.Roster.Save(r); err != nil {
		return api.Pairing{}, err
	}
	out.Name, out.Role, out.Doors = r.Name, r.Role.String(), r.Doors
	return out, nil
}

// RemovePairing implements api.Pairings. An empty bridge means all of them.
func (p *Pairings) RemovePairing(ctx context.Context, bridge, id string) error {
	var errs []error
	found := false
	for _, c := range p.House.Controllers() {
		if c.ID != id || bridge != "" && c.Bridge != bridge {
			continue
		}
		found = true
		if err := p.House.Revoke(c.Bridge, id); err != nil {
			errs = append(errs, err) // it still has its access: its record must not be more than it was
			continue
		}
		errs = append(errs, p.Roster.Forget(c.Bridge, id))
	}
	if bridge == "" || bridge == commission.Bridge {
		switch err := p.Matter.Remove(id); {
		case errors.Is(err, commission.ErrUnknown), errors.Is(err, commission.ErrOff):
		case err != nil:
			found, errs = true, append(errs, err)
		default:
			found, errs = true, append(errs, p.Roster.Forget(commission.Bridge, id))
		}
	}
	if p.MQTT != nil && (bridge == "" || bridge == api.ProtocolMQTT) {
		if err := p.MQTT.RemovePairing(context.WithoutCancel(ctx), id); !errors.Is(err, api.ErrNotFound) {
			found, errs = true, append(errs, err)
		}
	}
	if !found {
		return unknown(id)
	}
	return errors.Join(errs...)
}

func unknown(id string) error { return fmt.Errorf("controller %q: %w", id, api.ErrNotFound) }

// HomeKitBridges implements api.Pairings.
func (p *Pairings) HomeKitBridges(context.Context) ([]api.HomeKitBridge, error) {
	var out []api.HomeKitBridge
	for _, b := range p.House.Bridges() {
		out = append(out, api.HomeKitBridge{Name: b.Name, ID: b.DeviceID, Addr: b.Addr, Paired: b.Paired,
			Accessories: b.Accessories, SetupCode: b.SetupCode, SetupURI: b.SetupURI})
	}
	return out, nil
}

// ArmHomeKit implements api.Pairings.
func (p *Pairings) ArmHomeKit(ctx context.Context) ([]api.HomeKitBridge, error) {
	p.House.Arm(ArmTime)
	p.Changed()
	time.AfterFunc(ArmTime+time.Second, p.Changed)
	return p.HomeKitBridges(ctx)
}
