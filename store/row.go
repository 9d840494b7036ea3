package store

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/loquet/loquet/device"
)

// Row is one row of the journal. Its words are those on the disk, so that a row of a newer loquet can
// still be shown.
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

// The words on the disk. They are never changed, only added to.
func kindWords() []string {
	return []string{"", "warning", "intent", "started", "released", "outcome", "observed", "refused", "note"}
}

func outcomeWords() []string {
	return []string{"", "reached", "timed-out", "contradicted", "unknown", "aborted"}
}

func actionWords() []string { return []string{"", "open", "close", "stop", "lock", "unlock"} }

func causeWords() []string {
	return []string{"unknown", "homekit", "matter", "code", "console", "auto-close", "auto-relock", "exit", "outside"}
}

// word returns the word for a value, and a numbered one for a value that has none yet.
func word(words []string, value uint8, what string) string {
	if int(value) < len(words) {
		return words[value]
	}
	return fmt.Sprintf("%s-%d", what, value)
}

func value(words []string, text string) uint8 {
	for i, w := range words {
		if w == text {
			return uint8(i)
		}
	}
	return 0
}

// newRow makes a row of an entry. The number, the time and the chain are the writer's.
func newRow(e device.Entry) Row {
	return Row{
		Kind:   word(kindWords(), uint8(e.Kind), "kind"),
		Device: clip(e.Device),
		Action: word(actionWords(), uint8(e.Action), "action"),
		Cause: RowCause{
			Kind:  word(causeWords(), uint8(e.Cause.Kind), "cause"),
			Actor: clip(e.Cause.Actor),
			Place: clip(e.Cause.Place),
		},
		Intent:    e.Intent,
		Outcome:   word(outcomeWords(), uint8(e.Outcome), "outcome"),
		Code:      clip(string(e.Code)),
		Confirmed: e.Confirmed,
		Detail:    clip(e.Detail),
		State:     clip(e.State),
	}
}

// Entry returns the row as device knows it. Words that this loquet does not know become the zero value.
func (r Row) Entry() device.Entry {
	return device.Entry{
		Kind:   device.EntryKind(value(kindWords(), r.Kind)),
		Device: r.Device,
		Action: device.Action(value(actionWords(), r.Action)),
		Cause: device.Cause{
			Kind:  device.CauseKind(value(causeWords(), r.Cause.Kind)),
			Actor: r.Cause.Actor,
			Place: r.Cause.Place,
		},
		Intent:    r.Intent,
		Outcome:   device.Outcome(value(outcomeWords(), r.Outcome)),
		Code:      device.RefusalCode(r.Code),
		Confirmed: r.Confirmed,
		Detail:    r.Detail,
		State:     r.State,
	}
}

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
