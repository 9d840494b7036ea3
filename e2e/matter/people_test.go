package matter

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
)

// user0 are the fields of a user as an ecosystem sets them, with its type.
func user0(operation int, name any, kind any) map[string]any {
	return map[string]any{"operationType": operation, "userIndex": 1, "userName": name, "userUniqueId": nil, "userStatus": 1, "userType": kind, "credentialRule": 0}
}

// Types of users (Matter 1.4 5.2.6.19).
const (
	unrestricted = 0
	scheduled    = 8
)

// latch is a lock as a controller uses it.
type latch struct {
	*phone
	endpoint int
}

// order invokes a command and returns what answers it.
func (l latch) order(t *testing.T, command string, fields map[string]any) (map[string]any, error) {
	t.Helper()
	raw, err := l.do(t, "invoke", map[string]any{"endpoint": l.endpoint, "cluster": "DoorLock", "command": command, "fields": fields})
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%s: %v: %s", command, err, raw)
	}
	return answer, nil
}

// ask is order for what must not be refused.
func (l latch) ask(t *testing.T, command string, fields map[string]any) map[string]any {
	t.Helper()
	answer, err := l.order(t, command, fields)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// houseCode is a code as the API shows it.
type houseCode struct {
	ID      string           `json:"id"`
	Doors   []string         `json:"doors"`
	Windows []map[string]any `json:"windows"`
	Revoked bool             `json:"revoked"`
}

// code is the only code of the house.
func code(t *testing.T, q *e2e.Loquet) houseCode {
	t.Helper()
	var list []houseCode
	q.Do(t, "GET", "/api/v1/codes", nil, &list)
	if len(list) != 1 {
		t.Fatalf("codes of the house: %+v", list)
	}
	return list[0]
}

// explained is why a code opens the front door at a moment, or why not.
func explained(t *testing.T, q *e2e.Loquet, id string, at time.Time) string {
	t.Helper()
	var e struct {
		Allowed bool
		Reason  string
	}
	q.Do(t, "POST", "/api/v1/codes/explain", map[string]any{"door": "front", "code_id": id, "at": at}, &e)
	return fmt.Sprint(e.Allowed, " ", e.Reason)
}

// TestPINsOfALock gives a lock a user with a PIN as an ecosystem does, and finds the person and the windows in the house's own
// list; schedules of three kinds are set, read back, and cleared. Then the lock wants a PIN, is unlocked with it, and is guessed at
// until nobody is listened to.
func TestPINsOfALock(t *testing.T) {
	t.Parallel()
	home, elsewhere := lab.Pair(t)
	text, err := os.ReadFile(e2e.Folder(t, "examples", "demo-house.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, sim.DemoHouse(), 20)
	config := strings.Replace(string(text), "{driver: sim}", "{driver: sim, world: "+w.Socket+"}", 1) +
		"keypads:\n  pad: {name: Keypad, driver: wiegand, d0: \"house:studio-pad/d0\", d1: \"house:studio-pad/d1\", opens: [front]}\n"
	q := lab.Start(t, e2e.Options{Host: home, Config: config})
	p := startPhone(t, elsewhere, filepath.Join(e2e.TempDir(t), "phone"))
	add(t, q, p)
	front := latch{p, p.named(t, "Front door", doorLock, lockState)}
	front.ask(t, "setUser", user0(0, "Ana", unrestricted))
	pin := map[string]any{"operationType": 0, "credential": map[string]any{"credentialType": 1, "credentialIndex": 1}, "credentialData": "739154",
		"userIndex": 1, "userStatus": nil, "userType": nil}
	if answer := front.ask(t, "setCredential", pin); answer["status"] != 0.0 {
		t.Fatal(answer)
	}
	if user := front.ask(t, "getUser", map[string]any{"userIndex": 1}); user["userName"] != "Ana" {
		t.Error(user)
	}
	var people []struct{ Name string }
	q.Do(t, "GET", "/api/v1/people", nil, &people)
	if len(people) != 1 || people[0].Name != "Ana" {
		t.Errorf("people of the house: %+v", people)
	}
	schedules(t, q, front)
	guesses(t, q, w, front)
	if strings.Contains(q.Log(), "739154") {
		t.Error("the log holds a PIN")
	}
	p.must(t, "end", nil)
}

// schedules sets, reads and clears schedules of the user, and finds them as windows of the user's code.
func schedules(t *testing.T, q *e2e.Loquet, front latch) {
	t.Helper()
	paris, err := time.LoadLocation("Europe/Paris") // the house stands there
	if err != nil {
		t.Fatal(err)
	}
	whole := code(t, q)
	if !slices.Equal(whole.Doors, []string{"front"}) || len(whole.Windows) != 1 || whole.Windows[0]["kind"] != "always" || whole.Revoked {
		t.Errorf("the code of a user without schedules: %+v", whole)
	}
	front.ask(t, "setUser", user0(2, nil, scheduled))
	if c := code(t, q); !c.Revoked {
		t.Errorf("a user who may only come by schedules, and has none, has %+v", c)
	}

	week := map[string]any{"weekDayIndex": 1, "userIndex": 1, "daysMask": map[string]any{"monday": true, "wednesday": true}, "startHour": 9, "startMinute": 0,
		"endHour": 10, "endMinute": 30}
	front.ask(t, "setWeekDaySchedule", week)
	// matter.js counts from 1970, what it sends from 2000, by the clock on the wall of the lock.
	local := func(year int, month time.Month, day, hour int) int64 {
		return time.Date(year, month, day, hour, 0, 0, 0, time.UTC).Unix()
	}
	year := map[string]any{"yearDayIndex": 1, "userIndex": 1, "localStartTime": local(2030, 7, 1, 15), "localEndTime": local(2030, 7, 8, 11)}
	front.ask(t, "setYearDaySchedule", year)
	for command, want := range map[string]map[string]any{"getWeekDaySchedule": week, "getYearDaySchedule": year} {
		index := map[string]any{"userIndex": 1}
		for _, name := range []string{"weekDayIndex", "yearDayIndex"} {
			if want[name] != nil {
				index[name] = 1
			}
		}
		got := front.ask(t, command, index)
		for name, v := range want {
			days, ok := v.(map[string]any)
			if read, is := got[name].(map[string]any); ok && is {
				for day, on := range read {
					if (on == true) != (days[day] == true) {
						t.Errorf("%s: %s is %v", command, day, on)
					}
				}
				continue
			}
			if got[name] != asFloat(v) {
				t.Errorf("%s: %s is %v, not %v", command, name, got[name], v)
			}
		}
	}
	c := code(t, q)
	want := []map[string]any{{"kind": "weekly", "days": "mon,wed", "begin": "09:00", "end": "10:30", "zone": "Europe/Paris"},
		{"kind": "dates", "from": "2030-07-01T15:00", "to": "2030-07-08T11:00", "zone": "Europe/Paris"}}
	if !reflect.DeepEqual(c.Windows, want) || c.Revoked || c.ID != whole.ID {
		t.Errorf("the windows of the house are %v, want %v", c, want)
	}
	monday, friday := time.Date(2030, 9, 2, 10, 0, 0, 0, paris), time.Date(2030, 7, 5, 3, 0, 0, 0, paris)
	for at, open := range map[time.Time]bool{monday: true, monday.Add(time.Hour): false, monday.AddDate(0, 0, 1): false, friday: true, friday.AddDate(0, 1, 0): false} {
		if got := explained(t, q, c.ID, at); strings.HasPrefix(got, "true") != open {
			t.Errorf("at %v: %s", at, got)
		}
	}

	// A vacation lets only owners in, Ana's schedule or not.
	holiday := map[string]any{"holidayIndex": 1, "localStartTime": local(2030, 9, 1, 0), "localEndTime": local(2030, 9, 8, 0), "operatingMode": 1}
	front.ask(t, "setHolidaySchedule", holiday)
	if got := front.ask(t, "getHolidaySchedule", map[string]any{"holidayIndex": 1}); got["status"] != 0.0 || got["operatingMode"] != 1.0 ||
		got["localStartTime"] != asFloat(holiday["localStartTime"]) || got["localEndTime"] != asFloat(holiday["localEndTime"]) {
		t.Errorf("the holiday is read as %v", got)
	}
	if got := explained(t, q, c.ID, monday); got != "false holiday" {
		t.Errorf("in the holiday: %s", got)
	}
	front.ask(t, "clearHolidaySchedule", map[string]any{"holidayIndex": 1})
	if got := front.ask(t, "getHolidaySchedule", map[string]any{"holidayIndex": 1}); got["status"] == 0.0 {
		t.Errorf("the holiday is there still: %v", got)
	}
	if got := explained(t, q, c.ID, monday); !strings.HasPrefix(got, "true") {
		t.Errorf("after the holiday was taken back: %s", got)
	}

	front.ask(t, "clearWeekDaySchedule", map[string]any{"weekDayIndex": 1, "userIndex": 1})
	if c := code(t, q); !reflect.DeepEqual(c.Windows, want[1:]) {
		t.Errorf("after the week day was cleared: %v", c.Windows)
	}
	front.ask(t, "clearYearDaySchedule", map[string]any{"yearDayIndex": 0xFE, "userIndex": 1})
	if c := code(t, q); !c.Revoked {
		t.Errorf("after the last schedule was cleared: %+v", c)
	}
	for command, index := range map[string]string{"getWeekDaySchedule": "weekDayIndex", "getYearDaySchedule": "yearDayIndex"} {
		if got := front.ask(t, command, map[string]any{index: 1, "userIndex": 1}); got["status"] == 0.0 {
			t.Errorf("%s after it was cleared: %v", command, got)
		}
	}
	front.ask(t, "setUser", user0(2, nil, unrestricted))
	if c := code(t, q); len(c.Windows) != 1 || c.Windows[0]["kind"] != "always" || c.Revoked || c.ID != whole.ID {
		t.Errorf("without schedules again: %+v", c)
	}
}

// asFloat is a whole number as JSON brings it back.
func asFloat(v any) any {
	switch n := v.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	}
	return v
}

// guesses has the lock want a PIN, opens with it, and tries others until nobody is listened to.
func guesses(t *testing.T, q *e2e.Loquet, w *world.World, front latch) {
	t.Helper()
	front.must(t, "write", map[string]any{"endpoint": front.endpoint, "cluster": "DoorLock", "attribute": "requirePinForRemoteOperation", "value": true})
	if _, err := front.order(t, "unlockDoor", map[string]any{}); err == nil {
		t.Error("unlocked without the PIN that it requires")
	}
	if pulses := w.Status(t, "front").PulsesTotal; pulses != 0 {
		t.Errorf("%d pulses without a PIN", pulses)
	}
	// What follows from a command may be told before its answer: that it is told is the proof.
	for _, command := range []string{"unlockDoor", "lockDoor"} {
		state := map[string]string{"unlockDoor": lockOpen, "lockDoor": lockLocked}[command]
		front.phone.order(t, "invoke", map[string]any{"endpoint": front.endpoint, "cluster": "DoorLock", "command": command, "fields": map[string]any{"pinCode": "739154"}})
		front.told(t, front.endpoint, doorLock, "lockState", state)
	}
	front.must(t, "write", map[string]any{"endpoint": front.endpoint, "cluster": "DoorLock", "attribute": "requirePinForRemoteOperation", "value": false})
	q.Await(t, "front", "secured", limit)
	before := w.Status(t, "front").PulsesTotal
	if before == 0 {
		t.Error("it was unlocked and locked without a pulse")
	}
	for range 5 {
		if _, err := front.order(t, "unlockDoor", map[string]any{"pinCode": "111222"}); err == nil {
			t.Fatal("a wrong PIN opened")
		}
	}
	front.happened(t, "the alarm of too many wrong PINs", func(e event) bool {
		return e.Name == "doorLockAlarm" && len(e.Data) > 0 && e.Data[0]["alarmCode"] == 4.0
	})
	if _, err := front.order(t, "unlockDoor", map[string]any{"pinCode": "739154"}); err == nil {
		t.Error("the right PIN right after five wrong ones was taken")
	}
	if got := w.Status(t, "front").PulsesTotal; got != before {
		t.Errorf("%d pulses of wrong PINs", got-before)
	}
}
