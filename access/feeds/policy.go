package feeds

import (
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// PIN is the code that the calendar's policy takes from a stay; ok is false if a random one is wanted, because
// of the policy or because the stay does not have what it takes.
func (c Calendar) PIN(s Stay) (pin device.Keys, ok bool) {
	switch {
	case c.Policy == Last4 && len(s.Phone) == 4:
		return device.Keys(c.Prefix + s.Phone), true
	case c.Policy == Days:
		return device.Keys(fmt.Sprintf("%s%02d%02d", c.Prefix, s.Arrives.Day, s.Leaves.Day)), true
	}
	return "", false
}

// Due reports whether the code of a stay is to be made by now.
func (c Calendar) Due(s Stay, now time.Time) bool {
	start, end := s.Bounds()
	return s.Cancelled.IsZero() && s.Code == "" && now.Before(end) && start.Sub(now) <= c.ahead()
}

// Renews reports whether the code of a stay that moved is to be made anew: one that was taken from its dates,
// as long as nobody knows it.
func (c Calendar) Renews(s Stay, now time.Time) bool {
	return s.Code != "" && s.Policy == Days && !s.Fixed(now) && s.Cancelled.IsZero()
}

// DefaultMessage is what a host sends who wrote nothing else.
const DefaultMessage = `Hello {name},

your code for {property} is {code}. Type it at the keypad and then #.
It opens from {from} until {until}.
`

// NewCodeNote stands before the message with a code for a guest who was sent another one before.
const NewCodeNote = "Please use this code; the one that you were sent may not open every door.\n\n"

// MessageText fills in the message for a guest: {name}, {code}, {property}, {from}, {until}, {doors}. What is
// filled in is never read as a message again.
func (c Calendar) MessageText(s Stay, code device.Keys, doors []string) string {
	text := c.Message
	if text == "" {
		text = DefaultMessage
	}
	name := s.Name
	if name == "" {
		name = "guest"
	}
	spoken := func(w access.WallTime) string {
		return time.Date(w.Year, time.Month(w.Month), w.Day, w.Hour, w.Minute, 0, 0, time.UTC).Format("Monday 2 January 15:04")
	}
	return strings.NewReplacer("{name}", name, "{code}", string(code), "{property}", c.Name, "{from}", spoken(s.Arrives),
		"{until}", spoken(s.Leaves), "{doors}", strings.Join(doors, ", ")).Replace(text)
}

// Cleaning are the windows between stays in which the property is to be cleaned: from each check-out until the
// next check-in, a day at most. Those that are over by now are left out; so are those beyond most.
func (c Calendar) Cleaning(stays []Stay, now time.Time, most int) (out []access.Window) {
	var mine []Stay
	for _, s := range stays {
		if s.Calendar == c.ID && s.Cancelled.IsZero() {
			mine = append(mine, s)
		}
	}
	sortStays(mine)
	for i, s := range mine {
		end := s.Leaves.AddDays(1)
		taken := false
		for j, other := range mine {
			if j != i && other.Arrives.Sub(s.Leaves) < 0 && other.Leaves.Sub(s.Leaves) > 0 {
				taken = true // somebody else is there
			}
			if j != i && other.Arrives.Sub(s.Leaves) >= 0 && other.Arrives.Sub(end) < 0 {
				end = other.Arrives
			}
		}
		w := access.Window{Kind: access.Dates, From: s.Leaves, To: end, Zone: c.Zone}
		_, last, err := w.Bounds()
		if taken || err != nil || w.Check() != nil || !now.Before(last) || len(out) >= most {
			continue
		}
		out = append(out, w)
	}
	return out
}

// Readiness is when a stay is looked at before its guest arrives.
const (
	FirstLook = 24 * time.Hour
	LastLook  = 2 * time.Hour
)

// Near reports whether a stay's guest arrives so soon, or is there, that its code must be ready.
func (s Stay) Near(now time.Time) bool {
	start, end := s.Bounds()
	return s.Cancelled.IsZero() && start.Sub(now) <= FirstLook && now.Before(end)
}
