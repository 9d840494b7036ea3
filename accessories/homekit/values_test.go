package homekit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
)

func TestEveryPositionOfADoor(t *testing.T) {
	want := map[device.Position]int{
		device.PositionUnknown: 4, device.PositionClosed: 1, device.PositionOpen: 0,
		device.PositionClosing: 3, device.PositionOpening: 2, device.PositionStopped: 4,
	}
	for p, v := range want {
		if got := currentDoor(p); got != v {
			t.Errorf("%s: %d, want %d", p, got, v)
		}
	}
	if currentDoor(99) != doorStopped {
		t.Error("a position nobody knows is not stopped")
	}
	for target, v := range map[device.Target]int{device.TargetUnknown: 0, device.TargetOpen: 0, device.TargetClosed: 1} {
		if got := targetDoor(target); got != v {
			t.Errorf("target %s: %d, want %d", target, got, v)
		}
	}
}

func TestEveryPositionOfABolt(t *testing.T) {
	want := map[device.BoltPosition]int{device.BoltUnknown: 3, device.BoltSecured: 1, device.BoltUnsecured: 0, device.BoltJammed: 2, 99: 3}
	for b, v := range want {
		if got := currentBolt(b); got != v {
			t.Errorf("%s: %d, want %d", b, got, v)
		}
	}
	for target, v := range map[device.BoltTarget]int{device.BoltTargetUnknown: 0, device.BoltTargetUnsecured: 0, device.BoltTargetSecured: 1} {
		if got := targetBolt(target); got != v {
			t.Errorf("target %s: %d, want %d", target, got, v)
		}
	}
	for open, v := range map[device.Tri]int{device.Unknown: 1, device.Yes: 1, device.No: 0} {
		if got := contact(open); got != v {
			t.Errorf("contact %v: %d, want %d", open, got, v)
		}
	}
}

// LockLastKnownAction for every cause: {secured, unsecured}; -1: nothing is said.
func TestLastKnownAction(t *testing.T) {
	for cause, want := range map[device.CauseKind][2]int{
		device.CauseUnknown:    {-1, -1},
		device.CauseHomeKit:    {6, 7},
		device.CauseMatter:     {6, 7},
		device.CauseCode:       {4, 5},
		device.CauseConsole:    {6, 7},
		device.CauseAutoClose:  {6, 7},
		device.CauseAutoRelock: {8, 7},
		device.CauseExit:       {0, 1},
		device.CauseOutside:    {9, 10},
	} {
		for i, bolt := range []device.BoltPosition{device.BoltSecured, device.BoltUnsecured} {
			got, ok := lastAction(device.LockState{Bolt: bolt, Cause: device.Cause{Kind: cause}})
			if !ok {
				got = -1
			}
			if got != want[i] {
				t.Errorf("%s by %s: %d, want %d", bolt, cause, got, want[i])
			}
		}
		for _, bolt := range []device.BoltPosition{device.BoltUnknown, device.BoltJammed} {
			if got, ok := lastAction(device.LockState{Bolt: bolt, Cause: device.Cause{Kind: cause}}); ok {
				t.Errorf("%s by %s: %d, want nothing", bolt, cause, got)
			}
		}
	}
}

func TestWhatAWriteAsksFor(t *testing.T) {
	if doorAction(0) != device.ActionOpen || doorAction(1) != device.ActionClose || boltAction(0) != device.ActionUnlock || boltAction(1) != device.ActionLock {
		t.Error("a value asks for the wrong action")
	}
}

// Every refusal has its status on the wire; a new one must be thought about.
func TestStatusOfEveryRefusal(t *testing.T) {
	want := map[device.RefusalCode]homekit.Status{
		device.RefusedUnavailable: homekit.StatusNoCommunication,
		device.RefusedStale:       homekit.StatusNoCommunication,
		device.RefusedDriver:      homekit.StatusNoCommunication,
		device.RefusedUnsure:      homekit.StatusNoCommunication,
		device.RefusedJournal:     homekit.StatusNoCommunication,
		device.RefusedBouncing:    homekit.StatusBusy,
		device.RefusedMoving:      homekit.StatusBusy,
		device.RefusedTooSoon:     homekit.StatusBusy,
		device.RefusedBusy:        homekit.StatusBusy,
		device.RefusedRate:        homekit.StatusBusy,
		device.RefusedRole:        homekit.StatusNoPrivileges,
		device.RefusedLockedOut:   homekit.StatusNoPrivileges,
		device.RefusedExpired:     homekit.StatusTimedOut,
		device.RefusedUnknown:     homekit.StatusNotAllowedInState,
		device.RefusedUnattended:  homekit.StatusNotAllowedInState,
		device.RefusedObstructed:  homekit.StatusNotAllowedInState,
		device.RefusedSuspended:   homekit.StatusNotAllowedInState,
		device.RefusedFailed:      homekit.StatusNotAllowedInState,
		device.RefusedNoStop:      homekit.StatusNotAllowedInState,
		device.RefusedDoorOpen:    homekit.StatusNotAllowedInState,
		device.RefusedInterlock:   homekit.StatusNotAllowedInState,
		device.RefusedUnsupported: homekit.StatusNotAllowedInState,
		device.RefusedAborted:     homekit.StatusNotAllowedInState,
		device.RefusedJammed:      homekit.StatusNotAllowedInState,
	}
	for code, status := range want {
		if got := statusOf(code); got != status {
			t.Errorf("%s: %d, want %d", code, got, status)
		}
	}
	h := &House{}
	d := &doorThing{door: mustDoor(t)}
	for err, status := range map[error]homekit.Status{
		nil:            homekit.StatusOK,
		errNotWritable: homekit.StatusInvalidValue,
		fmt.Errorf("write: %w", &device.Refusal{Code: device.RefusedBusy}): homekit.StatusBusy,
		errors.New("anything else"):                                        homekit.StatusNoCommunication,
	} {
		if got := h.status(d, err); got != status {
			t.Errorf("%v: %d, want %d", err, got, status)
		}
	}
}

func mustDoor(t *testing.T) *device.Door {
	t.Helper()
	h := newHome(t, nil)
	return h.door("garage", nil)
}

func TestNamesThatAppleHomeTakes(t *testing.T) {
	for name, want := range map[string]string{
		"Garage":                        "Garage",
		"Ève's Gate 2":                  "Ève's Gate 2",
		"  Front   door ":               "Front door",
		"Gate!":                         "Gate",
		"Left/right [old]":              "Left right old",
		"Tür\x00nummer\tfünf":           "Tür nummer fünf",
		"'Gate'":                        "Gate",
		"🚪":                             "Loquet",
		"":                              "Loquet",
		"\xff\xfeGate":                  "Gate",
		"車庫":                            "車庫",
		strings.Repeat("é", 40):         strings.Repeat("é", 32),
		strings.Repeat("x", 63) + " yz": strings.Repeat("x", 63),
	} {
		if got := shownName(name); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
	long := joined(strings.Repeat("ab ", 30), "obstruction")
	if len(long) > maxName || !strings.HasSuffix(long, " obstruction") || strings.Contains(long, "  ") || !utf8.ValidString(long) {
		t.Errorf("%q", long)
	}
}

func TestFirmwareRevision(t *testing.T) {
	for version, want := range map[string]string{
		"1.2.3": "1.2.3", "v0.9.1-rc2": "0.9.1", "2": "2", "dev": "0.0.0", "": "0.0.0", "1.2.3.4": "1.2.3",
	} {
		if got := revision(version); got != want {
			t.Errorf("%q: %q, want %q", version, got, want)
		}
	}
}
