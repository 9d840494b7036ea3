package matter

import (
	"maps"
	"slices"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
)

// never is a window that has closed for good: what a code of somebody who may not has, beside being taken back.
func never() []access.Window {
	first, _ := access.ParseWallTime("2000-01-01T00:00") // both are times
	second, _ := access.ParseWallTime("2000-01-01T00:01")
	return []access.Window{{Kind: access.Dates, From: first, To: second, Zone: "UTC"}}
}

// windowsOf says when a user's codes open; revoked: never. Schedules are local time, in the zone of the house.
func windowsOf(u doorlock.User, zone *time.Location) (windows []access.Window, revoked bool, err error) {
	if u.Status != doorlock.UserEnabled {
		return never(), true, nil
	}
	weeks, years := false, false
	switch u.Type {
	case doorlock.Unrestricted:
		return []access.Window{{Kind: access.Always}}, false, nil
	case doorlock.Disposable:
		return []access.Window{{Kind: access.Count, Uses: 1}}, false, nil
	case doorlock.WeekDayUser:
		weeks = true
	case doorlock.YearDayUser:
		years = true
	case doorlock.Scheduled:
		weeks, years = true, true
	case doorlock.NonAccess:
	}
	if weeks {
		for _, i := range slices.Sorted(maps.Keys(u.WeekDays)) {
			windows = append(windows, weekly(u.WeekDays[i], zone))
		}
	}
	if years {
		for _, i := range slices.Sorted(maps.Keys(u.YearDays)) {
			s := u.YearDays[i]
			windows = append(windows, access.Window{Kind: access.Dates, From: wall(s.Start, 59), To: wall(s.End, 0), Zone: zone.String()})
		}
	}
	if len(windows) == 0 {
		return never(), true, nil
	}
	for _, w := range windows {
		if w.Check() != nil {
			return nil, false, model.ConstraintError // no minute lies in it, or nobody said where the house is
		}
	}
	return windows, false, nil
}

func weekly(s doorlock.WeekDay, zone *time.Location) access.Window {
	return access.Window{Kind: access.Weekly, Days: access.Days(s.Days), Zone: zone.String(),
		Begin: access.DayTime(int(s.StartHour)*60 + int(s.StartMinute)), End: access.DayTime(int(s.EndHour)*60 + int(s.EndMinute))}
}

// epoch is the beginning of Matter's time, on any wall.
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// wall is the minute on the wall of seconds of local time since 2000. more rounds up: a window never opens early.
func wall(seconds uint32, more uint32) access.WallTime {
	return access.WallOf(epoch().Add((time.Duration(seconds) + time.Duration(more)) * time.Second).Truncate(time.Minute))
}

// seconds is the reverse of wall; ok is false for what lies outside.
func seconds(w access.WallTime) (uint32, bool) {
	s := time.Date(w.Year, time.Month(w.Month), w.Day, w.Hour, w.Minute, 0, 0, time.UTC).Sub(epoch()) / time.Second
	return uint32(s), s >= 0 && s <= 0xFFFFFFFF
}

// shape says of codes that nobody made over Matter what kind of user they make, and when they open, as far as a lock
// has words for it.
func shapeOf(u *doorlock.User, codes []access.Code, limits doorlock.Limits) {
	u.Status, u.Type = doorlock.UserDisabled, doorlock.Unrestricted
	kinds := map[access.WindowKind]bool{}
	for _, c := range codes {
		if c.Revoked {
			continue
		}
		u.Status = doorlock.UserEnabled
		for _, w := range c.Windows {
			kinds[w.Kind] = true
			add(u, w, limits)
		}
	}
	switch {
	case kinds[access.Always] || len(kinds) == 0:
		u.Type, u.WeekDays, u.YearDays = doorlock.Unrestricted, nil, nil
	case kinds[access.Weekly] && kinds[access.Dates]:
		u.Type = doorlock.Scheduled
	case kinds[access.Weekly]:
		u.Type = doorlock.WeekDayUser
	case kinds[access.Dates]:
		u.Type = doorlock.YearDayUser
	default:
		u.Type = doorlock.Disposable
	}
}

// add shows a window as a schedule, where there is room and it has that shape.
func add(u *doorlock.User, w access.Window, limits doorlock.Limits) {
	switch {
	case w.Kind == access.Weekly && w.End > w.Begin && w.End < access.EndOfDay && len(u.WeekDays) < int(limits.WeekDays):
		if u.WeekDays == nil {
			u.WeekDays = map[uint8]doorlock.WeekDay{}
		}
		u.WeekDays[uint8(len(u.WeekDays)+1)] = doorlock.WeekDay{Days: uint8(w.Days), StartHour: uint8(w.Begin / 60), StartMinute: uint8(w.Begin % 60),
			EndHour: uint8(w.End / 60), EndMinute: uint8(w.End % 60)}
	case w.Kind == access.Dates && len(u.YearDays) < int(limits.YearDays):
		start, ok := seconds(w.From)
		end, ok2 := seconds(w.To)
		if !ok || !ok2 {
			return
		}
		if u.YearDays == nil {
			u.YearDays = map[uint8]doorlock.YearDay{}
		}
		u.YearDays[uint8(len(u.YearDays)+1)] = doorlock.YearDay{Start: start, End: end}
	}
}
