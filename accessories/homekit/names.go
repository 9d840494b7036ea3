package homekit

import (
	"cmp"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxName is what a name may have in bytes (HAP R2 9.62); a longer one has crashed phones.
const maxName = 64

// shownName makes a name that Apple Home takes: letters, digits, spaces and apostrophes, a letter or digit
// first and last. The configuration refuses all others; what still comes here must not keep a house
// from being served.
func shownName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return -1
		case letter(r), r == '\'', r == '’':
			return r
		}
		return ' '
	}, name)
	name = cut(strings.Join(strings.Fields(name), " "), maxName)
	if name == "" {
		return "Loquet"
	}
	return name
}

// joined is the name of a part of a device: "Garage obstruction". A long name gives way to the part.
func joined(name, part string) string {
	return cut(name, maxName-len(part)-1) + " " + part
}

func letter(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.M) }

// cut shortens a name to a number of bytes, to a letter or digit at both ends.
func cut(name string, most int) string {
	for len(name) > most {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimFunc(name, func(r rune) bool { return !letter(r) })
}

var threeNumbers = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{1,5}(\.\d{1,5}){0,2}`) })

// revision makes a firmware revision of a version: numbers with dots, because Apple Home refuses
// "dev" or "v1.2" (HAP R2 9.40).
func revision(version string) string {
	return cmp.Or(threeNumbers().FindString(strings.TrimPrefix(version, "v")), "0.0.0")
}
