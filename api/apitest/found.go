package apitest

import (
	"context"

	"github.com/loquet/loquet/api"
)

// Found lists one door that can be taken over, and a switch that cannot.
func (a *Adopter) Found(context.Context) ([]api.Found, error) {
	return []api.Found{
		{ID: "cover/barn", Kind: api.KindDoor, Name: "Barn", Section: "doors:\n  barn:\n    name: \"Barn\"\n    opener: {driver: mqtt}\n"},
		{ID: "switch/plug", Name: "Plug", Why: "a bare switch", Remedy: "use a board that has a timer"},
	}, nil
}
