package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
)

func TestWordsOfWhatIsNotKnown(t *testing.T) {
	for got, want := range map[string]string{
		api.PositionWord(99): "unknown", api.TargetWord(99): "unknown", api.BoltWord(99): "unknown", api.BoltTargetWord(99): "unknown",
		api.TriWord(99): "unknown", api.ConfidenceWord(99): "unknown", api.CauseWord(99): "unknown", api.EntryWord(99): "unknown",
		api.ActionWord(99): "", api.OutcomeWord(99): "",
		api.PositionWord(device.PositionStopped): "stopped", api.BoltWord(device.BoltJammed): "jammed", api.CauseWord(device.CauseOutside): "outside",
		api.EntryWord(device.EntryNote): "note", api.OutcomeWord(device.OutcomeAborted): "aborted", api.ConfidenceWord(device.ConfidenceInferred): "inferred",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestParseAction(t *testing.T) {
	for a := device.ActionOpen; a <= device.ActionUnlock; a++ {
		if got, ok := api.ParseAction(api.ActionWord(a)); !ok || got != a {
			t.Errorf("%v: %v %v", a, got, ok)
		}
	}
	for _, s := range []string{"", "Open", "none", "unlocked"} {
		if _, ok := api.ParseAction(s); ok {
			t.Errorf("%q is an action", s)
		}
	}
}

func TestViews(t *testing.T) {
	zone := time.FixedZone("", 3600)
	at := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	// A device that nobody heard from says so in every field, and has no time.
	if diff := cmp.Diff(api.Device{ID: "a", Kind: "door", Name: "A", State: api.State{
		Position: "unknown", Target: "unknown", Obstructed: "unknown", Confidence: "unknown", Cause: api.Cause{Kind: "unknown"},
	}}, api.DoorDevice("a", "A", device.DoorState{}, zone)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(api.Device{ID: "f", Kind: "lock", Name: "Front", Available: true, State: api.State{
		Bolt: "jammed", Target: "secured", DoorOpen: "no", Since: at.In(zone), Confidence: "sensed",
		Cause: api.Cause{Kind: "code", Actor: "c1", Place: "pad"}, Fault: "stuck", Battery: &api.Battery{Percent: 7, Low: true},
	}}, api.LockDevice("f", "Front", device.LockState{
		Bolt: device.BoltJammed, Target: device.BoltTargetSecured, DoorOpen: device.No, Since: at, Confidence: device.ConfidenceSensed, Available: true,
		Cause: device.Cause{Kind: device.CauseCode, Actor: "c1", Place: "pad"}, Fault: "stuck", Battery: device.Battery{Known: true, Percent: 7, Low: true},
	}, zone)); diff != "" {
		t.Error(diff)
	}
	if got := api.LockDevice("f", "F", device.LockState{Since: at}, zone).State.Since.Format(time.RFC3339); got != "2026-11-21T19:00:00+01:00" {
		t.Errorf("since %s", got)
	}
	if diff := cmp.Diff(api.Row{Device: "g", Kind: "outcome", Cause: api.Cause{Kind: "homekit", Actor: "11-22"}, Action: "close", Target: "closed",
		Intent: 4, Outcome: "timed-out", State: "unknown", Confirmed: true, Detail: "x"},
		api.EntryRow(device.Entry{Kind: device.EntryOutcome, Device: "g", Action: device.ActionClose, Cause: device.Cause{Kind: device.CauseHomeKit, Actor: "11-22"},
			Intent: 4, Outcome: device.OutcomeTimedOut, State: "unknown", Confirmed: true, Detail: "x"})); diff != "" {
		t.Error(diff)
	}
}
