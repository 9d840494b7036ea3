// Package roster keeps what the owner says of each controller: its name, its role, its doors.
package roster

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// Space is the durable storage of the records.
type Space interface {
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

// Roster are the controllers as the owner knows them: names, roles and doors, kept in the store.
// A controller without a record has the role that its HomeKit permission gives it.
type Roster struct {
	space   Space
	mu      sync.RWMutex
	records map[string]access.Controller // by bridge and id
	damaged []string                     // ids whose record could not be read
	unknown map[string]bool              // the same, by bridge and id, until there is a new record
	lost    error                        // why nobody knows which records there were
}

// New reads the records. Where one cannot be read, nobody knows what its controller was allowed: nothing,
// until the owner says so again. Only an admin of HomeKit is not held back: it could give itself any right,
// and an owner must get in.
func New(space Space) *Roster {
	p := &Roster{space: space, records: map[string]access.Controller{}, unknown: map[string]bool{}}
	raws, err := space.List("")
	if err != nil {
		p.lost = fmt.Errorf("names and roles of controllers: %w", err)
	}
	for key, raw := range raws {
		var c access.Controller
		if json.Unmarshal(raw, &c) != nil {
			_, id, _ := strings.Cut(key, "/")
			p.damaged = append(p.damaged, id)
			p.unknown[key] = true
			continue
		}
		p.records[key] = c
	}
	return p
}

func controllerKey(bridge, id string) string { return bridge + "/" + id }

// Of returns the record of a controller, or the default for one without.
func (p *Roster) Of(bridge, id string, admin bool) access.Controller {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if c, ok := p.records[controllerKey(bridge, id)]; ok {
		return c
	}
	c := access.Controller{ID: id, Bridge: bridge, Role: access.DefaultRole(admin)}
	if !admin && (p.lost != nil || p.unknown[controllerKey(bridge, id)]) {
		c.Role = access.RoleNone
	}
	return c
}

// Recorded returns the record of a controller that has no role of its own, and whether there is one. One that cannot be
// read stands for no role at all.
func (p *Roster) Recorded(bridge, id string) (c access.Controller, ok bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if c, ok = p.records[controllerKey(bridge, id)]; ok {
		return c, true
	}
	return access.Controller{ID: id, Bridge: bridge}, p.lost != nil || p.unknown[controllerKey(bridge, id)]
}

func (p *Roster) Save(c access.Controller) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := p.space.Apply(map[string][]byte{controllerKey(c.Bridge, c.ID): raw}); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records[controllerKey(c.Bridge, c.ID)] = c
	delete(p.unknown, controllerKey(c.Bridge, c.ID))
	return nil
}

func (p *Roster) Forget(bridge, id string) error {
	if err := p.space.Apply(map[string][]byte{controllerKey(bridge, id): nil}); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.records, controllerKey(bridge, id))
	delete(p.unknown, controllerKey(bridge, id))
	return nil
}

// Name is the owner's name for a controller; empty if it has none. An empty bridge means any.
func (p *Roster) Name(bridge, id string) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.records {
		if r.ID == id && (bridge == "" || r.Bridge == bridge) {
			return r.Name
		}
	}
	return ""
}

// Damaged are the ids whose record could not be read when the roster was made.
func (p *Roster) Damaged() []string { return slices.Clone(p.damaged) }

// Lost is why nobody knows which records there were, nil if all is well. It holds for every controller then
// that it may do nothing, but for admins of HomeKit.
func (p *Roster) Lost() error { return p.lost }

// May reports whether a controller may do this to a device: access.May over its record.
func (p *Roster) May(bridge, controller string, admin bool, action device.Action, deviceID string) error {
	return access.May(p.Of(bridge, controller, admin), action, deviceID)
}

// MayGiveCodes reports whether a controller may see and change the codes of a device: access.MayGiveCodes over its
// record.
func (p *Roster) MayGiveCodes(bridge, controller string, admin bool, deviceID string) error {
	return access.MayGiveCodes(p.Of(bridge, controller, admin), deviceID)
}
