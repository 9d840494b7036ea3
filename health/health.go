// Package health knows everything that can be wrong with a house and says what to do about it.
//
// Every problem is declared once, as a value with a code, a severity, a title, an explanation and a
// remedy in words for the person who lives there. The page, the command line, the metrics and the
// documentation all show these same words. What is wrong now is on a Board:
//
//	board.Raise(health.ContactsDisagree, "garage", "closed and open are both active")
//	board.Clear(health.ContactsDisagree, "garage")
//
// Raising what is raised already changes nothing but the detail, so that callers can say what is true
// as often as they like.
package health

import "fmt"

// Severity says how bad a problem is.
type Severity uint8

// Severities. Info is worth knowing; a Warning wants to be looked at; with an Error something does
// not work, or cannot be relied on.
const (
	Info Severity = iota
	Warning
	Error
)

func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// MarshalText makes the severity a word in JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Code is the stable word for a problem; scripts and alerts depend on it.
type Code string

// Declared is a problem that the program knows of, whether it is there or not.
type Declared struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`  // a few words
	Text     string   `json:"text"`   // what it means for the house
	Remedy   string   `json:"remedy"` // what to do, one or two sentences
}

// Find returns the declaration of a code.
func Find(code Code) (Declared, bool) {
	for _, d := range All() {
		if d.Code == code {
			return d, true
		}
	}
	return Declared{}, false
}
