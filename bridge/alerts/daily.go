package alerts

import "time"

// minutesOfDay is how many minutes a day has on the wall.
const minutesOfDay = 24 * 60

// daily is a stretch of every day on the wall, from one minute (included) to another (not); it may pass
// midnight. The zero value is no stretch at all.
type daily struct{ from, to int }

// contains reports whether t lies in it, on the wall of t's own zone: a clock that is put back at night
// passes its hour twice, and both are night.
func (d daily) contains(t time.Time) bool {
	at := t.Hour()*60 + t.Minute()
	if d.from <= d.to {
		return d.from <= at && at < d.to
	}
	return at >= d.from || at < d.to
}

// next is when t's answer may be another: the next beginning or end after t.
func (d daily) next(t time.Time) time.Time {
	var first time.Time
	for _, minute := range []int{d.from, d.to} {
		for days := range 2 {
			at := time.Date(t.Year(), t.Month(), t.Day()+days, minute/60, minute%60, 0, 0, t.Location())
			if at.After(t) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}
