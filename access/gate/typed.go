package gate

import (
	"strings"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// typed is what was typed since the last entry ended.
type typed struct {
	length int // ends an entry; 0: # or the pause does
	keys   strings.Builder
	n      int       // digits, also those beyond the longest PIN, which are not kept
	last   time.Time // of the last key
}

// press takes in a key and reports whether it ends the entry. A star begins anew; what is no key is nothing.
func (t *typed) press(key byte, at time.Time) (whole bool) {
	switch {
	case key == '*':
		t.clear()
	case key == '#':
		return true
	case key >= '0' && key <= '9':
		t.n++
		t.last = at
		if t.n <= access.MaxDigits {
			t.keys.WriteByte(key)
		}
		return t.length > 0 && t.n == t.length
	}
	return false
}

// stale reports whether so much time went by since the last key that another entry begins.
func (t *typed) stale(at time.Time, pause time.Duration) bool {
	return t.n > 0 && at.Sub(t.last) >= pause
}

func (t *typed) clear() {
	t.keys.Reset()
	t.n = 0
}

// take returns what was typed and begins anew. An entry that is longer than any PIN keeps no digits.
func (t *typed) take() (keys device.Keys, n int) {
	keys, n = device.Keys(t.keys.String()), t.n
	if n > access.MaxDigits {
		keys = ""
	}
	t.clear()
	return keys, n
}
