package mdns

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/miekg/dns"
)

const (
	domain      = "local."
	enumeration = "_services._dns-sd._udp." + domain // RFC 6763 9
	maxLabel    = 63
)

// escapeLabel writes one label, any bytes, in the presentation form that the codec reads, in the one
// spelling that the codec writes: an instance name may hold dots, spaces and UTF-8 (RFC 6763 4.3).
func escapeLabel(label string) string {
	var b strings.Builder
	b.Grow(len(label))
	for i := range len(label) {
		switch c := label[i]; {
		case strings.IndexByte(". '@;()\"\\", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescapeLabel is the reverse of escapeLabel.
func unescapeLabel(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		if i+3 < len(s) && digits(s[i+1:i+4]) {
			n, _ := strconv.Atoi(s[i+1 : i+4])
			b = append(b, byte(n))
			i += 3
			continue
		}
		i++
		b = append(b, s[i])
	}
	return string(b)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) > 0
}

// nameKey is a name in the form under which it is looked up: names compare without regard to the
// case of ASCII letters only (RFC 6762 16).
func nameKey(name string) string { return dns.CanonicalName(name) }

// firstLabel splits a name in presentation form into its first label, unescaped, and the rest.
func firstLabel(name string) (label, rest string) {
	at, end := dns.NextLabel(name, 0)
	if end {
		return unescapeLabel(strings.TrimSuffix(name, ".")), "."
	}
	return unescapeLabel(name[:at-1]), name[at:]
}

// validLabel checks an instance name: 1 to 63 bytes of UTF-8 without control characters
// (RFC 6763 4.1.1).
func validLabel(label string) error {
	if label == "" || len(label) > maxLabel {
		return fmt.Errorf("%q has %d bytes, not 1 to %d", label, len(label), maxLabel)
	}
	if !utf8.ValidString(label) {
		return fmt.Errorf("%q is not UTF-8", label)
	}
	if strings.ContainsFunc(label, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%q holds a control character", label)
	}
	return nil
}

// validType checks a service type: "_name._tcp" or "_name._udp", a name of 1 to 15 letters, digits
// and hyphens (RFC 6763 7).
func validType(t string) error {
	name, proto, ok := strings.Cut(t, ".")
	if !ok || (proto != "_tcp" && proto != "_udp") || !strings.HasPrefix(name, "_") {
		return fmt.Errorf("%q is not of the form _name._tcp or _name._udp", t)
	}
	name = name[1:]
	if name == "" || len(name) > 15 || sanitise(name) != name {
		return fmt.Errorf("%q is not a name of 1 to 15 letters, digits and hyphens", name)
	}
	return nil
}

// sanitise keeps what a host name may hold: letters, digits and hyphens in between.
func sanitise(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		case r == '_' || r == ' ':
			return '-'
		}
		return -1
	}, s)
	return strings.Trim(s, "-")
}

// hostLabel is a machine's name cut down to one label with room for a suffix.
func hostLabel(machine string) string {
	machine, _, _ = strings.Cut(machine, ".")
	machine = sanitise(machine)
	if len(machine) > 40 {
		machine = strings.TrimRight(machine[:40], "-")
	}
	if machine == "" {
		return "host"
	}
	return machine
}

// numbered is the n-th name to try: "Loquet", "Loquet (2)", "Loquet (3)".
func numbered(base string, n int) string { return withSuffix(base, n, " (%d)") }

// numberedHost is the same for host names: "pi", "pi-2".
func numberedHost(base string, n int) string { return withSuffix(base, n, "-%d") }

func withSuffix(base string, n int, format string) string {
	if n < 2 {
		return base
	}
	suffix := fmt.Sprintf(format, n)
	return cut(base, maxLabel-len(suffix)) + suffix
}

// cut shortens to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// baseOf takes the number off a name that a conflict gave earlier, so that "Loquet (2)" becomes
// "Loquet (3)" and not "Loquet (2) (2)".
func baseOf(name string) (base string, n int) {
	at := strings.LastIndex(name, " (")
	if at < 1 || !strings.HasSuffix(name, ")") {
		return name, 1
	}
	number := name[at+2 : len(name)-1]
	n, err := strconv.Atoi(number)
	if err != nil || !digits(number) || n < 2 || n > 1<<20 || number[0] == '0' {
		return name, 1
	}
	return name[:at], n
}
