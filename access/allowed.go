package access

import (
	"fmt"
	"slices"
	"time"
)

// Trust says how far the time can be believed, the least first. The values are those of package clock.
type Trust uint8

// Trusts.
const (
	TrustFloor    Trust = iota // only "not earlier than Floor" is known
	TrustHoldover              // counted on since it was trusted
	Trusted
)

// Moment is the calendar time and what it is worth.
type Moment struct {
	Now   time.Time
	Trust Trust
	Floor time.Time     // the latest time that certainly lies in the past
	Lost  time.Duration // for how long nobody has known the time; counted for TrustFloor
}

// Clock tells the calendar time. Durations have nothing to do with it.
type Clock interface {
	Moment() Moment
}

// Reason is the one word for a decision; scripts depend on it.
type Reason string

// Reasons. The first three and ReasonUsesLeft let somebody in.
const (
	ReasonPermanent Reason = "permanent"
	ReasonInWindow  Reason = "in-window"
	ReasonGrace     Reason = "grace"
	ReasonRevoked   Reason = "revoked"
	ReasonDoor      Reason = "not-this-door"
	ReasonNotYet    Reason = "not-yet"
	ReasonExpired   Reason = "expired"
	ReasonBetween   Reason = "between-windows"
	ReasonClock     Reason = "clock-unknown"
	ReasonDamaged   Reason = "damaged-record"
	ReasonUsesLeft  Reason = "uses-left" // lets somebody in
	ReasonUsedUp    Reason = "used-up"
	ReasonUses      Reason = "uses-unknown"
	ReasonHoliday   Reason = "holiday"
)

// Decision is whether a code may open a door, and why: one line a thought, for the person who asked.
type Decision struct {
	Allowed bool
	Reason  Reason
	Why     []string
}

// Uses is how often a code was used before.
type Uses struct {
	Count int
	Known bool // false: the history that counts them cannot be read
}

// Question is whether a code may open a door at a moment.
type Question struct {
	Person Person
	Code   Code
	Door   string
	At     Moment
	Uses   Uses // of the code; only a code with a window of the kind count needs it
	House  House
}

// Allowed decides in a house without groups of doors and holidays. Nobody knows how often the code was used.
func Allowed(p Person, c Code, door string, at Moment) Decision {
	return Question{Person: p, Code: c, Door: door, At: at}.Decide()
}

// Decide answers. A permanent code needs no clock: a lost clock locks no owner out. A code with dates or hours
// never opens while nobody knows the time, unless its owner allowed a grace, and then only if the floor lies
// in its window. Uses that cannot be counted are used up.
func (q Question) Decide() Decision {
	p, c := q.Person, q.Code
	if p.Check() != nil || c.checkRest() != nil || c.Person != p.ID {
		return no(ReasonDamaged, "the record of this code or of its person cannot be right")
	}
	whose := fmt.Sprintf("code %s belongs to %s %s", c.ID, p.Kind, p.Name)
	switch {
	case c.Revoked:
		return no(ReasonRevoked, whose, "it was taken back")
	case !c.Reaches(q.Door, q.House.Groups...):
		return no(ReasonDoor, whose, "it is not for "+q.Door)
	}
	now, known := q.At.certain()
	holiday, mode := Span{}, HolidayUsual
	if p.Kind != Owner && known {
		holiday, mode = q.House.holiday(q.Door, now)
	}
	if mode == HolidayOwners {
		return no(ReasonHoliday, append([]string{whose, span("a holiday lets only owners in", holiday.Start, holiday.End)}, holiday.Notes...)...)
	}
	d := Decision{Allowed: true, Reason: ReasonPermanent, Why: []string{whose, "it opens " + q.Door + " at any time"}}
	if !c.Permanent() {
		d = q.inWindow(now, known, holiday, mode == HolidayNoWeekly)
		d.Why = append([]string{whose, "it is for " + q.Door}, d.Why...)
	}
	if d.Allowed && c.Both {
		d.Why = append(d.Why, "but only together with "+c.Kind.other()+" of the same person")
	}
	return d
}

// certain is the time that can be counted on, and whether it is known or only not earlier than this.
func (m Moment) certain() (now time.Time, known bool) {
	known = m.Trust != TrustFloor
	now = m.Now
	if !known || now.Before(m.Floor) {
		now = m.Floor
	}
	return now, known
}

func no(r Reason, why ...string) Decision { return Decision{Reason: r, Why: why} }

// tally is what was seen of the windows of a code so far.
type tally struct {
	past   int
	future Span // the nearest that comes
	coming bool
	no     Decision // why the window that is open now does not let it in
}

// inWindow judges a code that is not permanent. On a day off its weekly windows do not hold.
func (q Question) inWindow(now time.Time, known bool, holiday Span, dayOff bool) Decision {
	var t tally
	for _, w := range q.Code.Windows {
		s, ok, err := w.Next(now)
		switch {
		case err != nil:
			return no(ReasonDamaged, "one of its windows cannot be right")
		case !ok:
			t.past++
		case !s.Has(now):
			if !t.coming || s.Start.Before(t.future.Start) {
				t.future, t.coming = s, true
			}
		case dayOff && w.Kind == Weekly:
			t.no = no(ReasonHoliday, append([]string{span("on a holiday its weekly times do not hold", holiday.Start, holiday.End)}, holiday.Notes...)...)
		default:
			d := q.inSpan(w, s, now, known)
			if d.Allowed {
				return d
			}
			t.no = d
		}
	}
	switch {
	case t.no.Reason != "":
		return t.no
	case !t.coming:
		return no(ReasonExpired, "its time is over; it is "+stamp(now)+" or later")
	case !known:
		return no(ReasonClock, "its time may have come, but the clock is not known")
	}
	why := append([]string{"its time has not come; it is " + stamp(now.In(t.future.Start.Location())), span("it comes next", t.future.Start, t.future.End)}, t.future.Notes...)
	if t.past == 0 && !slices.ContainsFunc(q.Code.Windows, func(w Window) bool { return w.Kind == Weekly && !now.Before(w.firstDay()) }) {
		return no(ReasonNotYet, why...)
	}
	why[0] = "it is between two of its windows; it is " + stamp(now.In(t.future.Start.Location()))
	return no(ReasonBetween, why...)
}

// inSpan judges a window that is open, if it is not later than its end by now.
func (q Question) inSpan(w Window, s Span, now time.Time, known bool) Decision {
	var why []string
	reason := ReasonInWindow
	timed := !s.End.IsZero()
	switch {
	case !timed:
	case known:
		why = append([]string{span("it is in its window", s.Start, s.End), "the clock says " + stamp(now.In(s.Start.Location()))}, s.Notes...)
	case q.At.Lost <= q.Code.Grace && q.Code.Grace > 0:
		reason = ReasonGrace
		why = append([]string{span("the last known time is in its window", s.Start, s.End),
			fmt.Sprintf("the clock is not known, and its grace of %s lasts", q.Code.Grace)}, s.Notes...)
	default:
		return no(ReasonClock, span("it may be in its window", s.Start, s.End), "the clock is not known, and it has no grace left")
	}
	if w.Kind != Count {
		return Decision{Allowed: true, Reason: reason, Why: why}
	}
	left := w.Uses - q.Uses.Count
	switch {
	case !q.Uses.Known:
		return no(ReasonUses, append(why, "the history that counts its uses cannot be read")...)
	case left <= 0:
		return no(ReasonUsedUp, append(why, fmt.Sprintf("it opens %s, and was used %s", times(w.Uses), times(q.Uses.Count)))...)
	case !timed:
		reason = ReasonUsesLeft
	}
	return Decision{Allowed: true, Reason: reason, Why: append(why, fmt.Sprintf("it opens %s, and was used %s", times(w.Uses), times(q.Uses.Count)))}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func stamp(t time.Time) string { return t.Format("2006-01-02 15:04 MST") }

func span(what string, start, end time.Time) string {
	return what + ", " + stamp(start) + " to " + stamp(end)
}
