package api

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/loquet/loquet/device"
)

// maxName is the longest name that goes in or out, in bytes (HomeKit's limit; longer ones have
// crashed controllers).
const maxName = 64

// CleanName returns a name that is safe to show anywhere: at most 64 bytes of UTF-8, no control
// characters, no bytes that are not UTF-8.
func CleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s)
	for len(s) > maxName {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimSpace(s)
}

// DoorDevice shows a door; zone is the home's time zone.
func DoorDevice(id, name string, s device.DoorState, zone *time.Location) Device {
	return Device{ID: id, Kind: KindDoor, Name: CleanName(name), Available: s.Available, State: State{
		Position:   PositionWord(s.Position),
		Target:     TargetWord(s.Target),
		Obstructed: TriWord(s.Obstructed),
		Since:      in(s.Since, zone),
		Confidence: ConfidenceWord(s.Confidence),
		Cause:      CauseOf(s.Cause),
		Warning:    s.Warning,
		Suspended:  s.Suspended,
		LockedOut:  s.LockedOut,
		Fault:      s.Fault,
		Battery:    battery(s.Battery),
	}}
}

// LockDevice shows a lock; zone is the home's time zone.
func LockDevice(id, name string, s device.LockState, zone *time.Location) Device {
	return Device{ID: id, Kind: KindLock, Name: CleanName(name), Available: s.Available, State: State{
		Bolt:       BoltWord(s.Bolt),
		Target:     BoltTargetWord(s.Target),
		DoorOpen:   TriWord(s.DoorOpen),
		Since:      in(s.Since, zone),
		Confidence: ConfidenceWord(s.Confidence),
		Cause:      CauseOf(s.Cause),
		LockedOut:  s.LockedOut,
		Fault:      s.Fault,
		Battery:    battery(s.Battery),
	}}
}

// ContactDevice shows a contact; zone is the home's time zone.
func ContactDevice(id, name string, s device.ContactState, zone *time.Location) Device {
	return Device{ID: id, Kind: KindContact, Name: CleanName(name), Available: s.Available, State: State{
		Open:    TriWord(s.Open),
		Since:   in(s.Since, zone),
		Fault:   s.Fault,
		Battery: battery(s.Battery),
	}}
}

// KeypadDevice shows a keypad that answers, or does not, since a moment; zone is the home's time zone.
func KeypadDevice(id, name string, available bool, since time.Time, fault string, zone *time.Location) Device {
	return Device{ID: id, Kind: KindKeypad, Name: CleanName(name), Available: available, State: State{Since: in(since, zone), Fault: fault}}
}

// EntryRow shows an entry of the journal. Seq, At, Trust, Prev and Hash are the caller's to fill in.
func EntryRow(e device.Entry) Row {
	return Row{
		Device:    e.Device,
		Kind:      EntryWord(e.Kind),
		Cause:     CauseOf(e.Cause),
		Action:    ActionWord(e.Action),
		Target:    actionTarget(e.Action),
		Intent:    e.Intent,
		Outcome:   OutcomeWord(e.Outcome),
		Code:      string(e.Code),
		State:     e.State,
		Confirmed: e.Confirmed,
		Detail:    e.Detail,
	}
}

// CauseOf shows a cause. The name is the caller's to fill in, if its owner has one.
func CauseOf(c device.Cause) Cause {
	return Cause{Kind: CauseWord(c.Kind), Actor: c.Actor, Place: c.Place}
}

func battery(b device.Battery) *Battery {
	if !b.Known {
		return nil
	}
	return &Battery{Percent: b.Percent, Low: b.Low}
}

func in(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() || zone == nil {
		return t
	}
	return t.In(zone)
}

func word[T ~uint8](v T, words ...string) string {
	if int(v) < len(words) {
		return words[v]
	}
	return words[0]
}

// PositionWord is the word of a door's position.
func PositionWord(p device.Position) string {
	return word(p, "unknown", "closed", "open", "closing", "opening", "stopped")
}

// TargetWord is the word of a door's target.
func TargetWord(t device.Target) string { return word(t, "unknown", "closed", "open") }

// BoltWord is the word of a bolt's position.
func BoltWord(b device.BoltPosition) string {
	return word(b, "unknown", "secured", "unsecured", "jammed")
}

// BoltTargetWord is the word of a bolt's target.
func BoltTargetWord(t device.BoltTarget) string { return word(t, "unknown", "secured", "unsecured") }

// TriWord is yes, no or unknown.
func TriWord(t device.Tri) string { return word(t, "unknown", "no", "yes") }

// ConfidenceWord is the word of a confidence.
func ConfidenceWord(c device.Confidence) string {
	return word(c, "unknown", "sensed", "timed", "inferred")
}

// CauseWord is the word of a kind of cause.
func CauseWord(k device.CauseKind) string {
	return word(k, "unknown", "homekit", "matter", "code", "console", "auto-close", "auto-relock", "exit", "outside", "mqtt")
}

// ActionWord is the word of an action, empty for none.
func ActionWord(a device.Action) string {
	return word(a, "", "open", "close", "stop", "lock", "unlock")
}

// ParseAction is the reverse of ActionWord; false if there is no such action.
func ParseAction(s string) (device.Action, bool) {
	for a := device.ActionOpen; a <= device.ActionUnlock; a++ {
		if ActionWord(a) == s {
			return a, true
		}
	}
	return device.ActionNone, false
}

// EntryWord is the word of a kind of row.
func EntryWord(k device.EntryKind) string {
	return word(k, "unknown", "warning", "intent", "started", "released", "outcome", "observed", "refused", "note")
}

// OutcomeWord is the word of an outcome, empty for none.
func OutcomeWord(o device.Outcome) string {
	return word(o, "", "reached", "timed-out", "contradicted", "unknown", "aborted")
}

func actionTarget(a device.Action) string {
	return word(a, "", "open", "closed", "", "secured", "unsecured")
}
