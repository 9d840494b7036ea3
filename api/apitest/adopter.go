package apitest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/loquet/loquet/api"
)

// Adopter is a broker's accounts in memory.
type Adopter struct {
	mu  sync.Mutex
	all []api.Account
}

var _ api.Adopter = (*Adopter)(nil)

// NewAdopter returns one with accounts of these users.
func NewAdopter(users ...string) *Adopter {
	a := &Adopter{}
	for _, u := range users {
		a.all = append(a.all, api.Account{User: u, Kind: "device", Made: time.Unix(0, 0)})
	}
	return a
}

// Adopt makes an account named after its kind.
func (a *Adopter) Adopt(_ context.Context, r api.AdoptRequest) (api.Adoption, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, api.Account{User: r.Kind, Kind: r.Kind, Made: time.Unix(0, 0)})
	return api.Adoption{Kind: r.Kind, User: r.Kind, Password: "secret", Hosts: []string{"192.0.2.1"}, Port: 1883, Name: "door"}, nil
}

// Accounts lists what was adopted.
func (a *Adopter) Accounts(context.Context) ([]api.Account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all), nil
}

// RemoveAccount removes one.
func (a *Adopter) RemoveAccount(_ context.Context, user string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := len(a.all)
	a.all = slices.DeleteFunc(a.all, func(one api.Account) bool { return one.User == user })
	if len(a.all) == before {
		return api.ErrNotFound
	}
	return nil
}
