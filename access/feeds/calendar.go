package feeds

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/loquet/loquet/access"
)

// Calendar is a feed and what its owner wants of it. As JSON it is the record that the store keeps; the URL is
// not in it, because whoever has the URL reads the calendar.
type Calendar struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Zone     string         `json:"zone"`             // of the property
	Doors    []string       `json:"doors"`            // that its guests open
	Groups   []string       `json:"groups,omitempty"` // of doors, too
	CheckIn  access.DayTime `json:"check_in"`
	CheckOut access.DayTime `json:"check_out"`
	Early    time.Duration  `json:"early,omitempty"` // so long before check-in the code opens already
	Late     time.Duration  `json:"late,omitempty"`  // and so long after check-out it still does
	Times    bool           `json:"times,omitempty"` // believes times of day in the feed
	Policy   Policy         `json:"policy"`
	Prefix   string         `json:"prefix,omitempty"` // digits in front of what a policy takes from the stay
	Digits   int            `json:"digits,omitempty"` // of a random code; 0: as many as it takes
	Ahead    int            `json:"ahead,omitempty"`  // days before arrival that the code is made; 0: DefaultAhead
	Grace    time.Duration  `json:"grace,omitempty"`  // of its codes, as access.Code has it
	Cleaners []string       `json:"cleaners,omitempty"`
	Message  string         `json:"message,omitempty"` // for the guest; empty: DefaultMessage
	Paused   bool           `json:"paused,omitempty"`  // is not fetched
}

// Policy is how a stay gets its code.
type Policy string

// Policies.
const (
	Random Policy = "random"
	Last4  Policy = "last4" // the last four digits of the guest's phone, where the feed has them
	Days   Policy = "dates" // the days of arrival and departure: 0105 for the 1st to the 5th
)

// Defaults and limits of a calendar.
const (
	DefaultCheckIn  access.DayTime = 15 * 60
	DefaultCheckOut access.DayTime = 11 * 60
	DefaultAhead                   = 30 // days
	MaxAhead                       = 400
	MaxBuffer                      = 24 * time.Hour
	maxMessage                     = 4000
	maxURL                         = 2000
)

// ErrCalendar is wrapped by errors about calendars that cannot be.
var ErrCalendar = errors.New("this is no calendar")

// Check reports what is wrong with a calendar. The error wraps ErrCalendar.
func (c Calendar) Check() error {
	zone, zoneErr := time.LoadLocation(c.Zone)
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrCalendar}, args...)...)
	}
	id := func(s string) bool {
		return s == "" || len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != ""
	}
	switch {
	case id(c.ID):
		return bad("its id has 1 to 64 letters, digits or dashes")
	case c.Name == "" || clip(c.Name, maxName) != c.Name:
		return bad("its name has 1 to %d bytes of text", maxName)
	case c.Zone == "" || zoneErr != nil || zone == time.Local:
		return bad("it names no zone of the world, such as Europe/Paris")
	case len(c.Doors)+len(c.Groups) == 0 || slices.ContainsFunc(slices.Concat(c.Doors, c.Groups, c.Cleaners), id):
		return bad("say which doors its guests open")
	case c.CheckIn < 0 || c.CheckIn >= access.EndOfDay || c.CheckOut < 0 || c.CheckOut > access.EndOfDay:
		return bad("check-in and check-out are times of day")
	case c.Early < 0 || c.Early > MaxBuffer || c.Late < 0 || c.Late > MaxBuffer || c.Grace < 0 || c.Grace > access.MaxGrace:
		return bad("early, late and grace are 0 to 24 h")
	case c.Policy != Random && c.Policy != Last4 && c.Policy != Days:
		return bad("codes are random, last4 or dates")
	case strings.Trim(c.Prefix, "0123456789") != "" || len(c.Prefix) > 6 || c.Policy == Random && c.Prefix != "":
		return bad("a prefix has up to six digits, and a random code has none")
	case c.Digits != 0 && (c.Digits < access.MinDigits || c.Digits > access.MaxDigits):
		return bad("a code has %d to %d digits", access.MinDigits, access.MaxDigits)
	case c.Ahead < 0 || c.Ahead > MaxAhead:
		return bad("codes are made up to %d days ahead", MaxAhead)
	case len(c.Message) > maxMessage || !utf8.ValidString(c.Message):
		return bad("a message has up to %d bytes of text", maxMessage)
	}
	return nil
}

// UnmarshalJSON reads a stored record and refuses what is no calendar.
func (c *Calendar) UnmarshalJSON(data []byte) error {
	type plain Calendar
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("%w: %w", ErrCalendar, err)
	}
	if err := Calendar(read).Check(); err != nil {
		return err
	}
	*c = Calendar(read)
	return nil
}

func (c Calendar) ahead() time.Duration {
	days := c.Ahead
	if days == 0 {
		days = DefaultAhead
	}
	return time.Duration(days) * 24 * time.Hour
}

// CheckURL refuses what is no address of a calendar. It must be https, or http on this machine. Errors wrap
// ErrCalendar and hold nothing of it.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL || u.Host == "" || u.User != nil || u.Opaque != "":
		return fmt.Errorf("%w: its address cannot be read; copy the export link of the channel", ErrCalendar)
	case u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())):
		return fmt.Errorf("%w: its address must begin with https://", ErrCalendar)
	}
	return nil
}

// local reports whether a host is this machine.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Redact is what may be shown of an address: where it leads, never its path, which is the key to it.
func Redact(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "..."
	}
	return u.Scheme + "://" + u.Host + "/..."
}
