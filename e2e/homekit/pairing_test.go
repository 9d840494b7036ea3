package homekit

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/e2e"
)

// Errors of pairing (HAP R2 table 5-5).
const (
	errAuthentication = 2
	errUnavailable    = 6
)

func TestABridgeIsFoundAndPaired(t *testing.T) {
	t.Parallel()
	h := unpairedHouse(t, setup{})
	bridge := h.Bridge(t)

	found := h.phone.Find(t, bridge.DeviceID)
	want := Service{
		Name: found.Name, Address: found.Address, All: found.All, Port: 51826, DeviceID: bridge.DeviceID,
		Config: 1, Features: 0, Model: found.Model, Protocol: "1.1", State: 1, Status: 1, Category: 2,
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("the announcement (-want +got):\n%s", diff)
	}
	if found.Name != bridge.Name {
		t.Errorf("announced as %q, in the ready file %q", found.Name, bridge.Name)
	}
	if err := h.phone.Call("identify", map[string]any{"where": h.where}, nil); err != nil {
		t.Errorf("an unpaired bridge must identify itself: %v", err)
	}

	if _, err := h.phone.Pair("thief", h.where, "987-65-432"); PairingError(err) != errAuthentication {
		t.Errorf("pairing with a wrong code: %v, want error %d", err, errAuthentication)
	}
	h.pair(t)
	if _, err := h.phone.Pair("late", h.where, bridge.SetupCode); PairingError(err) != errUnavailable {
		t.Errorf("pairing a paired bridge: %v, want error %d", err, errUnavailable)
	}
	if err := h.phone.Call("identify", map[string]any{"where": h.where}, nil); err == nil {
		t.Error("a paired bridge answered identify without a session")
	}

	e2e.Until(t, 5*time.Second, func() string {
		if b := h.Bridge(t); !b.Paired || b.SetupCode != "" || b.SetupURI != "" {
			return "the ready file to say paired, without codes"
		}
		return ""
	})
	if now := NewPhone(t, h.elsewhere).Find(t, bridge.DeviceID); now.Status != 0 || now.Config != 1 {
		t.Errorf("after pairing sf=%d c#=%d, want 0 and 1", now.Status, now.Config)
	}

	list := h.owner.Accessories(t)
	devices := h.Devices(t)
	if len(list) != bridge.Accessories {
		t.Errorf("%d accessories, the ready file says %d", len(list), bridge.Accessories)
	}
	for _, d := range devices {
		if d.Kind != "door" && d.Kind != "lock" {
			continue
		}
		a := Named(t, list, d.Name)
		service, current, target := ServiceGarage, TypeCurrentDoor, TypeTargetDoor
		if d.Kind == "lock" {
			service, current, target = ServiceLock, TypeCurrentLock, TypeTargetLock
		}
		aim := a.Get(t, service, target)
		for _, perm := range []string{"pr", "pw", "ev", "tw"} {
			if !slices.Contains(aim.Perms, perm) {
				t.Errorf("%s: the target has %v, without %s", d.ID, aim.Perms, perm)
			}
		}
		if aim.Min == nil || *aim.Min != 0 || aim.Max == nil || *aim.Max != 1 {
			t.Errorf("%s: the target does not say that it is 0 or 1", d.ID)
		}
		// All doors of the house begin closed and all bolts secured, which is 1 for either.
		if now := a.Get(t, service, current); !same(now.Value, 1) || !same(aim.Value, 1) {
			t.Errorf("%s: current %v, target %v, want 1 and 1", d.ID, now.Value, aim.Value)
		}
	}
}

func TestControllersComeAndGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{speed: 4})
	garage := h.door(t, "garage")

	guest, err := h.owner.Invite("guest", false)
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.owner.Pairings()
	if err != nil {
		t.Fatal(err)
	}
	rights := map[string]bool{}
	for _, p := range list {
		rights[p.Identifier] = p.Admin
	}
	if diff := cmp.Diff(map[string]bool{h.owner.Identifier: true, guest.Identifier: false}, rights); diff != "" {
		t.Errorf("pairings (-want +got):\n%s", diff)
	}

	// A controller that is no admin operates doors and nothing else.
	if _, err := guest.Pairings(); PairingError(err) != errAuthentication {
		t.Errorf("a guest listed the pairings: %v", err)
	}
	if _, err := guest.Invite("stranger", true); PairingError(err) != errAuthentication {
		t.Errorf("a guest added a pairing: %v", err)
	}
	if err := guest.RemovePairing(h.owner.Identifier); PairingError(err) != errAuthentication {
		t.Errorf("a guest removed the owner: %v", err)
	}
	guest.Reconnect(t, nil)
	guest.Subscribe(t, garage.current, garage.target)
	guest.MustWrite(t, garage.target, DoorOpen)
	awaitMessage(t, guest, garage.current, DoorOpening, 5*time.Second)
	h.wantPulses(t, "garage", 1)

	// A removed controller loses its sessions at once, and does not come back.
	if err := h.owner.RemovePairing(guest.Identifier); err != nil {
		t.Fatal(err)
	}
	e2e.Until(t, 2*time.Second, func() string {
		if messages := guest.Messages(); !messages[len(messages)-1].Ended {
			return "the guest's session to end"
		}
		return ""
	})
	guest.Reconnect(t, nil)
	if _, err := guest.Read(garage.current); PairingError(err) != errAuthentication {
		t.Errorf("a removed guest read the door: %v", err)
	}
	h.wantPulses(t, "garage", 1)
}

func TestUnpairedAndPairedAgain(t *testing.T) {
	t.Parallel()
	h := unpairedHouse(t, setup{})
	before := h.Bridge(t)
	h.pair(t)
	numbers := Numbers(h.owner.Accessories(t))
	guest, err := h.owner.Invite("guest", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guest.Read(h.door(t, "garage").current); err != nil {
		t.Fatal(err)
	}

	// The answer comes before the session ends; the last admin takes everybody else along.
	if err := h.owner.RemovePairing(h.owner.Identifier); err != nil {
		t.Fatal(err)
	}
	var after e2e.Bridge
	e2e.Until(t, 5*time.Second, func() string {
		if after = h.Bridge(t); after.Paired || after.SetupCode == "" {
			return "the ready file to say that it can pair"
		}
		return ""
	})
	if after.DeviceID != before.DeviceID {
		t.Errorf("the device id changed from %s to %s", before.DeviceID, after.DeviceID)
	}
	if after.SetupCode == before.SetupCode {
		t.Error("the setup code did not change")
	}
	if now := NewPhone(t, h.elsewhere).Find(t, before.DeviceID); now.Status != 1 {
		t.Errorf("announced with sf=%d, want 1", now.Status)
	}
	for _, c := range []*Controller{h.owner, guest} {
		c.Reconnect(t, nil)
		if _, err := c.Read(ID{AID: 1, IID: 2}); PairingError(err) != errAuthentication {
			t.Errorf("%s is still let in: %v", c.name, err)
		}
	}

	if _, err := h.phone.Pair("thief", h.where, before.SetupCode); PairingError(err) != errAuthentication {
		t.Errorf("the old code: %v, want error %d", err, errAuthentication)
	}
	h.pair(t)
	if diff := cmp.Diff(numbers, Numbers(h.owner.Accessories(t))); diff != "" {
		t.Errorf("the accessories changed (-before +after):\n%s", diff)
	}
}
