package store

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/loquet/loquet/device"
)

// Row is one row of the journal. Its words are those on the disk, which are device's: so a row of a newer
// loquet can still be shown.
type Row struct {
	Seq       int64         `json:"seq"`
	At        time.Time     `json:"at"`    // UTC
	Trust     string        `json:"trust"` // how far the clock was trusted: trusted, holdover, floor
	Boot      string        `json:"boot"`  // id of that boot of the machine
	Mono      time.Duration `json:"mono"`  // since that boot, sleep included: orders rows whatever the clock did
	Kind      string        `json:"kind"`
	Device    string        `json:"device"`
	Action    string        `json:"action,omitempty"`
	Cause     RowCause      `json:"cause"`
	Intent    int64         `json:"intent,omitempty"`
	Outcome   string        `json:"outcome,omitempty"`
	Code      string        `json:"code,omitempty"`
	Confirmed bool          `json:"confirmed,omitempty"`
	Detail    string        `json:"detail,omitempty"`
	State     string        `json:"state,omitempty"`
	Prev      string        `json:"prev"` // hex; empty on a row that is kept outside the journal for now
	Hash      string        `json:"hash"` // hex of what the row and Prev sum up to; empty likewise
}

// RowCause is who and how: ids, never names.
type RowCause struct {
	Kind  string `json:"kind"`
	Actor string `json:"actor,omitempty"`
	Place string `json:"place,omitempty"`
}

// newRow makes a row of an entry. The number, the time and the chain are the writer's.
func newRow(e device.Entry) Row {
	return Row{
		Kind:      e.Kind.String(),
		Device:    clip(e.Device),
		Action:    e.Action.String(),
		Cause:     RowCause{Kind: e.Cause.Kind.String(), Actor: clip(e.Cause.Actor), Place: clip(e.Cause.Place)},
		Intent:    e.Intent,
		Outcome:   e.Outcome.String(),
		Code:      clip(string(e.Code)),
		Confirmed: e.Confirmed,
		Detail:    clip(e.Detail),
		State:     clip(e.State),
	}
}

// Entry returns the row as device knows it. Words that this loquet does not know become the zero value.
func (r Row) Entry() device.Entry {
	kind, _ := device.ParseEntryKind(r.Kind)
	action, _ := device.ParseAction(r.Action)
	cause, _ := device.ParseCauseKind(r.Cause.Kind)
	outcome, _ := device.ParseOutcome(r.Outcome)
	return device.Entry{
		Kind:      kind,
		Device:    r.Device,
		Action:    action,
		Cause:     device.Cause{Kind: cause, Actor: r.Cause.Actor, Place: r.Cause.Place},
		Intent:    r.Intent,
		Outcome:   outcome,
		Code:      device.RefusalCode(r.Code),
		Confirmed: r.Confirmed,
		Detail:    r.Detail,
		State:     r.State,
	}
}

func (r *Row) is(kind device.EntryKind) bool { return r.Kind == kind.String() }

// clip bounds a text: a journal that refuses a row would keep a door shut, so it shortens instead.
func clip(s string) string {
	const most = 128
	if len(s) <= most && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// utc is the time of a row for people, without a zone because it never has another.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
