package roster_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/roster"
	"github.com/loquet/loquet/device"
)

// space is a storage in memory.
type space struct {
	records map[string][]byte
	broken  error // List fails
	full    error // Apply fails
}

func (s *space) List(prefix string) (map[string][]byte, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	out := maps.Clone(s.records)
	maps.DeleteFunc(out, func(key string, _ []byte) bool { return !strings.HasPrefix(key, prefix) })
	return out, nil
}

func (s *space) Apply(changes map[string][]byte) error {
	if s.full != nil {
		return s.full
	}
	for key, value := range changes {
		if value == nil {
			delete(s.records, key)
			continue
		}
		s.records[key] = value
	}
	return nil
}

func opens(r *roster.Roster, id string, admin bool) bool {
	return r.May("bridge", id, admin, device.ActionOpen, "garage") == nil
}

func TestRolesLast(t *testing.T) {
	s := &space{records: map[string][]byte{}}
	r := roster.New(s)
	if !opens(r, "guest", false) || !opens(r, "owner", true) {
		t.Fatal("without a record, a pairing's own right counts")
	}
	if err := r.Save(access.Controller{Bridge: "bridge", ID: "guest", Name: "a guest", Role: access.RoleView}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*roster.Roster{r, roster.New(s)} {
		if opens(r, "guest", false) || r.Name("", "guest") != "a guest" {
			t.Error("the record does not count")
		}
	}
	if err := r.Forget("bridge", "guest"); err != nil {
		t.Fatal(err)
	}
	if !opens(r, "guest", false) || !opens(roster.New(s), "guest", false) {
		t.Error("a record that was taken away still counts")
	}
}

func TestWhatCannotBeKeptDoesNotCount(t *testing.T) {
	s := &space{records: map[string][]byte{}, full: errors.New("no room")}
	r := roster.New(s)
	if err := r.Save(access.Controller{Bridge: "bridge", ID: "guest"}); err == nil || !opens(r, "guest", false) {
		t.Errorf("a role that was not kept counts (%v)", err)
	}
}

// TestDamageGivesNoRightAndKeepsNoOwnerOut: what a lost record said is not guessed, except for an admin.
func TestDamageGivesNoRightAndKeepsNoOwnerOut(t *testing.T) {
	torn := &space{records: map[string][]byte{"bridge/guest": []byte(`{"id":`), "bridge/owner": []byte("\x00")}}
	r := roster.New(torn)
	if got := slices.Sorted(slices.Values(r.Damaged())); !slices.Equal(got, []string{"guest", "owner"}) || r.Lost() != nil {
		t.Errorf("damaged %v, lost %v", got, r.Lost())
	}
	if opens(r, "guest", false) || !opens(r, "owner", true) || !opens(r, "neighbour", false) {
		t.Error("a torn record must count against its own controller only, unless that is an admin")
	}
	if err := r.Save(access.Controller{Bridge: "bridge", ID: "guest", Role: access.RoleOperate}); err != nil || !opens(r, "guest", false) {
		t.Errorf("the owner's word does not end the damage (%v)", err)
	}

	r = roster.New(&space{broken: errors.New("no records")})
	if r.Lost() == nil || opens(r, "guest", false) || !opens(r, "owner", true) {
		t.Error("without records, only an admin may open")
	}
}
