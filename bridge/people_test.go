package bridge

import (
	"errors"
	"slices"
	"testing"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit/haptest"
)

func ptr[T any](v T) *T { return &v }

// What the owner says of a controller counts at once, outlives a restart, and is in history by name.
func TestNamesRolesAndDoorsOfControllers(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	c := r.open()
	bridge := r.faces.Bridges()[0].DeviceID
	lock := r.lockOf(t, c, "Gate")
	write := func(c *haptest.Client, value int) int {
		t.Helper()
		if err := c.Prepare(5000, 1); err != nil {
			t.Fatal(err)
		}
		got, err := c.PutTimed(1, haptest.Put{AID: lock.AID, IID: lock.IID, Value: value})
		if err != nil {
			t.Fatal(err)
		}
		if got == nil {
			return 0
		}
		return *got[0].Status
	}
	change := func(pc api.PairingChange) api.Pairing {
		t.Helper()
		p, err := r.Pairings().ChangePairing(t.Context(), bridge, c.Controller.ID, pc)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if got := write(c, 1); got != 0 {
		t.Errorf("an admin: %d", got)
	}
	if p := change(api.PairingChange{Name: ptr("Ida's phone"), Role: ptr("lock-only")}); p.Name != "Ida's phone" || p.Role != "lock-only" || !p.Admin {
		t.Errorf("%+v", p)
	}
	if got := write(c, 0); got != -70401 {
		t.Errorf("unlock by lock-only: %d", got)
	}
	change(api.PairingChange{Role: ptr("operate"), Doors: &[]string{"garage"}})
	if got := write(c, 0); got != -70401 {
		t.Errorf("another door: %d", got)
	}

	r.stop()
	r.start()
	c = r.open()
	if got := write(c, 0); got != -70401 {
		t.Errorf("after a restart: %d", got)
	}
	change(api.PairingChange{Doors: &[]string{api.AllDoors}})
	if got := write(c, 0); got != 0 {
		t.Errorf("all doors again: %d", got)
	}
	if _, err := r.Command(t.Context(), "gate", device.Command{Action: device.ActionOpen,
		Cause: device.Cause{Kind: device.CauseHomeKit, Actor: c.Controller.ID, Place: bridge}}); err != nil {
		t.Fatal(err)
	}
	rows, err := r.History(t.Context(), api.HistoryQuery{Device: "gate", Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(rows, func(row api.Row) bool { return row.Kind == "intent" })
	if i < 0 || rows[i].Cause.Name != "Ida's phone" || rows[i].Target != "open" || rows[i].At.Location().String() != "Europe/Paris" {
		t.Errorf("%+v", rows)
	}

	all, err := r.Pairings().Pairings(t.Context())
	if err != nil || len(all) != 1 || all[0].Sessions != 1 || all[0].LastSeen.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	for _, err := range []error{
		r.Pairings().RemovePairing(t.Context(), "", "nobody"),
		func() error {
			_, err := r.Pairings().ChangePairing(t.Context(), "", "nobody", api.PairingChange{})
			return err
		}(),
	} {
		if !errors.Is(err, api.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
	if err := r.Pairings().RemovePairing(t.Context(), "", c.Controller.ID); err != nil {
		t.Fatal(err)
	}
	if err := c.Closed(patience); err != nil {
		t.Error(err)
	}
	bridges, err := r.Pairings().ArmHomeKit(t.Context())
	if err != nil || len(bridges) != 1 || bridges[0].Paired || bridges[0].SetupCode == "" || bridges[0].Accessories != 4 {
		t.Errorf("%+v, %v", bridges, err)
	}
}

func TestHistoryInBothDirections(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	for range 25 {
		if _, err := r.journal.Record(t.Context(), device.Entry{Kind: device.EntryNote, Device: "gate", Detail: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(q api.HistoryQuery) []int64 {
		t.Helper()
		q.Device = "gate"
		rows, err := r.History(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var out []int64
		for _, row := range rows {
			out = append(out, row.Seq)
		}
		return out
	}
	all := read(api.HistoryQuery{OldestFirst: true})
	if len(all) < 25 || !slices.IsSorted(all) {
		t.Fatalf("%v", all)
	}
	newest := read(api.HistoryQuery{Limit: 7})
	slices.Reverse(newest)
	if !slices.Equal(newest, all[len(all)-7:]) {
		t.Errorf("newest %v of %v", newest, all)
	}
	for _, limit := range []int{1, 7, 25, 100} {
		if got := read(api.HistoryQuery{OldestFirst: true, Limit: limit}); !slices.Equal(got, all[:min(limit, len(all))]) {
			t.Errorf("the oldest %d: %v of %v", limit, got, all)
		}
	}
	if got := read(api.HistoryQuery{OldestFirst: true, Limit: 3, After: all[10]}); !slices.Equal(got, all[11:14]) {
		t.Errorf("after %d: %v of %v", all[10], got, all)
	}
	v, err := r.VerifyHistory(t.Context())
	if err != nil || !v.OK || v.Rows < 25 {
		t.Errorf("%+v, %v", v, err)
	}
}
