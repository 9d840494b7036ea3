package mqtt

import (
	"cmp"
	"context"
	"errors"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/broker"
	"github.com/loquet/loquet/device"
)

// Bridge is what the records of accounts that give orders are kept under, beside those of HomeKit and Matter.
const Bridge = api.ProtocolMQTT

// homeAssistant is the kind of account that gives orders; homeAssistantName is what it is called while its owner has no
// name for it.
const (
	homeAssistant     = "homeassistant"
	homeAssistantName = "Home Assistant"
	unverifiedName    = "unverified account"
)

// controller is what an account may do. One that nobody gave a role may look. What comes over another broker, which does not
// tell whose it is, may do what its owner's word for that broker lets it: operate, until the owner says less.
func (h *House) controller(account string) access.Controller {
	c, ok := h.options.Roster.Recorded(Bridge, account)
	switch {
	case ok:
		return c
	case account == device.UnverifiedAccount && h.server == nil:
		c.Role = access.RoleOperate
	default:
		c.Role = access.RoleView
	}
	return c
}

// may reports whether an account may do this to a device.
func (h *House) may(account string, action device.Action, id string) error {
	return access.May(h.controller(account), action, id)
}

// givers are the accounts that give orders.
func (h *House) givers() []string {
	switch {
	case h == nil || h.desk == nil:
		return nil
	case h.server == nil:
		return []string{device.UnverifiedAccount}
	}
	var out []string
	for _, one := range h.accounts.List() {
		if one.Kind == homeAssistant {
			out = append(out, one.User)
		}
	}
	return out
}

// Pairings are the accounts that give orders, as controllers.
func (h *House) Pairings() []api.Pairing {
	givers := h.givers()
	if len(givers) == 0 {
		return nil
	}
	connected := map[string]int{}
	if h.server != nil {
		connected = h.server.Connected()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]api.Pairing, 0, len(givers))
	for _, account := range givers {
		c := h.controller(account)
		out = append(out, api.Pairing{ID: account, Bridge: Bridge, Protocol: api.ProtocolMQTT, Name: c.Name, Label: label(account), Role: c.Role.String(),
			Doors: c.Doors, Sessions: connected[account], LastSeen: h.seen[account]})
	}
	return out
}

func label(account string) string {
	if account == device.UnverifiedAccount {
		return unverifiedName
	}
	return homeAssistantName
}

// Name is what an account is called in a cause.
func (h *House) Name(account string) string {
	if h == nil {
		return ""
	}
	c, _ := h.options.Roster.Recorded(Bridge, account)
	if c.Name != "" {
		return c.Name
	}
	for _, giver := range h.givers() {
		if giver == account {
			return label(account)
		}
	}
	return ""
}

// RemovePairing removes an account that gives orders. It wraps api.ErrNotFound.
func (h *House) RemovePairing(ctx context.Context, account string) error {
	if h == nil || h.server == nil {
		return api.ErrNotFound
	}
	return h.RemoveAccount(ctx, account)
}

// role is what a new account of Home Assistant may do.
func role(r api.AdoptRequest) (access.Role, error) {
	if r.Role != "" && r.Kind != homeAssistant {
		return access.RoleNone, &api.Error{Status: 400, Code: "invalid", Title: "That takes no role", Field: "role",
			Why: "only an account of Home Assistant gives orders to doors and locks", Remedy: "leave the role away"}
	}
	out, err := access.ParseRole(cmp.Or(r.Role, access.RoleView.String()))
	if err != nil || out == access.RoleManage {
		return access.RoleNone, &api.Error{Status: 400, Code: "invalid", Title: "That is no role of an account", Field: "role",
			Why: "an account may look, lock and close, or operate", Remedy: "send view, lock-only or operate"}
	}
	return out, nil
}

// grant writes down what a new account may do; without it the account may look.
func (h *House) grant(one broker.Account, r access.Role) error {
	if one.Kind != homeAssistant || r == access.RoleView {
		return nil
	}
	err := h.options.Roster.Save(access.Controller{ID: one.User, Bridge: Bridge, Role: r})
	if err != nil {
		return errors.Join(err, h.accounts.Remove(one.User))
	}
	return nil
}
