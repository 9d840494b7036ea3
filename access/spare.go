package access

import "slices"

// Reserve is the window of a spare code that nobody has: so far ahead that it opens at no keypad.
func Reserve() Window {
	at := WallTime{Year: 2100, Month: 1, Day: 1}
	return Window{Kind: Dates, From: at, To: at.AddDays(1), Zone: "UTC"}
}

// InReserve reports whether a code is a spare one that nobody has been given.
func (c Code) InReserve() bool { return c.Spare && slices.Equal(c.Windows, []Window{Reserve()}) }

// Waits reports whether a lock holds a code although it does not open yet: a spare one, until it has opened.
func (c Code) Waits(d Decision, at Moment) bool {
	switch {
	case !c.Spare:
		return false
	case d.Reason == ReasonHoliday:
		return !slices.ContainsFunc(c.Windows, func(w Window) bool {
			s, ok, err := w.Next(at.Now)
			return err != nil || ok && s.Has(at.Now)
		})
	}
	return d.Reason == ReasonNotYet || d.Reason == ReasonClock
}
