package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

// copiesTable says how it is with each code at each door, and what locks hold that nobody here gave.
func (a *app) copiesTable(ctx context.Context, c *client.Client, codes []api.Code) error {
	unknown, err := c.UnknownCodes(ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, k := range codes {
		for _, c := range k.Copies {
			rows = append(rows, []string{k.ID, k.PersonName, c.Door, whereWords(c), copyWords(c)})
		}
	}
	for _, u := range unknown {
		if u.Going != "" {
			rows = append(rows, []string{u.Going, "-", u.Lock, fmt.Sprintf("lock, place %d", u.Slot), goingWords(u)})
			continue
		}
		what := "found " + ago(u.First, time.Now())
		if u.Left {
			what += ", left"
		}
		rows = append(rows, []string{"-", "nobody here", u.Lock, fmt.Sprintf("lock, place %d", u.Slot), what})
	}
	if len(rows) == 0 {
		a.say("No code is at any door.")
		return nil
	}
	a.table([]string{"CODE", "PERSON", "DOOR", "AT", "NOW"}, rows)
	return nil
}

func whereWords(c api.Copy) string {
	if c.Where == "home" {
		return "Apple Home"
	}
	return c.Where
}

func copyWords(c api.Copy) string {
	what := c.State
	switch {
	case c.Where == "home" && c.State == "confirmed":
		what = fmt.Sprintf("shown in Home, number %d", c.Slot)
	case c.Where == "home":
		what = "not shown in Home"
	case !c.Confirmed.IsZero() && c.State == "confirmed" && c.Where == "lock":
		what += " " + ago(c.Confirmed, time.Now())
	}
	if c.Why != "" {
		what += ": " + c.Why
	}
	if c.Plan != "" {
		what += "; " + c.Plan
	}
	return what
}
