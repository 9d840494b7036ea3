package people

import (
	"context"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
)

// DoorGroups implements api.Ledger.
func (p *People) DoorGroups(context.Context) ([]api.DoorGroup, error) {
	l, err := p.open()
	if err != nil {
		return nil, err
	}
	var out []api.DoorGroup
	for _, g := range l.House().Groups {
		out = append(out, api.DoorGroup(g))
	}
	return out, nil
}

// SaveDoorGroup implements api.Ledger.
func (p *People) SaveDoorGroup(_ context.Context, g api.DoorGroup) (api.DoorGroup, error) {
	l, err := p.open()
	if err != nil {
		return g, err
	}
	saved, err := l.SaveDoorGroup(access.DoorGroup(g))
	return api.DoorGroup(saved), explain(err)
}

// RemoveDoorGroup implements api.Ledger.
func (p *People) RemoveDoorGroup(_ context.Context, id string) error {
	l, err := p.open()
	if err != nil {
		return err
	}
	return explain(l.RemoveDoorGroup(id))
}
