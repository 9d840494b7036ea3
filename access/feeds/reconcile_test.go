package feeds_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/feeds"
)

func calendar() feeds.Calendar {
	return feeds.Calendar{ID: "flat", Name: "Flat", Zone: "Europe/Paris", Doors: []string{"front"}, CheckIn: feeds.DefaultCheckIn, CheckOut: feeds.DefaultCheckOut,
		Early: 30 * time.Minute, Late: 30 * time.Minute, Policy: feeds.Random}
}

func ids() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("stay-%d", n) }
}

// host is a host whose calendar is read again and again.
type host struct {
	t     testing.TB
	c     feeds.Calendar
	at    access.Moment
	stays []feeds.Stay
	id    func() string
}

func newHost(t testing.TB) *host {
	return &host{t: t, c: calendar(), id: ids(), at: access.Moment{Now: time.Date(2026, 8, 20, 8, 0, 0, 0, time.UTC), Trust: access.Trusted}}
}

// reads gives the host a feed with these events, after a time, and returns the kinds of changes.
func (h *host) reads(after time.Duration, events ...string) string {
	h.t.Helper()
	text := "BEGIN:VCALENDAR\r\nPRODID:-//Airbnb Inc//Hosting Calendar 1.0//EN\r\n"
	for _, e := range events {
		uid, rest, _ := strings.Cut(e, " ")
		from, rest, _ := strings.Cut(rest, " ")
		to, more, _ := strings.Cut(rest, " ")
		text += "BEGIN:VEVENT\r\nUID:" + uid + "\r\nDTSTART;VALUE=DATE:" + from + "\r\nDTEND;VALUE=DATE:" + to + "\r\n"
		summary, description := "Reserved", more
		if more == "block" {
			summary, description = "Airbnb (Not available)", ""
		}
		text += "SUMMARY:" + summary + "\r\nDESCRIPTION:" + description + "\r\nEND:VEVENT\r\n"
	}
	return h.parses(after, text+"END:VCALENDAR\r\n")
}

func (h *host) parses(after time.Duration, text string) string {
	h.t.Helper()
	h.at.Now = h.at.Now.Add(after)
	f, err := feeds.Parse([]byte(text), time.UTC)
	if err != nil {
		h.t.Fatal(err)
	}
	var changes []feeds.Change
	h.stays, changes, _ = feeds.Reconcile(h.c, h.stays, f, h.at, h.id)
	var kinds []string
	for _, c := range changes {
		kinds = append(kinds, string(c.Kind))
	}
	return strings.Join(kinds, " ")
}

func (h *host) want(got, want string) {
	h.t.Helper()
	if got != want {
		h.t.Errorf("%q, want %q", got, want)
	}
}

const hour = time.Hour

// Rule 1: the window is what the wall at the property shows, in its zone, over both changes of the clocks.
func TestWindowOfAStay(t *testing.T) {
	for _, c := range []struct{ event, start, end string }{
		{"u 20260901 20260905", "2026-09-01T12:30:00Z", "2026-09-05T09:30:00Z"},
		{"u 20261024 20261026", "2026-10-24T12:30:00Z", "2026-10-26T10:30:00Z"},
		{"u 20270327 20270329", "2027-03-27T13:30:00Z", "2027-03-29T09:30:00Z"},
	} {
		h := newHost(t)
		h.want(h.reads(0, c.event), "new")
		start, end := h.stays[0].Bounds()
		if start.UTC().Format(time.RFC3339) != c.start || end.UTC().Format(time.RFC3339) != c.end {
			t.Errorf("%s: %s to %s", c.event, start.UTC(), end.UTC())
		}
	}
}

// Rule 1: times in the feed count only where the owner says so.
func TestTimesInTheFeed(t *testing.T) {
	text := "BEGIN:VCALENDAR\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:u\r\nDTSTART:20260901T180000\r\nDTEND:20260905T090000\r\nSUMMARY:Anna\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	h := newHost(t)
	h.want(h.parses(0, text), "new")
	if s := h.stays[0]; s.Arrives.String() != "2026-09-01T15:00" || s.Leaves.String() != "2026-09-05T11:00" {
		t.Errorf("%s to %s", s.Arrives, s.Leaves)
	}
	h.c.Times = true
	h.want(h.parses(hour, text), "moved")
	if s := h.stays[0]; s.Arrives.String() != "2026-09-01T18:00" || s.Leaves.String() != "2026-09-05T09:00" {
		t.Errorf("%s to %s", s.Arrives, s.Leaves)
	}
}

// Rule 2: by UID, else by confirmation, else by dates.
func TestAStayStaysTheSame(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "a 20260901 20260905 HMABCDE123", "b 20260910 20260912"), "new new")
	first, second := h.stays[0].ID, h.stays[1].ID
	h.want(h.reads(hour, "a 20260901 20260907 HMABCDE123", "b 20260910 20260912"), "moved") // extended
	h.want(h.reads(hour, "z 20260902 20260907 HMABCDE123", "b 20260910 20260912"), "moved") // moved, with another UID
	h.want(h.reads(hour, "y 20260902 20260907 HMABCDE123", "c 20260910 20260912"), "edited edited")
	if len(h.stays) != 2 || h.stays[0].ID != first || h.stays[1].ID != second || h.stays[0].Arrives.String() != "2026-09-02T15:00" {
		t.Errorf("%+v", h.stays)
	}
	h.want(h.reads(hour, "y 20260902 20260907 HMZZZZZ999", "c 20260910 20260912"), "new missing") // the same UID, another reservation
}

// Somebody who books the dates of a stay that was cancelled is somebody else: the old code is not theirs.
func TestTheDatesOfACancelledStayAreNotItsGuest(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "a 20260901 20260905", "x 20260920 20260921"), "new new")
	h.want(h.reads(hour, "x 20260920 20260921"), "missing")
	h.want(h.reads(hour, "b 20260901 20260905", "x 20260920 20260921"), "new cancelled")
	if h.stays[2].ID == h.stays[0].ID || h.stays[0].Cancelled.IsZero() {
		t.Errorf("%+v", h.stays)
	}
}

// Rule 4: a code that was told or opens never changes; one that was taken from dates is made anew before.
func TestCodesThatWereToldStay(t *testing.T) {
	h := newHost(t)
	h.c.Policy, h.c.Prefix = feeds.Days, "27"
	h.want(h.reads(0, "a 20260901 20260905"), "new")
	s := h.stays[0]
	if pin, ok := h.c.PIN(s); !ok || string(pin) != "270105" {
		t.Errorf("%s, %v", string(pin), ok)
	}
	s.Code, s.Policy = "c", feeds.Days
	if !h.c.Renews(s, h.at.Now) {
		t.Error("nobody knows it, and it is not made anew")
	}
	s.Told = h.at.Now
	if h.c.Renews(s, h.at.Now) {
		t.Error("it was told, and is made anew")
	}
	s.Told = time.Time{}
	if h.c.Renews(s, time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC)) {
		t.Error("it opens, and is made anew")
	}
}

func TestPoliciesThatNeedWhatIsNotThere(t *testing.T) {
	c := calendar()
	c.Policy = feeds.Last4
	if _, ok := c.PIN(feeds.Stay{}); ok {
		t.Error("no phone, and it has a code")
	}
	c.Prefix = "58"
	if pin, ok := c.PIN(feeds.Stay{Phone: "0427"}); !ok || string(pin) != "580427" {
		t.Errorf("%s", string(pin))
	}
}

// Rule 5: missing is not cancelled.
func TestMissingIsNotCancelled(t *testing.T) {
	h := newHost(t)
	other := "b 20261010 20261012"
	h.want(h.reads(0, "a 20260901 20260905", other), "new new")
	h.want(h.reads(hour, other), "missing")
	h.want(h.reads(10*time.Minute, other), "") // too soon for a second time
	if !h.stays[0].Cancelled.IsZero() {
		t.Fatal("cancelled after ten minutes")
	}
	h.want(h.reads(10*time.Minute, "a 20260901 20260905", other), "returned")
	h.want(h.reads(hour, other), "missing")
	h.want(h.reads(30*time.Minute, other), "cancelled")
	h.want(h.reads(hour, other), "")
	h.want(h.reads(hour, "a 20260901 20260905", other), "returned")
	if !h.stays[0].Cancelled.IsZero() || len(h.stays) != 2 {
		t.Errorf("%+v", h.stays)
	}
}

func TestNothingIsCancelledByAFeedThatSaysNothing(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "a 20260901 20260905"), "new")
	for range 5 {
		h.want(h.reads(hour), "") // empty, where there was something
	}
	bad := "BEGIN:VCALENDAR\r\nPRODID:-//Airbnb//EN\r\nBEGIN:VEVENT\r\nUID:z\r\nSUMMARY:Reserved\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	for range 5 {
		h.want(h.parses(hour, bad), "") // an entry that cannot be read may be the one
	}
	h.at.Trust = access.TrustFloor
	for range 5 {
		h.want(h.reads(hour, "b 20261010 20261012 block"), "") // nobody knows how far these are apart
	}
	if !h.stays[0].Cancelled.IsZero() || h.stays[0].Missing != 0 {
		t.Errorf("%+v", h.stays)
	}
}

// Rule 5: channels drop stays that have begun.
func TestAStayThatHasBegunStays(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "a 20260901 20260905", "b 20261010 20261012"), "new new")
	h.at.Now = time.Date(2026, 9, 1, 12, 30, 0, 0, time.UTC) // the first minute
	for range 5 {
		h.want(h.reads(hour, "b 20261010 20261012"), "")
	}
	if s := h.stays[0]; !s.Cancelled.IsZero() || !s.Kept {
		t.Errorf("%+v", s)
	}
	h.want(h.reads(hour, "a 20260901 20260908", "b 20261010 20261012"), "returned")
	if h.stays[0].Leaves.String() != "2026-09-08T11:00" {
		t.Errorf("an extended stay leaves %s", h.stays[0].Leaves)
	}
}

// Rule 6: blocks mint nothing, on no channel.
func TestBlocksMintNothing(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "a 20260901 20260905 block"), "")
	for _, name := range []string{"booking.ics"} {
		h.want(h.parses(0, string(fixture(t, name))), "")
	}
	if len(h.stays) != 0 {
		t.Errorf("%+v", h.stays)
	}
}

func TestStaysOfOtherCalendarsStay(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "a 20260901 20260905"), "new")
	h.c.ID = "other"
	h.want(h.reads(hour, "b 20260901 20260905"), "new")
	h.want(h.reads(hour, "b 20260901 20260905"), "")
	if h.stays[0].Missing != 0 || len(h.stays) != 2 {
		t.Errorf("%+v", h.stays)
	}
}

// Rule 8: codes are there before the guest is.
func TestCodesAreMadeAhead(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "a 20260901 20260905", "b 20261201 20261205"), "new new")
	if !h.c.Due(h.stays[0], h.at.Now) || h.c.Due(h.stays[1], h.at.Now) {
		t.Error("twelve days and three months ahead")
	}
	gone := h.stays[0]
	gone.Cancelled = h.at.Now
	if h.c.Due(gone, h.at.Now) || h.c.Due(h.stays[0], time.Date(2026, 9, 6, 0, 0, 0, 0, time.UTC)) {
		t.Error("a code for a stay that is cancelled or over")
	}
	if s := h.stays[0]; s.Near(time.Date(2026, 8, 31, 12, 29, 0, 0, time.UTC)) || !s.Near(time.Date(2026, 8, 31, 12, 30, 0, 0, time.UTC)) {
		t.Error("near is 24 h before its code opens")
	}
}

func TestCleaning(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "c 20260910 20260912", "a 20260901 20260905", "b 20260905 20260907"), "new new new")
	var got []string
	for _, w := range h.c.Cleaning(h.stays, h.at.Now, 60) {
		got = append(got, w.From.String()+"/"+w.To.String())
	}
	want := "2026-09-05T11:00/2026-09-05T15:00 2026-09-07T11:00/2026-09-08T11:00 2026-09-12T11:00/2026-09-13T11:00"
	if strings.Join(got, " ") != want {
		t.Errorf("%v", got)
	}
	if n := len(h.c.Cleaning(h.stays, time.Date(2026, 9, 5, 13, 0, 0, 0, time.UTC), 1)); n != 1 {
		t.Errorf("%d", n)
	}
	if n := len(h.c.Cleaning(h.stays, time.Date(2026, 9, 30, 0, 0, 0, 0, time.UTC), 60)); n != 0 {
		t.Errorf("%d windows that are over", n)
	}
}

func TestMessage(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "a 20260901 20260905"), "new")
	s := h.stays[0]
	s.Name = "{code}"
	h.c.Message = "{name}: {code} at {doors}, {from} to {until}"
	if text := h.c.MessageText(s, "739154", []string{"Front"}); text != "{code}: 739154 at Front, Tuesday 1 September 15:00 to Saturday 5 September 11:00" {
		t.Error(text)
	}
}

func TestRecordsAreKept(t *testing.T) {
	h := newHost(t)
	h.want(h.reads(0, "a 20260901 20260905 HMABCDE123"), "new")
	text, err := json.Marshal(h.stays[0])
	var s feeds.Stay
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil || s != h.stays[0] {
		t.Errorf("%s, %v", text, err)
	}
	if err := json.Unmarshal([]byte(`{"id":"x"}`), &s); err == nil {
		t.Error("half a stay was read")
	}
	text, err = json.Marshal(h.c)
	var c feeds.Calendar
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil || fmt.Sprint(c) != fmt.Sprint(h.c) {
		t.Errorf("%s, %v", text, err)
	}
}

// Whatever feeds say, two stays never share an identity, none that has begun is cancelled, none is cancelled
// by less than two feeds, and a stay that is in a feed has its dates.
func TestReconcileHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHost(t)
		for range rapid.IntRange(1, 12).Draw(rt, "feeds") {
			var events []string
			used := map[string]bool{}
			for range rapid.IntRange(0, 4).Draw(rt, "events") {
				uid := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "uid")
				if used[uid] {
					continue
				}
				used[uid] = true
				day := rapid.IntRange(1, 20).Draw(rt, "day")
				number := rapid.SampledFrom([]string{"", "", "HMAAAAA" + strings.ToUpper(uid) + "11"}).Draw(rt, "number")
				events = append(events, fmt.Sprintf("%s 202609%02d 202609%02d %s", uid, day, day+rapid.IntRange(1, 5).Draw(rt, "nights"), number))
			}
			before := append([]feeds.Stay(nil), h.stays...)
			h.reads(time.Duration(rapid.IntRange(1, 72*60).Draw(rt, "minutes"))*time.Minute, events...)
			seen := map[string]bool{}
			for i, s := range h.stays {
				if seen[s.ID] || s.Check() != nil {
					rt.Fatalf("%+v", s)
				}
				seen[s.ID] = true
				if i >= len(before) || s.Cancelled.IsZero() || !before[i].Cancelled.IsZero() {
					continue
				}
				if before[i].ID != s.ID || before[i].Missing == 0 || before[i].Begun(h.at.Now) {
					rt.Fatalf("cancelled: %+v, was %+v", s, before[i])
				}
			}
			for _, e := range events {
				parts := strings.Fields(e)
				found := 0
				for _, s := range h.stays {
					if s.UID == parts[0] && s.Cancelled.IsZero() && s.Missing == 0 && !s.Kept {
						found++
						if strings.ReplaceAll(s.Arrives.String()[:10], "-", "") != parts[1] {
							rt.Fatalf("%s is %+v", e, s)
						}
					}
				}
				if found > 1 {
					rt.Fatalf("%s is %d stays", e, found)
				}
			}
		}
	})
}
