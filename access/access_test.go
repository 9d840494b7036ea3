package access_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// Every operation by every role on every door. The table is written out: it is the promise, and a
// rule that changes by accident must disagree with it.
func TestMay(t *testing.T) {
	actions := []device.Action{device.ActionNone, device.ActionOpen, device.ActionClose, device.ActionStop, device.ActionLock, device.ActionUnlock, device.ActionUnlock + 1}
	table := map[access.Role]string{ // one letter an action: y may, n may not
		access.RoleNone:       "nnnnnnn",
		access.RoleView:       "nnnnnnn",
		access.RoleLockOnly:   "nnyyynn",
		access.RoleOperate:    "nyyyyyn",
		access.RoleManage:     "nyyyyyn",
		access.RoleManage + 1: "nnnnnnn",
	}
	lists := []struct {
		doors []string
		reach map[string]bool
	}{
		{nil, map[string]bool{"garage": true, "gate": true, "": true}},
		{[]string{}, map[string]bool{"garage": false, "gate": false, "": false}},
		{[]string{"garage"}, map[string]bool{"garage": true, "gate": false, "": false}},
		{[]string{"gate", "garage"}, map[string]bool{"garage": true, "gate": true, "gat": false}},
	}
	asked := 0
	for role, row := range table {
		for i, action := range actions {
			for _, list := range lists {
				for door, reach := range list.reach {
					asked++
					c := access.Controller{ID: "c", Role: role, Doors: list.doors}
					err := access.May(c, action, door)
					want := row[i] == 'y' && reach
					if (err == nil) != want {
						t.Errorf("%s, action %d, %q of %v: %v, want allowed %v", role, action, door, list.doors, err, want)
					}
					if err != nil {
						checkRefusal(t, err, door)
					}
				}
			}
		}
	}
	if asked != 6*7*12 {
		t.Errorf("%d cases", asked)
	}
}

func checkRefusal(t *testing.T, err error, door string) {
	t.Helper()
	var refusal *device.Refusal
	if !errors.As(err, &refusal) || refusal.Code != device.RefusedRole || refusal.Device != door || refusal.Why == "" || refusal.Remedy == "" {
		t.Errorf("%#v", err)
	}
}

func TestRefusalsSayWhy(t *testing.T) {
	for _, c := range []struct {
		controller access.Controller
		action     device.Action
		why        string
	}{
		{access.Controller{Role: access.RoleView}, device.ActionClose, "this controller may look, not operate"},
		{access.Controller{Role: access.RoleLockOnly}, device.ActionUnlock, "this controller may close and lock, not open and unlock"},
		{access.Controller{Role: access.RoleManage, Doors: []string{"gate"}}, device.ActionClose, "this controller may not operate this device"},
		{access.Controller{}, device.ActionClose, "this controller has no role"},
	} {
		if err := access.May(c.controller, c.action, "garage"); err == nil || err.Error() != "garage: "+c.why {
			t.Errorf("%v, want %s", err, c.why)
		}
	}
}

func TestManages(t *testing.T) {
	for r := access.RoleNone; r <= access.RoleManage+1; r++ {
		for _, doors := range [][]string{nil, {}, {"garage"}} {
			if got := (access.Controller{Role: r, Doors: doors}).Manages(); got != (r == access.RoleManage) {
				t.Errorf("%s with %v: %v", r, doors, got)
			}
		}
	}
}

func TestRoleWords(t *testing.T) {
	want := []string{"view", "lock-only", "operate", "manage"}
	for i, r := range access.Roles() {
		if r.String() != want[i] {
			t.Errorf("%s, want %s", r, want[i])
		}
		if back, err := access.ParseRole(r.String()); err != nil || back != r {
			t.Errorf("%s, %v", back, err)
		}
	}
	for _, s := range []string{"", "none", "admin", "Manage", " view", "role(9)", strings.Repeat("x", 1000)} {
		if r, err := access.ParseRole(s); !errors.Is(err, access.ErrNoRole) || r != access.RoleNone || len(err.Error()) > 200 {
			t.Errorf("%q: %v, %v", s, r, err)
		}
	}
	if access.Role(9).String() != "role(9)" {
		t.Error(access.Role(9))
	}
	if access.DefaultRole(true) != access.RoleManage || access.DefaultRole(false) != access.RoleOperate {
		t.Error("default roles")
	}
}

func TestRecord(t *testing.T) {
	for _, c := range []access.Controller{
		{ID: "5A1C", Bridge: "AA:BB:CC:DD:EE:FF", Name: "Anna's phone", Role: access.RoleOperate},
		{ID: "5A1C", Role: access.RoleView, Doors: []string{}},
		{ID: "5A1C", Role: access.RoleManage, Doors: []string{"garage", "gate"}},
	} {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back access.Controller
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if fmt.Sprintf("%#v", back) != fmt.Sprintf("%#v", c) { // tells no doors from all doors
			t.Errorf("%#v, want %#v", back, c)
		}
	}
	if text, err := json.Marshal(access.Controller{ID: "5A1C", Bridge: "AA", Role: access.RoleLockOnly}); err != nil ||
		string(text) != `{"id":"5A1C","bridge":"AA","role":"lock-only"}` {
		t.Errorf("%s, %v", text, err)
	}
	if text, err := json.Marshal(access.Controller{ID: "5A1C"}); err == nil {
		t.Errorf("stored without a role: %s", text)
	}
}

func TestDamagedRecords(t *testing.T) {
	var later access.Controller
	if err := json.Unmarshal([]byte(`{"id":"a","role":"view","colour":"of a later release"}`), &later); err != nil || later.Role != access.RoleView {
		t.Errorf("%+v, %v", later, err)
	}
	doors := `"d` + strings.Repeat(`","d`, 2000) + `"`
	for _, text := range []string{
		`{}`, `{"id":"a"}`, `{"role":"view"}`, `{"id":"","role":"view"}`, `{"id":"a","role":"owner"}`, `{"id":"a","role":""}`,
		`{"id":"a","role":2}`, `{"id":"a","role":null}`, `{"id":"a","role":"view","name":"a\u0007b"}`,
		`{"id":"a","role":"view","name":"` + strings.Repeat("x", 65) + `"}`,
		`{"id":"` + strings.Repeat("x", 65) + `","role":"view"}`, `{"id":"a","role":"view","doors":"garage"}`, `{"id":"a","role":"view","doors":[` + doors + `]}`,
	} {
		c := access.Controller{ID: "before"}
		if err := json.Unmarshal([]byte(text), &c); !errors.Is(err, access.ErrRecord) {
			t.Errorf("%.80s: %v", text, err)
		}
		if c.ID != "before" || c.Role != access.RoleNone {
			t.Errorf("%.80s changed the controller to %+v", text, c)
		}
	}
	var c access.Controller
	if err := json.Unmarshal([]byte(`{"id":`), &c); err == nil {
		t.Error("half a record was read")
	}
}

// Whatever a stored record says, it gives nobody a way to open that was not written in it.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"id":"a","bridge":"b","name":"n","role":"manage","doors":["garage"]}`))
	f.Add([]byte(`{"id":"a","role":"lock-only"}`))
	f.Add([]byte(`{"ID":"a","Role":"view","role":"operate","doors":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c access.Controller
		if err := json.Unmarshal(data, &c); err != nil {
			if access.May(c, device.ActionOpen, "garage") == nil {
				t.Fatalf("opens after %v", err)
			}
			return
		}
		if c.ID == "" || !slices.Contains(access.Roles(), c.Role) {
			t.Fatalf("%+v", c)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back access.Controller
		if err := json.Unmarshal(text, &back); err != nil || fmt.Sprintf("%#v", back) != fmt.Sprintf("%#v", c) {
			t.Fatalf("%#v, %v, want %#v", back, err, c)
		}
	})
}
