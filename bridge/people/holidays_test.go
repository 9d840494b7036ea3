package people

import (
	"errors"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
)

func TestHolidays(t *testing.T) {
	p, _ := house(t, "Europe/Paris")
	christmas := api.Holiday{ID: "christmas", From: "2026-12-24T00:00", To: "2026-12-27T00:00", Mode: "no-weekly"}
	saved, err := p.SaveHoliday(t.Context(), christmas)
	if err != nil || saved.Zone != "Europe/Paris" || saved.Mode != "no-weekly" {
		t.Fatalf("%+v %v", saved, err)
	}
	l, err := p.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	of := access.Holiday{ID: "matter-00-1", From: access.WallTime{Year: 2027, Month: 1, Day: 1}, To: access.WallTime{Year: 2027, Month: 1, Day: 2}, Zone: "UTC", Mode: access.HolidayOwners, Doors: []string{"studio"}}
	if _, err := l.SaveHoliday(of); err != nil {
		t.Fatal(err)
	}
	all, err := p.Holidays(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != "christmas" || all[0].Lock || !all[1].Lock {
		t.Errorf("%+v %v", all, err)
	}
	for name, r := range map[string]struct {
		h    api.Holiday
		want string
	}{
		"backwards":    {api.Holiday{ID: "x", From: "2026-12-27T00:00", To: "2026-12-24T00:00"}, "invalid"},
		"no day":       {api.Holiday{ID: "x", From: "soon", To: "2026-12-24T00:00"}, "invalid"},
		"of no kind":   {api.Holiday{ID: "x", From: "2026-12-24T00:00", To: "2026-12-27T00:00", Mode: "never"}, "invalid"},
		"of a bad id":  {api.Holiday{ID: "a b", From: "2026-12-24T00:00", To: "2026-12-27T00:00"}, "invalid"},
		"another's id": {api.Holiday{ID: "matter-00-1", From: "2026-12-24T00:00", To: "2026-12-27T00:00"}, "of-a-lock"},
	} {
		if _, err := p.SaveHoliday(t.Context(), r.h); err == nil {
			t.Errorf("%s: taken", name)
		} else if _, code := refusal(err); code != r.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, code := refusal(p.RemoveHoliday(t.Context(), "matter-00-1")); code != "of-a-lock" {
		t.Errorf("another's was removed: %s", code)
	}
	if err := p.RemoveHoliday(t.Context(), "christmas"); err != nil {
		t.Error(err)
	}
	if err := p.RemoveHoliday(t.Context(), "christmas"); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	nowhere, _ := house(t, "")
	if _, code := refusal(func() error { _, err := nowhere.SaveHoliday(t.Context(), christmas); return err }()); code != "no-zone" {
		t.Errorf("in a house of no zone: %s", code)
	}
}
