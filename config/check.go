package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check holds a configuration against the rules of a house and against what this build can do. The
// error, of type Errors, has everything that stops a start; warnings are what the owner should know.
func Check(c *Config, catalog Catalog) (warnings []Finding, err error) {
	found := c.check(catalog)
	found.sort()
	return found.warnings(), found.errors()
}

// checker collects findings. A rule names the path it speaks about; where that stands in the file
// is looked up.
type checker struct {
	*Config
	catalog Catalog
	found   findings

	named   map[string]string // folded names of devices -> ids
	devices map[string]seen   // every device that has passed, by id
	lenders []string          // drivers and boards that lend lines
	lines   []lineUse
}

// seen is what later rules ask about a device.
type seen struct {
	kind         string // door, lock, contact, keypad
	sensesClosed bool   // a contact tells when the door is closed
	known        bool   // its driver's traits are known
}

func (c *Config) check(catalog Catalog) findings {
	k := &checker{Config: c, catalog: catalog, named: make(map[string]string), devices: make(map[string]seen)}
	k.lenders = slices.Clone(catalog.Lines)
	for _, b := range c.Boards {
		k.lenders = append(k.lenders, b.ID)
	}
	k.sections()
	k.home()
	k.listeners()
	k.alerts()
	k.ids()
	k.boards()
	for i := range c.Doors {
		k.door(&c.Doors[i])
	}
	for i := range c.Locks {
		k.lock(&c.Locks[i])
	}
	for i := range c.Contacts {
		k.contact(&c.Contacts[i])
	}
	for i := range c.Keypads {
		k.keypad(&c.Keypads[i])
	}
	k.interlocks()
	k.sharedLines()
	k.idleBoards()
	return k.found
}

type path []string

func (p path) sub(more ...string) path {
	return append(append(make(path, 0, len(p)+len(more)), p...), more...)
}

func (p path) String() string {
	var b strings.Builder
	for _, s := range p {
		if b.Len() > 0 && !strings.HasPrefix(s, "[") {
			b.WriteByte('.')
		}
		b.WriteString(clip(s))
	}
	return b.String()
}

func (k *checker) fail(rule string, at path, what, remedy string) {
	k.report(SeverityError, rule, at, what, remedy)
}

func (k *checker) warn(rule string, at path, what, remedy string) {
	k.report(SeverityWarning, rule, at, what, remedy)
}

func (k *checker) report(s Severity, rule string, at path, what, remedy string) {
	for i := range at {
		if k.bad[at[:i+1].String()] {
			return // its shape is wrong, and that was said
		}
	}
	f := Finding{Severity: s, Rule: rule, Path: at.String(), What: what, Remedy: remedy}
	line, column := k.place(at)
	k.src.locate(&f, line, column)
	k.found = append(k.found, f)
}

// place finds a path in the file: a value where it stands, a section where its name stands, and
// what is not there at the nearest section around it.
func (c *Config) place(at path) (line, column int) {
	if c.root == nil {
		return 0, 0
	}
	n, line, column := c.root, 1, 1
	for _, s := range at {
		if index, ok := strings.CutPrefix(s, "["); ok {
			i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
			if err != nil || i < 0 || i >= len(n.list) {
				return line, column
			}
			n = n.list[i]
			line, column = n.line, n.column
			continue
		}
		found := n.key(s)
		if found == nil {
			return line, column
		}
		n, line, column = found.value, found.line, found.column
		if n.shape != shapeMap && n.shape != shapeList && n.shape != shapeNull {
			line, column = n.line, n.column
		}
	}
	return line, column
}

// given reports whether the file has the field, even if its value is zero.
func (c *Config) given(at path) bool {
	n := c.root
	for _, s := range at {
		if n = n.child(s); n == nil {
			return false
		}
	}
	return n != nil
}

// bound checks a duration that is given.
func (k *checker) bound(at path, t, least, most time.Duration) {
	if t == 0 && !k.given(at) {
		return
	}
	if t < least || t > most {
		k.fail("out-of-range", at, fmt.Sprintf("%s is out of range", orZero(printDuration(t))),
			fmt.Sprintf("write a time from %s to %s", printDuration(least), printDuration(most)))
	}
}

func orZero(s string) string {
	if s == "" {
		return "0s"
	}
	return s
}

// oneOf checks a word against the words that have a meaning there.
func (k *checker) oneOf(rule string, at path, noun, word string, known ...string) bool {
	if (word == "" && !k.given(at)) || slices.Contains(known, word) {
		return true
	}
	k.fail(rule, at, fmt.Sprintf("%q is not %s", clip(word), noun), meant(word, known))
	return false
}

// meant is the remedy for a word that nobody knows.
func meant(word string, known []string) string {
	if s, ok := suggest(word, known); ok {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return "use one of: " + strings.Join(known, ", ")
}

// sections refuses what this build cannot serve: to accept and ignore it would be a lie.
func (k *checker) sections() {
	for _, s := range []struct {
		name  string
		given bool
	}{
		{"matter", k.Matter != nil},
		{"mqtt", k.MQTT != nil},
		{"boards", len(k.Boards) > 0},
		{"doors", len(k.Doors) > 0},
		{"locks", len(k.Locks) > 0},
		{"contacts", len(k.Contacts) > 0},
		{"keypads", len(k.Keypads) > 0},
		{"interlocks", len(k.Interlocks) > 0},
	} {
		if why := k.catalog.Absent[s.name]; s.given && why != "" {
			k.fail("absent", path{s.name}, why, "remove the section "+s.name+", or use a build that has it")
		}
	}
	if len(k.Doors)+len(k.Locks)+len(k.Contacts) == 0 && len(k.bad) == 0 {
		k.warn("no-devices", nil, "there is no door, lock or contact here",
			"add one under doors:, locks: or contacts:; the examples show how")
	}
}
