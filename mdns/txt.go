package mdns

import (
	"errors"
	"fmt"
	"strings"
)

// maxTXT bounds a TXT record so that it fits one packet with everything else (RFC 6763 6.2).
const maxTXT = 1300

// ErrTXT says that the strings of a TXT record cannot be published.
var ErrTXT = errors.New("bad TXT record")

// validTXT checks strings as they go into a TXT record: each 1 to 255 bytes and with a key in front
// of "=" that is printable ASCII (RFC 6763 6.4). No strings at all make the record of one empty string.
func validTXT(txt []string) error {
	total := 0
	for _, s := range txt {
		if len(s) == 0 || len(s) > 255 {
			return fmt.Errorf("%w: %q has %d bytes, not 1 to 255", ErrTXT, s, len(s))
		}
		key, _, _ := strings.Cut(s, "=")
		if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("%w: %q has no key of printable characters in front", ErrTXT, s)
		}
		total += len(s) + 1
	}
	if total > maxTXT {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrTXT, total, maxTXT)
	}
	return nil
}

// encodeTXT writes strings in the presentation form that the codec reads. A TXT record is never
// empty: without strings it holds one of length zero (RFC 6763 6.1).
func encodeTXT(txt []string) []string {
	if len(txt) == 0 {
		return []string{""}
	}
	out := make([]string, len(txt))
	for i, s := range txt {
		var b strings.Builder
		for j := range len(s) {
			switch c := s[j]; {
			case c == '"' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c < ' ' || c > '~':
				fmt.Fprintf(&b, "\\%03d", c)
			default:
				b.WriteByte(c)
			}
		}
		out[i] = b.String()
	}
	return out
}

// decodeTXT is the reverse of encodeTXT. Empty strings are dropped, as RFC 6763 6.1 asks.
func decodeTXT(txt []string) []string {
	var out []string
	for _, s := range txt {
		if s != "" {
			out = append(out, unescapeLabel(s))
		}
	}
	return out
}
