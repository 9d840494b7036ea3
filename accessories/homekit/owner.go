package homekit

import (
	"fmt"
	"time"

	"github.com/loquet/loquet/homekit"
)

// Bridge is one server as the owner sees it. The code is empty unless it can pair.
type Bridge struct {
	Word, Name, DeviceID, Addr string
	Paired                     bool
	Accessories                int
	SetupCode, SetupURI        string
}

// Bridges lists the servers, the main one first.
func (h *House) Bridges() []Bridge {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var out []Bridge
	for _, f := range h.ordered() {
		s := f.server.Load()
		b := Bridge{Word: f.bridge, Name: f.name, DeviceID: s.DeviceID(), Paired: s.Paired(), Accessories: len(f.group.accessories())}
		if a := s.Addr(); a != nil {
			b.Addr = a.String()
		}
		if s.Pairable() {
			b.SetupCode, b.SetupURI = s.SetupCode(), s.SetupURI()
		}
		out = append(out, b)
	}
	return out
}

// Controller is one controller that is paired with one bridge.
type Controller struct {
	Bridge, ID string
	Admin      bool
	Sessions   int
	LastSeen   time.Time
	Answers    homekit.Answers // how long it waited for the last ones
}

// Controllers lists who is paired with what.
func (h *House) Controllers() []Controller {
	var out []Controller
	for _, f := range h.servers() {
		s := f.server.Load()
		for _, p := range s.Pairings() {
			seen := s.Seen(p.ID)
			out = append(out, Controller{Bridge: s.DeviceID(), ID: p.ID, Admin: p.Admin, Sessions: seen.Sessions, LastSeen: seen.Last,
				Answers: seen.Answers})
		}
	}
	return out
}

// Revoke takes a controller's pairing with a bridge (its device id) away and closes its sessions.
func (h *House) Revoke(bridge, controller string) error {
	for _, f := range h.servers() {
		if s := f.server.Load(); s.DeviceID() == bridge {
			return s.RemovePairing(controller)
		}
	}
	return fmt.Errorf("there is no HomeKit bridge %s", bridge)
}

// Arm opens pairing for a time where wrong codes have closed it.
func (h *House) Arm(d time.Duration) {
	for _, f := range h.servers() {
		f.server.Load().Arm(d)
	}
}

// Damaged lists the records that could not be read, by bridge.
func (h *House) Damaged() map[string][]string {
	out := map[string][]string{}
	for _, f := range h.servers() {
		if d := f.server.Load().Damaged(); len(d) > 0 {
			out[f.bridge] = d
		}
	}
	return out
}

func (h *House) servers() []*face {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.ordered()
}

// Quiet reports whether no controller has asked for anything for so long.
func (h *House) Quiet(d time.Duration) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, f := range h.faces {
		if time.Since(f.server.Load().Asked()) < d {
			return false
		}
	}
	return true
}
