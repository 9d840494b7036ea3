package matter

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/loquet/loquet/matter/model"
)

const labelKeys = "label/"

// label is a name that a controller gave, and the owner's name at that time: when the owner finds another one, it counts.
type label struct {
	Label string `json:"label"`
	Name  string `json:"name"`
}

// label returns what an endpoint is called. A record that cannot be read is no reason to hide a door.
func (h *House) label(id, name string) string {
	name = cut(name, maxLabel)
	b, ok, err := h.c.Storage.Get(labelKeys + id)
	if err != nil {
		h.c.Log.Warn().Err(err).Str("device", id).Msg("label not read, the name of the configuration is shown")
		return name
	}
	var l label
	if ok && json.Unmarshal(b, &l) == nil && l.Name == name && l.Label == cut(l.Label, maxLabel) {
		return l.Label
	}
	return name
}

// keepLabel keeps what a controller calls an endpoint.
func (h *House) keepLabel(id, name, given string) error {
	if given != cut(given, maxLabel) {
		return model.ConstraintError
	}
	b, err := json.Marshal(label{Label: given, Name: cut(name, maxLabel)})
	if err != nil {
		return err
	}
	if err := h.c.Storage.Apply(map[string][]byte{labelKeys + id: b}); err != nil {
		return fmt.Errorf("matter: keep the label of %s: %w", id, err)
	}
	return nil
}

// batteryOf remembers that a device has a battery. Actors call it: it waits for nothing.
func (h *House) batteryOf(id string) {
	if _, again := h.batteries.LoadOrStore(id, true); again {
		return
	}
	h.later(func(context.Context) {
		if _, ok, err := h.c.Storage.Get(batteryKeys + id); ok || err != nil {
			return
		}
		if err := h.c.Storage.Apply(map[string][]byte{batteryKeys + id: {1}}); err != nil {
			h.c.Log.Warn().Err(err).Str("device", id).Msg("a battery is not remembered")
		}
	})
}
