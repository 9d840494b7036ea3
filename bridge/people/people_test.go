package people

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/api"
)

type space map[string][]byte

func (s space) Get(key string) ([]byte, bool, error) { v, ok := s[key]; return v, ok, nil }

func (s space) List(prefix string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for k, v := range s {
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out, nil
}

func (s space) Apply(changes map[string][]byte) error {
	maps.Copy(s, changes)
	maps.DeleteFunc(s, func(_ string, v []byte) bool { return v == nil })
	return nil
}

type at access.Moment

func (a at) Moment() access.Moment { return access.Moment(a) }

// house has one keypad, at the studio, and the owner Anna.
func house(t *testing.T, zone string) (*People, api.Person) {
	t.Helper()
	sealer, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 7, 2, 10, 0, 0, 0, time.UTC)
	clock := at{Now: now, Trust: access.Trusted, Floor: now}
	l, err := ledger.Open(space{}, sealer, clock, 1)
	if err != nil {
		t.Fatal(err)
	}
	place := time.Local
	if zone != "" {
		if place, err = time.LoadLocation(zone); err != nil {
			t.Fatal(err)
		}
	}
	p := &People{Ledger: func() (*ledger.Ledger, error) { return l, nil }, Group: "home", Clock: clock,
		Opens: func(door string) bool { return door == "studio" }, Zone: func() *time.Location { return place }}
	anna, err := p.AddPerson(t.Context(), api.PersonRequest{Name: "Anna", Kind: "owner"})
	if err != nil {
		t.Fatal(err)
	}
	return p, anna
}

func refusal(err error) (status int, code string) {
	var e *api.Error
	if errors.As(err, &e) {
		return e.Status, e.Code
	}
	return 0, ""
}

func TestWhatIsRefused(t *testing.T) {
	p, anna := house(t, "Europe/Paris")
	gus, err := p.AddPerson(t.Context(), api.PersonRequest{Name: "Gus", Kind: "guest"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.AddCode(t.Context(), api.CodeRequest{Person: anna.ID, PIN: "739154"}); err != nil {
		t.Fatal(err)
	}
	july := api.Window{From: "2026-07-01T15:00", To: "2026-07-05T11:00"}
	for name, c := range map[string]struct {
		req    api.CodeRequest
		status int
		code   string
	}{
		"the same digit":         {api.CodeRequest{Person: gus.ID, PIN: "111111"}, 422, "weak-pin"},
		"no digits":              {api.CodeRequest{Person: gus.ID, PIN: "abcdef"}, 422, "weak-pin"},
		"another one's":          {api.CodeRequest{Person: gus.ID, PIN: "739154"}, 409, "taken"},
		"begins as another":      {api.CodeRequest{Person: gus.ID, PIN: "7391540"}, 409, "taken"},
		"too short for two":      {api.CodeRequest{Person: gus.ID, PIN: "4071", Windows: []api.Window{july}}, 422, "weak-pin"},
		"too many digits":        {api.CodeRequest{Person: gus.ID, Digits: 11}, 422, "weak-pin"},
		"no card":                {api.CodeRequest{Person: gus.ID, Card: "26:xyz"}, 422, "invalid"},
		"an owner with dates":    {api.CodeRequest{Person: anna.ID, Windows: []api.Window{july}}, 422, "invalid"},
		"it ends too soon":       {api.CodeRequest{Person: gus.ID, Windows: []api.Window{{From: july.To, To: july.From}}}, 422, "invalid"},
		"no time":                {api.CodeRequest{Person: gus.ID, Windows: []api.Window{{From: "tomorrow", To: july.To}}}, 422, "invalid"},
		"no end":                 {api.CodeRequest{Person: gus.ID, Windows: []api.Window{{From: july.From}}}, 422, "invalid"},
		"no zone":                {api.CodeRequest{Person: gus.ID, Windows: []api.Window{{From: july.From, To: july.To, Zone: "Europe/Atlantis"}}}, 422, "invalid"},
		"a kind of a later time": {api.CodeRequest{Person: gus.ID, Windows: []api.Window{{Kind: "weekly"}}}, 422, "invalid"},
		"too much grace":         {api.CodeRequest{Person: gus.ID, Windows: []api.Window{july}, Grace: "25h"}, 422, "invalid"},
		"no grace":               {api.CodeRequest{Person: gus.ID, Windows: []api.Window{july}, Grace: "long"}, 422, "invalid"},
	} {
		_, err := p.AddCode(t.Context(), c.req)
		if status, code := refusal(err); status != c.status || code != c.code {
			t.Errorf("%s: %d %s (%v), want %d %s", name, status, code, err, c.status, c.code)
		}
		if err != nil && c.req.PIN != "" && strings.Contains(err.Error(), c.req.PIN) {
			t.Errorf("%s: the error holds the PIN", name)
		}
	}
	if codes, err := p.Codes(t.Context()); err != nil || len(codes) != 1 {
		t.Errorf("%+v, %v", codes, err)
	}
	for _, err := range []error{p.RemoveCode(t.Context(), "x"), p.RemovePerson(t.Context(), "x"), func() error {
		_, err := p.ChangeCode(t.Context(), "x", api.CodeChange{})
		return err
	}(), func() error {
		_, err := p.AddCode(t.Context(), api.CodeRequest{Person: "x", PIN: "918273"})
		return err
	}()} {
		if !errors.Is(err, api.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
	guest := "guest"
	if _, err := p.ChangePerson(t.Context(), anna.ID, api.PersonChange{Kind: &guest}); err != nil {
		t.Error(err)
	}
}

// Dates are those of the house, and a house that does not know where it is says so.
func TestWindowsAreInTheZoneOfTheHouse(t *testing.T) {
	p, _ := house(t, "Europe/Paris")
	gus, err := p.AddPerson(t.Context(), api.PersonRequest{Name: "Gus", Kind: "guest"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.AddCode(t.Context(), api.CodeRequest{Person: gus.ID, Windows: []api.Window{{From: "2026-07-01T15:00", To: "2026-07-05T11:00"}}, Grace: "2h"})
	if err != nil || c.Windows[0] != (api.Window{Kind: "dates", From: "2026-07-01T15:00", To: "2026-07-05T11:00", Zone: "Europe/Paris"}) || c.Grace != "2h0m0s" || len(c.PIN) != 6 {
		t.Fatalf("%+v, %v", c.Code, err)
	}
	for moment, want := range map[string]string{
		"2026-07-01T12:59:00Z": "not-yet", "2026-07-01T13:00:00Z": "in-window",
		"2026-07-05T08:59:00Z": "in-window", "2026-07-05T09:00:00Z": "expired",
	} {
		when, err := time.Parse(time.RFC3339, moment)
		if err != nil {
			t.Fatal(err)
		}
		e, err := p.ExplainCode(t.Context(), api.ExplainRequest{Door: "studio", Code: c.PIN, At: when})
		if err != nil || e.Reason != want || e.Allowed != (want == "in-window") || len(e.Why) < 3 {
			t.Errorf("%s: %+v, %v; want %s", moment, e, err, want)
		}
	}
	doors, always := []string{"front"}, []api.Window{}
	changed, err := p.ChangeCode(t.Context(), c.ID, api.CodeChange{Doors: &doors, Windows: &always})
	if err != nil || len(changed.Windows) != 1 || changed.Windows[0].Kind != "always" {
		t.Errorf("%+v, %v", changed, err)
	}
	if e, err := p.ExplainCode(t.Context(), api.ExplainRequest{Door: "studio", CodeID: c.ID}); err != nil || e.Reason != "not-this-door" {
		t.Errorf("%+v, %v", e, err)
	}
	revoked := true
	if _, err := p.ChangeCode(t.Context(), c.ID, api.CodeChange{Revoked: &revoked}); err != nil {
		t.Error(err)
	}
	if e, err := p.ExplainCode(t.Context(), api.ExplainRequest{Door: "front", CodeID: c.ID}); err != nil || e.Reason != "revoked" {
		t.Errorf("%+v, %v", e, err)
	}

	if time.Local.String() != "Local" {
		return // this machine names its zone
	}
	lost, _ := house(t, "")
	if gus, err = lost.AddPerson(t.Context(), api.PersonRequest{Name: "Gus", Kind: "guest"}); err != nil {
		t.Fatal(err)
	}
	_, err = lost.AddCode(t.Context(), api.CodeRequest{Person: gus.ID, Windows: []api.Window{{From: "2026-07-01T15:00", To: "2026-07-05T11:00"}}})
	if status, code := refusal(err); status != 422 || code != "no-zone" {
		t.Errorf("%v", err)
	}
}

// A card opens by what is printed on it.
func TestCards(t *testing.T) {
	p, anna := house(t, "Europe/Paris")
	c, err := p.AddCode(t.Context(), api.CodeRequest{Person: anna.ID, Card: "h10301:93:21377"})
	if err != nil || c.Kind != "card" || c.Length != 26 || c.PIN != "" {
		t.Fatalf("%+v, %v", c, err)
	}
	for text, want := range map[string]bool{"26:aea9c0c0": true, "h10301:93:21377": true, "h10301:93:21378": false} {
		if e, err := p.ExplainCode(t.Context(), api.ExplainRequest{Door: "studio", Code: text}); err != nil || e.Allowed != want {
			t.Errorf("%s: %+v, %v", text, e, err)
		}
	}
}
