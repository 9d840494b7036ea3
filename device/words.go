package device

import "fmt"

// word returns the word of an enum value, and the number of one that has none.
func word[T ~uint8](v T, words []string) string {
	if int(v) < len(words) {
		return words[v]
	}
	return fmt.Sprintf("%d", uint8(v))
}

// parse is the reverse of word. Matching is exact: the words are for scripts.
func parse[T ~uint8](what, s string, words []string) (T, error) {
	for i, w := range words {
		if w == s && w != "" {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not %s: expected one of %q", s, what, some(words))
}

func some(words []string) []string {
	var list []string
	for _, w := range words {
		if w != "" {
			list = append(list, w)
		}
	}
	return list
}

// The words are those of the API and the journal; their order is that of the constants.
func positionWords() []string {
	return []string{"unknown", "closed", "open", "closing", "opening", "stopped"}
}
func targetWords() []string     { return []string{"unknown", "closed", "open"} }
func boltWords() []string       { return []string{"unknown", "secured", "unsecured", "jammed"} }
func boltTargetWords() []string { return []string{"unknown", "secured", "unsecured"} }
func triWords() []string        { return []string{"unknown", "no", "yes"} }
func confidenceWords() []string { return []string{"unknown", "sensed", "timed", "inferred"} }
func placeWords() []string      { return []string{"unknown", "closed", "open", "between"} }
func driveWords() []string      { return []string{"unknown", "pulse", "discrete", "commanded"} }
func cycleWords() []string      { return []string{"open-stop-close-stop", "reverses-on-close", "no-stop"} }
func actionWords() []string     { return []string{"", "open", "close", "stop", "lock", "unlock"} }
func remoteCloseWords() []string {
	return []string{"no", "warned", "owner-declares-protected"}
}
func boltDriveWords() []string {
	return []string{"unknown", "strike", "maglock", "motor", "commanded"}
}
func kindWords() []string {
	return []string{"", "sectional", "one-piece", "swing", "rolling", "gate-swing", "gate-sliding"}
}
func causeWords() []string {
	return []string{"unknown", "homekit", "matter", "code", "console", "auto-close", "auto-relock", "exit", "outside", "mqtt"}
}
func entryWords() []string {
	return []string{"unknown", "warning", "intent", "started", "released", "outcome", "observed", "refused", "note"}
}
func outcomeWords() []string {
	return []string{"", "reached", "timed-out", "contradicted", "unknown", "aborted"}
}

// String returns the word of the API.
func (p Position) String() string { return word(p, positionWords()) }

// String returns the word of the API.
func (t Target) String() string { return word(t, targetWords()) }

// String returns the word of the API.
func (b BoltPosition) String() string { return word(b, boltWords()) }

// String returns the word of the API.
func (t BoltTarget) String() string { return word(t, boltTargetWords()) }

// String returns the word of the API.
func (t Tri) String() string { return word(t, triWords()) }

// String returns the word of the API.
func (c Confidence) String() string { return word(c, confidenceWords()) }

// String returns the word of the API.
func (p Place) String() string { return word(p, placeWords()) }

// String returns the word of the configuration.
func (d Drive) String() string { return word(d, driveWords()) }

// String returns the word of the configuration.
func (c Cycle) String() string { return word(c, cycleWords()) }

// String returns the word of the configuration.
func (d BoltDrive) String() string { return word(d, boltDriveWords()) }

// String returns the word of the API; empty for none.
func (a Action) String() string { return word(a, actionWords()) }

// String returns the word of the API.
func (k CauseKind) String() string { return word(k, causeWords()) }

// String returns the word of the journal.
func (k EntryKind) String() string { return word(k, entryWords()) }

// String returns the word of the journal; empty for none.
func (o Outcome) String() string { return word(o, outcomeWords()) }

// String returns the word of the configuration; empty for none.
func (k DoorKind) String() string { return word(k, kindWords()) }

// String returns the word of the configuration, "no" where it says nothing.
func (r RemoteClose) String() string { return word(r, remoteCloseWords()) }

// ParsePosition is the reverse of Position.String.
func ParsePosition(s string) (Position, error) {
	return parse[Position]("a position", s, positionWords())
}

// ParseTarget is the reverse of Target.String.
func ParseTarget(s string) (Target, error) { return parse[Target]("a target", s, targetWords()) }

// ParseBoltPosition is the reverse of BoltPosition.String.
func ParseBoltPosition(s string) (BoltPosition, error) {
	return parse[BoltPosition]("a position of a bolt", s, boltWords())
}

// ParseBoltTarget is the reverse of BoltTarget.String.
func ParseBoltTarget(s string) (BoltTarget, error) {
	return parse[BoltTarget]("a target of a bolt", s, boltTargetWords())
}

// ParseTri is the reverse of Tri.String.
func ParseTri(s string) (Tri, error) { return parse[Tri]("yes, no or unknown", s, triWords()) }

// ParseConfidence is the reverse of Confidence.String.
func ParseConfidence(s string) (Confidence, error) {
	return parse[Confidence]("a confidence", s, confidenceWords())
}

// ParsePlace is the reverse of Place.String.
func ParsePlace(s string) (Place, error) { return parse[Place]("a place", s, placeWords()) }

// ParseDrive is the reverse of Drive.String.
func ParseDrive(s string) (Drive, error) { return parse[Drive]("a drive", s, driveWords()) }

// ParseCycle is the reverse of Cycle.String.
func ParseCycle(s string) (Cycle, error) { return parse[Cycle]("a cycle", s, cycleWords()) }

// ParseBoltDrive is the reverse of BoltDrive.String.
func ParseBoltDrive(s string) (BoltDrive, error) {
	return parse[BoltDrive]("a drive of a bolt", s, boltDriveWords())
}

// ParseAction is the reverse of Action.String; there is no word for none.
func ParseAction(s string) (Action, error) { return parse[Action]("an action", s, actionWords()) }

// ParseCauseKind is the reverse of CauseKind.String.
func ParseCauseKind(s string) (CauseKind, error) {
	return parse[CauseKind]("a kind of cause", s, causeWords())
}

// ParseEntryKind is the reverse of EntryKind.String.
func ParseEntryKind(s string) (EntryKind, error) {
	return parse[EntryKind]("a kind of row", s, entryWords())
}

// ParseOutcome is the reverse of Outcome.String; there is no word for none.
func ParseOutcome(s string) (Outcome, error) { return parse[Outcome]("an outcome", s, outcomeWords()) }

// ParseDoorKind is the reverse of DoorKind.String. The empty string is no kind.
func ParseDoorKind(s string) (DoorKind, error) {
	if s == "" {
		return KindNone, nil
	}
	return parse[DoorKind]("a kind of door", s, kindWords())
}

// ParseRemoteClose is the reverse of RemoteClose.String. The empty string is no permission.
func ParseRemoteClose(s string) (RemoteClose, error) {
	if s == "" {
		return RemoteCloseNo, nil
	}
	return parse[RemoteClose]("a permission to close", s, remoteCloseWords())
}
