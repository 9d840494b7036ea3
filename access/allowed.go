package access

import (
	"fmt"
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

// Reasons. The first three let somebody in.
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
)

// Decision is whether a code may open a door, and why: one line a thought, for the person who asked.
type Decision struct {
	Allowed bool
	Reason  Reason
	Why     []string
}

// Allowed decides whether the code may open the door at that moment. A permanent code needs no clock: a
// lost clock locks no owner out. A code with dates never opens while nobody knows the time, unless its
// owner allowed a grace, and then only if the floor lies in its window.
func Allowed(p Person, c Code, door string, at Moment) Decision {
	if p.Check() != nil || c.checkRest() != nil || c.Person != p.ID {
		return no(ReasonDamaged, "the record of this code or of its person cannot be right")
	}
	whose := fmt.Sprintf("code %s belongs to %s %s", c.ID, p.Kind, p.ID)
	switch {
	case c.Revoked:
		return no(ReasonRevoked, whose, "it was taken back")
	case !c.Reaches(door):
		return no(ReasonDoor, whose, "it is not for "+door)
	case c.Permanent():
		return Decision{Allowed: true, Reason: ReasonPermanent, Why: []string{whose, "it opens " + door + " at any time"}}
	}
	d := c.inWindow(at)
	d.Why = append([]string{whose, "it is for " + door}, d.Why...)
	return d
}

func no(r Reason, why ...string) Decision { return Decision{Reason: r, Why: why} }

// inWindow judges a code that has nothing but dates.
func (c Code) inWindow(at Moment) Decision {
	known := at.Trust != TrustFloor
	now := at.Now
	if !known || now.Before(at.Floor) {
		now = at.Floor // what is certain
	}
	var past, future int
	for _, w := range c.Windows {
		start, end, err := w.Bounds()
		switch {
		case err != nil, w.Kind != Dates, !start.Before(end):
			return no(ReasonDamaged, "one of its windows cannot be right")
		case !now.Before(end):
			past++
		case now.Before(start):
			future++
		case known:
			return Decision{Allowed: true, Reason: ReasonInWindow, Why: []string{span("it is in its window", start, end), "the clock says " + stamp(now.In(start.Location()))}}
		case at.Lost <= c.Grace && c.Grace > 0:
			return Decision{Allowed: true, Reason: ReasonGrace, Why: []string{span("the last known time is in its window", start, end),
				fmt.Sprintf("the clock is not known, and its grace of %s lasts", c.Grace)}}
		default:
			return no(ReasonClock, span("it may be in its window", start, end), "the clock is not known, and it has no grace left")
		}
	}
	switch {
	case future == 0:
		return no(ReasonExpired, "its time is over; it is "+stamp(now)+" or later")
	case !known:
		return no(ReasonClock, "its time may have come, but the clock is not known")
	case past == 0:
		return no(ReasonNotYet, "its time has not come; it is "+stamp(now))
	}
	return no(ReasonBetween, "it is between two of its windows; it is "+stamp(now))
}

func stamp(t time.Time) string { return t.Format("2006-01-02 15:04 MST") }

func span(what string, start, end time.Time) string {
	return what + ", " + stamp(start) + " to " + stamp(end)
}
