package doorlock

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// allSchedules stands for every schedule of a user, or every holiday.
const allSchedules = 0xFE

// ModeVacation is the mode of a holiday in which codes of owners only count. A lock itself is not switched to it.
const ModeVacation Mode = 1

// errNobody is a Failure on the wire.
var errNobody = fmt.Errorf("matter/doorlock: there is no such user: %w", model.Failure)

// scheduled reads whose schedule is meant and returns the user. It fails where the index or the user cannot be.
func (l *Lock) scheduled(index uint8, user uint16, most uint8, orAll bool) (User, error) {
	if known := index >= 1 && index <= most || orAll && index == allSchedules; !known || !l.isUser(user) {
		return User{}, model.InvalidCommand
	}
	users, err := l.c.Book.Users()
	if err != nil {
		return User{}, err
	}
	u, ok := users[user]
	if !ok {
		return User{}, errNobody
	}
	return u, nil
}

// save keeps a user whose schedules have changed.
func (l *Lock) save(c *model.Caller, kind, operation uint8, user uint16, u User, index uint8) error {
	u.Modifier = c.Fabric
	if err := l.c.Book.SaveUser(user, u); err != nil {
		return status0(err)
	}
	at := uint16(index)
	if index == allSchedules {
		at = allUsers
	}
	l.changed(c, kind, operation, user, at)
	return nil
}

// operationOf says whether something is new.
func operationOf(there bool) uint8 {
	if there {
		return dataModify
	}
	return dataAdd
}

// setWeekDay keeps a week day schedule (section 5.2.10.7).
func (l *Lock) setWeekDay(c *model.Caller, f *tlv.Fields) error {
	index, user := f.Uint8(0), f.Uint16(1)
	s := WeekDay{Days: f.Uint8(2), StartHour: f.Uint8(3), StartMinute: f.Uint8(4), EndHour: f.Uint8(5), EndMinute: f.Uint8(6)}
	if err := f.Err(); err != nil {
		return err
	}
	u, err := l.scheduled(index, user, l.c.Limits.WeekDays, false)
	if err != nil {
		return err
	}
	begin, end := int(s.StartHour)*60+int(s.StartMinute), int(s.EndHour)*60+int(s.EndMinute)
	if s.Days == 0 || s.Days > 0x7F || s.StartHour > 23 || s.EndHour > 23 || s.StartMinute > 59 || s.EndMinute > 59 || end <= begin {
		return model.InvalidCommand
	}
	_, there := u.WeekDays[index]
	u.WeekDays = with(u.WeekDays, index, s)
	return l.save(c, kindWeekDay, operationOf(there), user, u, index)
}

// with returns a map with one entry more.
func with[V any](m map[uint8]V, key uint8, v V) map[uint8]V {
	out := map[uint8]V{key: v}
	for k, old := range m {
		if k != key {
			out[k] = old
		}
	}
	return out
}

// without returns a map with one entry less, or empty.
func without[V any](m map[uint8]V, key uint8) map[uint8]V {
	out := maps.Clone(m)
	maps.DeleteFunc(out, func(k uint8, _ V) bool { return k == key || key == allSchedules })
	return out
}

// found is the status of a question for a schedule, and the schedule.
func found[V any](l *Lock, index uint8, user uint16, most uint8, of func(User) map[uint8]V) (v V, status uint8, err error) {
	u, err := l.scheduled(index, user, most, false)
	switch {
	case errors.Is(err, model.InvalidCommand):
		return v, statusInvalid, nil
	case err != nil && !errors.Is(err, errNobody):
		return v, 0, err
	}
	v, ok := of(u)[index] // of nobody: none
	if !ok {
		return v, statusNotFound, nil
	}
	return v, statusSuccess, nil
}

// asked reads the question for a schedule of a user.
func asked(f *tlv.Fields) (index uint8, user uint16, err error) {
	index, user = f.Uint8(0), f.Uint16(1)
	return index, user, f.Err()
}

// scheduleAnswer begins the answer to the question for a schedule of a user; numbers follow where there is one.
func scheduleAnswer(index uint8, user uint16, status uint8, numbers ...uint64) []byte {
	return model.Structure(func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(index))
		w.Uint(tlv.Context(1), uint64(user))
		w.Uint(tlv.Context(2), uint64(status))
		if status != statusSuccess {
			return
		}
		for i, n := range numbers {
			w.Uint(tlv.Context(uint8(3+i)), n)
		}
	})
}

func (l *Lock) getWeekDay(f *tlv.Fields) ([]byte, error) {
	index, user, err := asked(f)
	if err != nil {
		return nil, err
	}
	s, status, err := found(l, index, user, l.c.Limits.WeekDays, func(u User) map[uint8]WeekDay { return u.WeekDays })
	return scheduleAnswer(index, user, status, uint64(s.Days), uint64(s.StartHour), uint64(s.StartMinute), uint64(s.EndHour), uint64(s.EndMinute)), err
}

func (l *Lock) clearWeekDay(c *model.Caller, f *tlv.Fields) error {
	index, user, err := asked(f)
	if err != nil {
		return err
	}
	u, err := l.scheduled(index, user, l.c.Limits.WeekDays, true)
	if err != nil {
		return err
	}
	u.WeekDays = without(u.WeekDays, index)
	return l.save(c, kindWeekDay, dataClear, user, u, index)
}

// setYearDay keeps a year day schedule (section 5.2.10.10).
func (l *Lock) setYearDay(c *model.Caller, f *tlv.Fields) error {
	index, user, s := f.Uint8(0), f.Uint16(1), YearDay{Start: f.Uint32(2), End: f.Uint32(3)}
	if err := f.Err(); err != nil {
		return err
	}
	u, err := l.scheduled(index, user, l.c.Limits.YearDays, false)
	if err != nil {
		return err
	}
	if s.End <= s.Start {
		return model.InvalidCommand
	}
	_, there := u.YearDays[index]
	u.YearDays = with(u.YearDays, index, s)
	return l.save(c, kindYearDay, operationOf(there), user, u, index)
}

func (l *Lock) getYearDay(f *tlv.Fields) ([]byte, error) {
	index, user, err := asked(f)
	if err != nil {
		return nil, err
	}
	s, status, err := found(l, index, user, l.c.Limits.YearDays, func(u User) map[uint8]YearDay { return u.YearDays })
	return scheduleAnswer(index, user, status, uint64(s.Start), uint64(s.End)), err
}

func (l *Lock) clearYearDay(c *model.Caller, f *tlv.Fields) error {
	index, user, err := asked(f)
	if err != nil {
		return err
	}
	u, err := l.scheduled(index, user, l.c.Limits.YearDays, true)
	if err != nil {
		return err
	}
	u.YearDays = without(u.YearDays, index)
	return l.save(c, kindYearDay, dataClear, user, u, index)
}

// setHoliday keeps a holiday (section 5.2.10.13).
func (l *Lock) setHoliday(c *model.Caller, f *tlv.Fields) error {
	index := f.Uint8(0)
	h := Holiday{Start: f.Uint32(1), End: f.Uint32(2), Mode: Mode(f.Uint8(3))}
	if err := f.Err(); err != nil {
		return err
	}
	if index < 1 || index > l.c.Limits.Holidays || h.End <= h.Start || !slices.Contains([]Mode{Normal, ModeVacation}, h.Mode) {
		return model.InvalidCommand
	}
	_, there := l.c.Book.Holiday(index)
	if err := l.c.Book.SaveHoliday(index, h); err != nil {
		return status0(err)
	}
	l.changed(c, kindHoliday, operationOf(there), 0, uint16(index))
	return nil
}

func (l *Lock) getHoliday(f *tlv.Fields) ([]byte, error) {
	index := f.Uint8(0)
	if err := f.Err(); err != nil {
		return nil, err
	}
	status := statusInvalid
	var h Holiday
	if index >= 1 && index <= l.c.Limits.Holidays {
		var ok bool
		if h, ok = l.c.Book.Holiday(index); ok {
			status = statusSuccess
		} else {
			status = statusNotFound
		}
	}
	return model.Structure(func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(index))
		w.Uint(tlv.Context(1), uint64(status))
		if status == statusSuccess {
			w.Uint(tlv.Context(2), uint64(h.Start))
			w.Uint(tlv.Context(3), uint64(h.End))
			w.Uint(tlv.Context(4), uint64(h.Mode))
		}
	}), nil
}

func (l *Lock) clearHoliday(c *model.Caller, f *tlv.Fields) error {
	index := f.Uint8(0)
	if err := f.Err(); err != nil {
		return err
	}
	if (index < 1 || index > l.c.Limits.Holidays) && index != allSchedules {
		return model.InvalidCommand
	}
	for i := uint8(1); i <= l.c.Limits.Holidays; i++ {
		if _, there := l.c.Book.Holiday(i); !there || i != index && index != allSchedules {
			continue
		}
		if err := l.c.Book.RemoveHoliday(i); err != nil {
			return status0(err)
		}
	}
	at := uint16(index)
	if index == allSchedules {
		at = allUsers
	}
	l.changed(c, kindHoliday, dataClear, 0, at)
	return nil
}
