package pairings

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/commission"
)

// fabricName is what to call a fabric: the owner's name for it, else its own.
func (p *Pairings) fabricName(id string) string {
	if name := p.Roster.Name(commission.Bridge, id); name != "" {
		return name
	}
	for _, f := range p.Matter.Status().Fabrics {
		if f.ID == id {
			return f.Name()
		}
	}
	return ""
}

// MatterBridge implements api.Pairings.
func (p *Pairings) MatterBridge(context.Context) (api.MatterBridge, error) {
	s := p.Matter.Status()
	if s.Addr == "" {
		return api.MatterBridge{}, off(s)
	}
	return api.MatterBridge{Addr: s.Addr, Devices: s.Devices, Fabrics: len(s.Fabrics), Open: s.Open, Until: s.Until,
		Passcode: s.Passcode, Discriminator: s.Discriminator, ManualCode: s.Manual, QR: s.QR}, nil
}

// MatterFacts is the Matter bridge for whoever has to find out why nobody finds it; nil when it does not run.
func (p *Pairings) MatterFacts() *api.MatterFacts {
	s := p.Matter.Status()
	if s.Addr == "" {
		return nil
	}
	return &api.MatterFacts{Addr: s.Addr, Devices: s.Devices, Fabrics: len(s.Fabrics), Open: s.Open, Until: s.Until}
}

func off(s commission.Status) error {
	e := &api.Error{Status: 409, Code: "matter-off", Title: "Matter is not running", Why: "it is switched off",
		Remedy: "remove enabled: false under matter: in the configuration, or --matter off, and start the bridge again"}
	if !s.Off {
		e.Why, e.Remedy = "it does not start", "loquet doctor says why"
	}
	return e
}

// OpenMatter implements api.Pairings.
func (p *Pairings) OpenMatter(ctx context.Context) (api.MatterBridge, error) {
	switch err := p.Matter.Open(ArmTime); {
	case errors.Is(err, commission.ErrBusy):
		return api.MatterBridge{}, &api.Error{Status: 409, Code: "matter-busy", Title: "Somebody is adding the bridge", Why: "an ecosystem has opened it with a code of its own",
			Remedy: "use the code that the ecosystem shows, or end that with `loquet pair matter --close` and try again"}
	case err != nil && !errors.Is(err, commission.ErrOff):
		return api.MatterBridge{}, err
	}
	p.Changed()
	time.AfterFunc(ArmTime+time.Second, p.Changed)
	return p.MatterBridge(ctx)
}

// CloseMatter implements api.Pairings.
func (p *Pairings) CloseMatter(ctx context.Context) (api.MatterBridge, error) {
	if err := p.Matter.Close(); err != nil && !errors.Is(err, commission.ErrOff) && !errors.Is(err, commission.ErrClosed) {
		return api.MatterBridge{}, err
	}
	p.Changed()
	return p.MatterBridge(ctx)
}
