package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxID   = 32
	maxName = 64 // bytes: a longer one has crashed phones
)

func idPattern(s string) bool {
	if s == "" || len(s) > maxID || s[0] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// ids checks the ids of everything. They are what history, pairings and scripts hold on to, so that
// one id never means two things.
func (k *checker) ids() {
	taken := make(map[string]string)
	check := func(section, id string) {
		at := path{section, id}
		if !idPattern(id) {
			k.fail("bad-id", at, fmt.Sprintf("%q is not an id", clip(id)),
				fmt.Sprintf("use small letters, digits and dashes, at most %d, such as %q; the name for people goes into name:", maxID, properID(id)))
			return
		}
		if first, ok := taken[id]; ok {
			k.fail("duplicate-id", at, fmt.Sprintf("the id %q is taken already, by %s", id, first), "give each device an id of its own")
			return
		}
		taken[id] = "one of the " + section
	}
	for _, d := range k.Doors {
		check("doors", d.ID)
	}
	for _, l := range k.Locks {
		check("locks", l.ID)
	}
	for _, c := range k.Contacts {
		check("contacts", c.ID)
	}
	for _, p := range k.Keypads {
		check("keypads", p.ID)
	}
	clear(taken) // a board may be called like a device: only lines name it
	for _, name := range k.catalog.Lines {
		taken[name] = "a driver that lends lines"
	}
	for _, b := range k.Boards {
		check("boards", b.ID)
	}
	clear(taken)
	for _, i := range k.Interlocks {
		check("interlocks", i.ID)
	}
}

// properID makes an id out of what was written.
func properID(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case b.Len() >= maxID:
		case (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9'):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if id := strings.Trim(b.String(), "-"); id != "" {
		return id
	}
	return "front-door"
}

// deviceName checks a device's name, and that no other has it.
func (k *checker) deviceName(at path, id, name string, required bool) {
	at = at.sub("name")
	if name == "" {
		if required || k.given(at) {
			k.fail("missing-name", at, "the name is missing", fmt.Sprintf("add name: and what the family calls it, such as %q", properName(id)))
		}
		return
	}
	if !k.name(at, name) {
		return
	}
	folded := strings.ToLower(name)
	if other, ok := k.named[folded]; ok {
		k.fail("duplicate-name", at, fmt.Sprintf("%q is the name of %s already", clip(name), clip(other)),
			"give each device a name of its own: nobody can tell them apart by voice")
		return
	}
	k.named[folded] = id
}

// name checks what Apple Home accepts as a name; it may refuse the accessory otherwise, as HAP-NodeJS warns.
func (k *checker) name(at path, name string) bool {
	what := wrongName(name)
	if what == "" {
		return true
	}
	k.fail("bad-name", at, what, fmt.Sprintf(
		"Apple Home wants letters, digits, spaces and apostrophes, a letter or digit first and last, such as %q", properName(name)))
	return false
}

func wrongName(name string) string {
	if len(name) > maxName {
		return fmt.Sprintf("the name has %d bytes, %d are allowed", len(name), maxName)
	}
	if !utf8.ValidString(name) {
		return "the name is not UTF-8 text"
	}
	runes := []rune(name)
	for _, r := range runes {
		switch {
		case unicode.IsControl(r):
			return "the name has a control character"
		case !unicode.In(r, unicode.L, unicode.N, unicode.M) && r != ' ' && r != '\'' && r != '’':
			return fmt.Sprintf("the name has the character %q", r)
		}
	}
	for _, r := range []rune{runes[0], runes[len(runes)-1]} {
		if !unicode.In(r, unicode.L, unicode.N, unicode.M) {
			return fmt.Sprintf("the name begins or ends with %q", r)
		}
	}
	return ""
}

// properName makes a name out of what was written, or of an id.
func properName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.L, unicode.N, unicode.M), r == '\'':
			return r
		case r == utf8.RuneError:
			return -1
		}
		return ' '
	}, s)
	s = strings.Trim(strings.Join(strings.Fields(s), " "), "' ")
	for len(s) > maxName {
		_, size := utf8.DecodeLastRuneInString(s)
		s = strings.TrimRight(s[:len(s)-size], "' ")
	}
	if s == "" {
		return "Front Door"
	}
	first, size := utf8.DecodeRuneInString(s)
	if upper := unicode.ToUpper(first); utf8.RuneLen(upper) == size {
		return string(upper) + s[size:]
	}
	return s
}
