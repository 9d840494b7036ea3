package tasmota

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loquet/loquet/hw/board"
)

// maxMessage bounds what one message may hold: a STATUS11 is below one KiB.
const maxMessage = 8 << 10

// The parts of Status 11 and Status 10 that hold what is asked for.
const (
	statusSTS = "StatusSTS"
	statusSNS = "StatusSNS"
)

// said is what one message of the device says.
type said struct {
	relays   map[int]bool      // POWER<n>
	switches map[int]bool      // Switch<n> with a level
	pulses   map[int]int       // PulseTime<n>, as it is set
	options  map[string]string // PowerOnState, SetOption114
	answers  string            // the status that it is: StatusSTS (11) or StatusSNS (10)
	moved    bool              // a switch says that it did something, and not where it is now
	unknown  bool              // the device does not know the command it was asked
}

// parse reads a message of stat or tele: the part of its topic behind the device's own, and what it holds.
// It is false for what says nothing of interest.
func parse(leaf string, payload []byte) (said, bool) {
	s := said{relays: map[int]bool{}, switches: map[int]bool{}, pulses: map[int]int{}, options: map[string]string{}}
	if len(payload) > maxMessage {
		return s, false
	}
	if n, ok := numbered(leaf, "POWER"); ok && len(payload) <= len("OFF") { // stat/topic/POWER1 ON
		on, known := level(string(payload))
		if known {
			s.relays[n] = on
		}
		return s, known
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(payload, &fields) != nil {
		return s, false
	}
	for _, inner := range []string{statusSTS, statusSNS} {
		if raw, ok := fields[inner]; ok {
			fields, s.answers = nil, inner
			if json.Unmarshal(raw, &fields) != nil {
				return s, false
			}
		}
	}
	for name, raw := range fields {
		s.field(name, raw)
	}
	return s, s.answers != "" || s.moved || s.unknown || len(s.relays)+len(s.switches)+len(s.pulses)+len(s.options) > 0
}

// field takes one field of a JSON message.
func (s *said) field(name string, raw json.RawMessage) {
	var word string
	isWord := json.Unmarshal(raw, &word) == nil
	if n, ok := numbered(name, "POWER"); ok && isWord {
		if on, known := level(word); known {
			s.relays[n] = on
		}
		return
	}
	if n, ok := numbered(name, "Switch"); ok {
		on, known := level(word)
		if isWord && known {
			s.switches[n] = on
		} else {
			s.moved = true // {"Action":"ON"}: what it did, in the words of its SwitchMode
		}
		return
	}
	if n, ok := numbered(name, "PulseTime"); ok {
		var set struct{ Set *int }
		if json.Unmarshal(raw, &set) == nil && set.Set != nil {
			s.pulses[n] = *set.Set
		}
		return
	}
	switch name {
	case "PowerOnState", "SetOption114":
		if !isWord {
			word = strings.TrimSpace(string(raw))
		}
		if len(word) <= 8 {
			s.options[name] = word
		}
	case "Command":
		s.unknown = s.unknown || isWord && word == "Unknown"
	}
}

// question names what a message answers; empty for one that is about anything else.
func (s said) question() string {
	for n := range s.pulses {
		return fmt.Sprintf("PulseTime%d", n)
	}
	for name := range s.options {
		return name
	}
	return s.answers
}

func level(word string) (on, known bool) { return word == "ON", word == "ON" || word == "OFF" }

// numbered reads the number behind a word: POWER3, and 1 for POWER alone (SetOption26).
func numbered(name, word string) (int, bool) {
	digits, ok := strings.CutPrefix(name, word)
	if !ok {
		return 0, false
	}
	if digits == "" {
		return 1, true
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && strconv.Itoa(n) == digits && n >= 1 && n <= most
}

// pulse is how long PulseTime lets a relay stay: 1 to 111 are tenths of a second, 112 and more are seconds less
// a hundred; 0 is for ever.
func pulse(set int) time.Duration {
	switch {
	case set <= 0:
		return 0
	case set <= 111:
		return time.Duration(set) * 100 * time.Millisecond
	}
	return time.Duration(set-100) * time.Second
}

// pulseFor is the smallest PulseTime that lets a relay stay for d.
func pulseFor(d time.Duration) int {
	if tenths := int((d + 100*time.Millisecond - 1) / (100 * time.Millisecond)); tenths <= 111 {
		return max(tenths, 1)
	}
	return int((d+time.Second-1)/time.Second) + 100
}

// settings are what a device does with a relay without being told.
type settings struct {
	pulse    int    // PulseTime
	powerOn  string // PowerOnState
	detached bool   // switches do not switch relays
	switches bool   // it has any
}

// wrong says which setting keeps a relay from being used, and the command that sets it; nil if none does. high
// is the relay's level at rest, longest how long it may be away from that.
func (s settings) wrong(n int, high bool, longest time.Duration) error {
	powerOn, away := "0", "on"
	if high {
		powerOn, away = "5", "off" // 5: PulseTime counts while it is off
	}
	name := fmt.Sprintf("PulseTime%d", n)
	switch {
	case pulse(s.pulse) == 0:
		return strange(fmt.Sprintf("enter %s %d in the device's console: then it ends each pulse itself", name, pulseFor(longest)),
			"relay-%d stays %s when the network dies (%s is 0)", n, away, name)
	case pulse(s.pulse) > longest:
		return strange(fmt.Sprintf("enter %s %d in the device's console", name, pulseFor(longest)),
			"relay-%d would stay %s for %v, and %v is the longest that this output may (%s is %d)", n, away, pulse(s.pulse), longest, name, s.pulse)
	case s.powerOn != powerOn:
		return strange(fmt.Sprintf("enter PowerOnState %s in the device's console", powerOn),
			"relay-%d may move when power comes back (PowerOnState is %s)", n, board.Clip(s.powerOn))
	case s.switches && !s.detached:
		return strange("enter SetOption114 1 in the device's console: its switches are then contacts only", "the device's own switches switch its relays past loquet")
	}
	return nil
}
