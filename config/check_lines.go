package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// lineUse is a line and who uses it.
type lineUse struct {
	at     path
	device string
	line   Line
	output bool
	end    bool // tells an end of a door or a bolt
}

func (k *checker) input(at path, device string, l Line) {
	k.line(lineUse{at: at, device: device, line: l})
}
func (k *checker) output(at path, device string, l Line) {
	k.line(lineUse{at: at, device: device, line: l, output: true})
}

func (k *checker) line(u lineUse) {
	if u.line == "" {
		if k.given(u.at) {
			k.fail("bad-line", u.at, "the line is empty", `write driver-or-board:name, such as "gpio:17", or remove the field`)
		}
		return
	}
	if what, remedy := u.line.wrong(); what != "" {
		k.fail("bad-line", u.at, what, remedy)
		return
	}
	if known := k.lenders; !slices.Contains(known, u.line.Board()) {
		remedy := "no driver of this build lends lines: list a board under boards:"
		if len(known) > 0 {
			remedy = meant(u.line.Board(), known)
		}
		k.fail("unknown-board", u.at, fmt.Sprintf("there is no board or driver %q that lends lines", clip(u.line.Board())), remedy)
		return
	}
	k.lines = append(k.lines, u)
}

// sharedLines finds wires with two masters. An input may be watched twice (a door and the lock in
// it share a contact), but a contact at an end belongs to one door or bolt.
func (k *checker) sharedLines() {
	first := make(map[string]*lineUse, len(k.lines))
	for i := range k.lines {
		u := &k.lines[i]
		f, ok := first[u.line.wire()]
		switch {
		case !ok:
			first[u.line.wire()] = u
		case f.output && u.output:
			k.fail("line-twice", u.at, fmt.Sprintf("%q is switched by %s already", clip(u.line.wire()), f.at),
				"each relay has one master: check which of the two is wired to it")
		case f.output != u.output:
			k.fail("line-both", u.at, fmt.Sprintf("%q is used by %s already, as %s", clip(u.line.wire()), f.at, direction(f.output)),
				"a line is an input or an output: check the wiring of the two")
		case f.end && u.end && f.device == u.device:
			k.fail("closed-is-open", u.at, "the contacts of both ends are the same line",
				"each end needs a contact of its own; with one contact only, leave the other one out")
		case f.end && u.end:
			k.fail("contact-twice", u.at, fmt.Sprintf("%q is a contact of %s already", clip(u.line.wire()), f.device),
				"each door and bolt needs contacts of its own: check which of the two is wired to it")
		}
	}
}

// idleBoards tells of boards that no device uses: often a line's board is misspelt elsewhere.
func (k *checker) idleBoards() {
	for _, b := range k.Boards {
		if len(k.bad) == 0 && !slices.ContainsFunc(k.lines, func(u lineUse) bool { return u.line.Board() == b.ID }) {
			k.warn("board-unused", path{"boards", b.ID}, "nothing uses this board", "name its lines at a door or lock: "+clip(b.ID)+":name; or remove it")
		}
	}
}

func direction(output bool) string {
	if output {
		return "an output"
	}
	return "an input"
}

// driver decodes a driver's section with the driver's own struct and registers its lines. It
// returns the settings unless something is wrong with them.
func (k *checker) driver(drivers []Driver, kind string, p *Part, at path) (loaded any, ok bool) {
	if p.Driver == "" {
		k.fail("missing-driver", at, "the driver is missing", "add driver: and the name of one; `loquet drivers` lists them")
		return nil, false
	}
	d, found := find(drivers, p.Driver)
	if !found {
		k.unknownDriver(drivers, kind, p.Driver, at.sub("driver"))
		return nil, false
	}
	part := *p
	part.path = at.String()
	load := d.Load
	if load == nil {
		load = func(decode func(any) error) (any, error) { return struct{}{}, decode(&struct{}{}) }
	}
	settings, err := load(part.Decode)
	if err != nil {
		k.settings(err, p.Driver, at)
		return nil, false
	}
	k.driverLines(reflect.ValueOf(settings), at)
	if _, uses := settings.(interface{ UsesMQTT() }); uses && k.MQTT == nil {
		k.fail("mqtt-missing", at, "this is reached over MQTT, and the house has no broker",
			`add the section mqtt: with listen: ":1883" for the built-in broker, or url: of another one`)
	}
	if u, blind := settings.(interface {
		Unproven() (field, what, remedy string)
	}); blind {
		if field, what, remedy := u.Unproven(); what != "" {
			k.warn("unproven", at.sub(field), what, remedy)
		}
	}
	return settings, true
}

// settings reports what a driver does not like about its section: each of several joined errors at
// the setting it is about.
func (k *checker) settings(err error, driver string, at path) {
	var all Errors
	if errors.As(err, &all) {
		k.found = append(k.found, all...)
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			k.settings(e, driver, at)
		}
		return
	}
	e := SettingError{Problem: err.Error()}
	if k.catalog.Setting != nil {
		if known, ok := k.catalog.Setting(err); ok {
			e = known
		}
	}
	if e.Remedy == "" {
		e.Remedy = "`loquet drivers " + driver + "` tells what this driver takes"
	}
	if e.Field != "" {
		at = at.sub(e.Field)
	}
	k.fail("driver-settings", at, e.Problem, e.Remedy)
}

func (k *checker) unknownDriver(drivers []Driver, kind, name string, at path) {
	what := fmt.Sprintf("there is no driver %q for %s", clip(name), kind)
	if len(drivers) == 0 {
		k.fail("unknown-driver", at, what, "this build has no drivers for "+kind+": remove the section")
		return
	}
	remedy := meant(name, driverNames(drivers))
	for _, other := range []struct {
		kind string
		in   []Driver
	}{
		{"doors (opener)", k.catalog.Openers}, {"locks (bolt)", k.catalog.Bolts}, {"contacts (sensor)", k.catalog.Sensors},
		{"keypads", k.catalog.Keypads}, {"boards", k.catalog.Boards},
	} {
		if _, ok := find(other.in, name); ok {
			remedy = fmt.Sprintf("%q is a driver for %s; here use one of: %s", clip(name), other.kind, strings.Join(driverNames(drivers), ", "))
			break
		}
	}
	k.fail("unknown-driver", at, what, remedy)
}

// driverLines registers the lines in a driver's settings: the fields tagged line:"output" or "input".
func (k *checker) driverLines(v reflect.Value, at path) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return
	}
	for _, f := range k.src.layout(v.Type()).fields {
		value := v.Field(f.index)
		direction := v.Type().Field(f.index).Tag.Get("line")
		if value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		}
		here := at.sub(f.name)
		if f.inline {
			here = at
		}
		switch {
		case direction == "" && value.Kind() == reflect.Struct:
			k.driverLines(value, here)
		case direction == "":
		case value.Kind() == reflect.String:
			k.line(lineUse{at: here, device: at[1], line: Line(value.String()), output: direction == "output"})
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.String:
			for i := range value.Len() {
				k.line(lineUse{at: here.sub(fmt.Sprintf("[%d]", i)), device: at[1], line: Line(value.Index(i).String()), output: direction == "output"})
			}
		}
	}
}
