package feeds

import (
	"regexp"
	"strings"
	"sync"
)

// Channel is where a calendar comes from, which decides what its words mean.
type Channel string

// Channels.
const (
	Airbnb  Channel = "airbnb"
	Vrbo    Channel = "vrbo"
	Booking Channel = "booking"
	Generic Channel = "generic"
)

// channelOf knows a channel by its PRODID: "-//Airbnb Inc//Hosting Calendar 1.0//EN", "-//HomeAway.com, Inc.//",
// "-//admin.booking.com//".
func channelOf(product string) Channel {
	p := strings.ToLower(product)
	switch {
	case strings.Contains(p, "airbnb"):
		return Airbnb
	case strings.Contains(p, "homeaway"), strings.Contains(p, "vrbo"):
		return Vrbo
	case strings.Contains(p, "booking.com"):
		return Booking
	}
	return Generic
}

// pattern is compiled when it is first used: most houses never do, and each would be compiled at every start.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// The words of the channels. Booking.com writes CLOSED for reservations and for blocks that it took from other
// channels alike: nobody can tell them apart, so none of them mints a code.
var (
	blocked  = pattern(`(?i)not available|unavailable|\bblocked\b|^\W*closed\b|\bmaintenance\b`)
	dashName = pattern(`^(?:Reserved|Booked|Reservation) - (.*)$`)
	colon    = pattern(`(?i)^tripadvisor[^:]*: *(.*)$`)
	part     = pattern(`(?i)^check-?(in|out)\b`)           // Smoobu writes them beside the stay
	enquiry  = pattern(`(?i)^(tentative|inquiry|enquiry)`) // Vrbo, where the host did not leave them out
)

// classify says what an entry is and who comes.
func (c Channel) classify(summary, description string) (kind EntryKind, name string) {
	s := strings.TrimSpace(summary)
	switch {
	case part().MatchString(s), enquiry().MatchString(s):
		return noise, ""
	case blocked().MatchString(s):
		return Block, ""
	}
	if m := dashName().FindStringSubmatch(s); m != nil {
		return Reservation, clip(m[1], maxName)
	}
	if m := colon().FindStringSubmatch(s); m != nil {
		return Reservation, clip(m[1], maxName)
	}
	switch {
	case strings.EqualFold(s, "Reserved"):
		return Reservation, ""
	case c == Airbnb: // anything else there is no reservation
		if confirmation(description) != "" {
			return Reservation, ""
		}
		return Block, ""
	case s == "":
		return Block, "" // nothing says that anybody comes
	}
	return Reservation, clip(s, maxName)
}

const maxName = 64

var (
	airbnbNumber = pattern(`\bHM[A-Z0-9]{8}\b`)
	otherNumber  = pattern(`(?i)(?:confirmation|reservation|booking)(?: (?:code|number|id))?: *([A-Z0-9][A-Z0-9-]{4,24})\b`)
	lastFour     = pattern(`(?i)\(?Last 4 Digits\)?:\s*(\d{4,5})`)
)

// confirmation is the channel's number of a reservation.
func confirmation(description string) string {
	if n := airbnbNumber().FindString(description); n != "" {
		return n
	}
	if m := otherNumber().FindStringSubmatch(description); m != nil && strings.ContainsAny(m[1], "0123456789") {
		return strings.ToUpper(m[1])
	}
	return ""
}

// phone are the last four digits of the guest's phone: exactly four, no more.
func phone(description string) string {
	if m := lastFour().FindStringSubmatch(description); m != nil && len(m[1]) == 4 {
		return m[1]
	}
	return ""
}
