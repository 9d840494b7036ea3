package edits

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// channel is a booking channel on this machine's loopback with some calendars. What it once had, it keeps: who is
// missing is somebody else's test.
type channel struct {
	*httptest.Server

	mu       sync.Mutex
	bookings map[string][]booking // by path
	last     int
}

type booking struct {
	uid      string
	from, to time.Time
}

// mostBookings bounds a calendar.
const mostBookings = 4

func startChannel(t testing.TB) *channel {
	t.Helper()
	c := &channel{bookings: map[string][]booking{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := "BEGIN:VCALENDAR\r\nPRODID:-//Airbnb Inc//Hosting Calendar 1.0//EN\r\n"
	for _, b := range c.bookings[r.URL.Path] {
		text += fmt.Sprintf("BEGIN:VEVENT\r\nUID:%s\r\nDTSTART;VALUE=DATE:%s\r\nDTEND;VALUE=DATE:%s\r\nSUMMARY:Reserved\r\nEND:VEVENT\r\n",
			b.uid, b.from.Format("20060102"), b.to.Format("20060102"))
	}
	_, _ = w.Write([]byte(text + "END:VCALENDAR\r\n"))
}

// add makes a calendar, with a booking or two.
func (c *channel) add(random *rand.Rand) (address string) {
	c.mu.Lock()
	c.last++
	path := fmt.Sprintf("/%d.ics", c.last)
	c.mu.Unlock()
	c.change(path, random)
	c.change(path, random)
	return c.URL + path + "?s=0123456789abcdef"
}

// changeAll books in every calendar, or moves a booking.
func (c *channel) changeAll(random *rand.Rand) {
	c.mu.Lock()
	var paths []string
	for path := range c.bookings {
		paths = append(paths, path)
	}
	c.mu.Unlock()
	for _, path := range paths {
		c.change(path, random)
	}
}

func (c *channel) change(path string, random *rand.Rand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.bookings[path]
	day := func(n int) time.Time { return time.Now().AddDate(0, 0, n) }
	if len(all) < mostBookings && random.IntN(2) == 0 || len(all) == 0 {
		n := 2 + 6*len(all)
		c.last++
		c.bookings[path] = append(all, booking{fmt.Sprintf("%s-%d@airbnb.com", strings.Trim(path, "/"), c.last), day(n), day(n + 3)})
		return
	}
	i := random.IntN(len(all))
	n := 2 + 6*i + random.IntN(3)
	all[i].from, all[i].to = day(n), day(n+2)
}
