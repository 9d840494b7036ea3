package people

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
)

// onLock begins the ids of the holidays that an ecosystem put on a lock.
const onLock = "matter-"

// Holidays implements api.Ledger.
func (p *People) Holidays(context.Context) ([]api.Holiday, error) {
	l, err := p.open()
	if err != nil {
		return nil, err
	}
	var out []api.Holiday
	for _, h := range l.House().Holidays {
		out = append(out, holidayOf(h))
	}
	return out, nil
}

func holidayOf(h access.Holiday) api.Holiday {
	return api.Holiday{ID: h.ID, From: h.From.String(), To: h.To.String(), Zone: h.Zone, Mode: string(h.Mode), Doors: h.Doors, Lock: strings.HasPrefix(h.ID, onLock)}
}

// SaveHoliday implements api.Ledger.
func (p *People) SaveHoliday(_ context.Context, r api.Holiday) (api.Holiday, error) {
	l, err := p.open()
	if err != nil {
		return api.Holiday{}, err
	}
	if err := ours(r.ID); err != nil {
		return api.Holiday{}, err
	}
	// As for the windows of codes: in the zone of the house where none is named.
	w, err := p.window(api.Window{From: r.From, To: r.To, Zone: r.Zone})
	if err != nil {
		return api.Holiday{}, explain(err)
	}
	h, err := l.SaveHoliday(access.Holiday{ID: r.ID, From: w.From, To: w.To, Zone: w.Zone, Mode: cmp.Or(access.HolidayMode(r.Mode), access.HolidayOwners), Doors: r.Doors})
	if err != nil {
		return api.Holiday{}, explain(err)
	}
	return holidayOf(h), nil
}

// RemoveHoliday implements api.Ledger.
func (p *People) RemoveHoliday(_ context.Context, id string) error {
	l, err := p.open()
	if err != nil {
		return err
	}
	if err := ours(id); err != nil {
		return err
	}
	for _, h := range l.House().Holidays {
		if h.ID == id {
			return explain(l.RemoveHoliday(id))
		}
	}
	return fmt.Errorf("holiday %.64q: %w", id, api.ErrNotFound)
}

// ours refuses what an ecosystem keeps.
func ours(id string) error {
	if !strings.HasPrefix(id, onLock) {
		return nil
	}
	return &api.Error{Status: http.StatusConflict, Code: "of-a-lock", Title: "An ecosystem keeps this holiday", Why: "it was put on a lock through Matter",
		Remedy: "change it where it was made"}
}
