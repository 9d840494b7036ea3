package api

import (
	"context"
	"net/http"
	"time"
)

// Adopter makes accounts at the broker of the house for devices that speak MQTT.
type Adopter interface {
	// Adopt makes an account. Its password is in the answer only.
	Adopt(ctx context.Context, r AdoptRequest) (Adoption, error)
	// Accounts lists them, the oldest first.
	Accounts(ctx context.Context) ([]Account, error)
	// RemoveAccount removes one; its device is disconnected when it returns. It wraps ErrNotFound.
	RemoveAccount(ctx context.Context, user string) error
	// Found lists devices that announce themselves for Home Assistant at the broker. Listing changes nothing.
	Found(ctx context.Context) ([]Found, error)
}

// Found is a device that announced itself, and what the owner may write into the configuration for it.
type Found struct {
	ID      string `json:"id"`
	Kind    string `json:"kind,omitempty" jsonschema:"enum=door,enum=lock,enum=contact,enum=relay,description=absent: it cannot be taken over"`
	Name    string `json:"name"`
	Section string `json:"section,omitempty" jsonschema:"description=for the configuration, YAML"`
	Why     string `json:"why,omitempty" jsonschema:"description=why it cannot be taken over"`
	Remedy  string `json:"remedy,omitempty"`
}

// AdoptRequest is the body of POST /api/v1/mqtt/accounts.
type AdoptRequest struct {
	Kind  string `json:"kind" jsonschema:"required,enum=garadget,enum=device,enum=tasmota,enum=homeassistant,enum=zigbee2mqtt,enum=nuki,description=what it is"`
	Topic string `json:"topic,omitempty" jsonschema:"description=device and tasmota: the topic that it has for itself"`
	Node  string `json:"node,omitempty" jsonschema:"description=device: the name under which it announces itself for Home Assistant if that is not its topic"`
	ID    string `json:"id,omitempty" jsonschema:"description=nuki: the lock's Nuki ID in hexadecimal digits"`
	Role  string `json:"role,omitempty" jsonschema:"enum=view,enum=lock-only,enum=operate,description=homeassistant: what it may do where the house takes orders over MQTT; view if not given"`
	Blank bool   `json:"blank,omitempty" jsonschema:"description=garadget: for 15 minutes, let one board in that has no account, and give it this one"`
}

// Adoption is what a person enters on a device's own set-up page.
type Adoption struct {
	Kind     string     `json:"kind"`
	User     string     `json:"user"`
	Password string     `json:"password"`
	Hosts    []string   `json:"hosts"` // IPv4 addresses of this machine
	Port     int        `json:"port"`
	Name     string     `json:"name,omitempty"` // for the device: one that no other has
	Role     string     `json:"role,omitempty" jsonschema:"description=what it may do, of an account that may give orders"`
	Until    *time.Time `json:"until,omitempty"` // a board without an account is let in
}

// Account is how a device gets in.
type Account struct {
	User string    `json:"user"`
	Kind string    `json:"kind"`
	Name string    `json:"name,omitempty"` // of the device that uses it
	ID   string    `json:"id,omitempty"`   // for the configuration
	Made time.Time `json:"made"`
}

func (s *Server) adoptRoutes() []route {
	if s.opts.Adopter == nil {
		return nil
	}
	return []route{
		{"GET", "/api/v1/mqtt/accounts", "listAccounts", "The accounts of devices at the house's MQTT broker", nil, nil, ok([]Account{}), []int{409}, s.getAccounts},
		{"POST", "/api/v1/mqtt/accounts", "adopt", "Makes an account for a device; the password is in this answer only", nil, AdoptRequest{}, map[int]any{201: Adoption{}}, []int{409}, s.postAdopt},
		{"GET", "/api/v1/mqtt/found", "listFound", "Devices that announce themselves for Home Assistant at the broker, and what to write into the configuration for each", nil, nil, ok([]Found{}), []int{409}, s.getFound},
		{"DELETE", "/api/v1/mqtt/accounts/{user}", "removeAccount", "Removes an account and disconnects its device", nil, nil, map[int]any{204: nil}, []int{404, 409}, s.deleteAccount},
	}
}

func (s *Server) getAccounts(w http.ResponseWriter, r *http.Request) error {
	accounts, err := s.opts.Adopter.Accounts(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(accounts))
}

func (s *Server) getFound(w http.ResponseWriter, r *http.Request) error {
	found, err := s.opts.Adopter.Found(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(found))
}

func (s *Server) postAdopt(w http.ResponseWriter, r *http.Request) error {
	var body AdoptRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	a, err := s.opts.Adopter.Adopt(r.Context(), body)
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, a)
}

func (s *Server) deleteAccount(w http.ResponseWriter, r *http.Request) error {
	if err := s.opts.Adopter.RemoveAccount(r.Context(), r.PathValue("user")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
