package homekit

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/brutella/hap/characteristic"
)

// ID names a characteristic.
type ID struct{ AID, IID uint64 }

// Value is the live value of one characteristic. Its Go type follows the format: bool for bool, any integer type for
// uint8 to uint64 and int, float64 or float32 for float, string for string, []byte (or base64 text) for data and tlv8,
// nil for an event-only characteristic at rest.
type Value struct {
	AID, IID uint64
	Value    any
}

// permission bits of an attribute.
const (
	permRead = 1 << iota
	permWrite
	permNotify
	permAuthorize
	permTimed
	permHidden
	permResponse
)

const (
	textMax     = 64  // bytes of a string, unless the definition says more
	textMaxHard = 256 // what HAP allows at most (HAP R2 table 6-3)
)

// attribute is a served characteristic: what the definition says, checked and encoded once, and the live value.
type attribute struct {
	ID
	home   *unit
	typ    string // short form, upper case
	format string
	perms  int
	info   bool // of the AccessoryInformation service

	low, high, step integer // of integer formats; step 0: none
	fLow, fHigh     float64 // of float
	fStep           float64
	hasLow, hasHigh bool // float only
	valid           []integer
	maxLen          int
	instant         bool // button events: sent at once, never coalesced, read as null
	set             func(any, *http.Request) (any, int)

	idJSON, typeJSON, permsJSON, metaJSON []byte

	value   []byte // JSON; guarded by the table's lock, its bytes never change
	before  []byte // the value before it, likewise
	version uint64 // of the table when value last changed; guarded by the table's lock
}

// typeSwitchEvent and typeButtonEvent are the characteristics whose events have no lasting value (HAP R2 9.75).
const (
	typeSwitchEvent = "73"
	typeButtonEvent = "126"
	typeInformation = "3E"
)

// shortType brings a type to the form "41": Apple's base UUID and leading zeros fall away.
func shortType(t string) string {
	t = strings.ToUpper(strings.TrimSpace(t))
	if short, ok := strings.CutSuffix(t, "-0000-1000-8000-0026BB765291"); ok {
		t = short
	}
	if len(t) <= 8 {
		t = strings.TrimLeft(t, "0")
	}
	return t
}

func newAttribute(home *unit, service string, c *characteristic.C) (*attribute, error) {
	a := &attribute{
		ID: ID{home.aid, c.Id}, home: home, typ: shortType(c.Type), format: c.Format, info: service == typeInformation,
		set: c.SetValueRequestFunc,
	}
	if a.format == characteristic.FormatInt32 {
		a.format = "int" // the name on the wire (HAP R2 table 6-5)
	}
	a.instant = a.typ == typeSwitchEvent || a.typ == typeButtonEvent
	if err := a.limits(c); err != nil {
		return nil, err
	}
	if err := a.permissions(c.Permissions); err != nil {
		return nil, err
	}
	if err := a.describe(c); err != nil {
		return nil, err
	}
	var err error
	if a.value, err = a.encode(c.Val); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *attribute) can(perm int) bool { return a.perms&perm != 0 }

func (a *attribute) permissions(perms []string) error {
	names := map[string]int{"pr": permRead, "pw": permWrite, "ev": permNotify, "aa": permAuthorize, "tw": permTimed,
		"hd": permHidden, "wr": permResponse}
	for _, p := range perms {
		bit, ok := names[p]
		if !ok || a.perms&bit != 0 {
			return fmt.Errorf("permission %q is unknown or given twice", p)
		}
		a.perms |= bit
	}
	if a.perms == 0 {
		return fmt.Errorf("no permission")
	}
	return nil
}

// limits reads the range of the definition and checks that it makes sense for the format.
func (a *attribute) limits(c *characteristic.C) error {
	for _, n := range c.ValidVals {
		a.valid = append(a.valid, intOf(int64(n)))
	}
	if c.ValidRange != nil && (len(c.ValidRange) != 2 || c.ValidRange[0] > c.ValidRange[1]) {
		return fmt.Errorf("valid range %v", c.ValidRange)
	}
	low, high, isInt := bounds(a.format)
	switch {
	case isInt:
		a.low, a.high = low, high
		return a.intLimits(c)
	case a.format == "float":
		return a.floatLimits(c)
	case a.format == "string":
		if a.maxLen = c.MaxLen; a.maxLen == 0 {
			a.maxLen = textMax
		}
		if a.maxLen < 0 || a.maxLen > textMaxHard {
			return fmt.Errorf("maximum length %d", c.MaxLen)
		}
	case a.format == "data" || a.format == "tlv8":
		a.maxLen = c.MaxLen
	case a.format != "bool":
		return fmt.Errorf("format %q is unknown", a.format)
	}
	return nil
}

func (a *attribute) intLimits(c *characteristic.C) error {
	formatLow, formatHigh := a.low, a.high
	set := func(v any, into *integer) error {
		if v == nil {
			return nil
		}
		n, ok := integerOf(v)
		if f, isFloat := v.(float64); isFloat && f == float64(int64(f)) { // some definitions of brutella/hap say 1.0
			n, ok = intOf(int64(f)), true
		}
		if !ok || n.less(formatLow) || formatHigh.less(n) {
			return fmt.Errorf("limit %v does not fit %s", v, a.format)
		}
		*into = n
		return nil
	}
	for _, l := range []struct {
		v    any
		into *integer
	}{{c.MinVal, &a.low}, {c.MaxVal, &a.high}, {c.StepVal, &a.step}} {
		if err := set(l.v, l.into); err != nil {
			return err
		}
	}
	if len(c.ValidRange) == 2 {
		if low := intOf(int64(c.ValidRange[0])); a.low.less(low) {
			a.low = low
		}
		if high := intOf(int64(c.ValidRange[1])); high.less(a.high) {
			a.high = high
		}
	}
	if a.high.less(a.low) || a.step.neg {
		return fmt.Errorf("range %v to %v, step %v", c.MinVal, c.MaxVal, c.StepVal)
	}
	return nil
}

func (a *attribute) floatLimits(c *characteristic.C) error {
	var ok bool
	if c.MinVal != nil {
		if a.fLow, ok = floatOf(c.MinVal); !ok {
			return fmt.Errorf("limit %v", c.MinVal)
		}
		a.hasLow = true
	}
	if c.MaxVal != nil {
		if a.fHigh, ok = floatOf(c.MaxVal); !ok || a.hasLow && a.fHigh < a.fLow {
			return fmt.Errorf("limit %v", c.MaxVal)
		}
		a.hasHigh = true
	}
	if c.StepVal != nil {
		if a.fStep, ok = floatOf(c.StepVal); !ok || a.fStep < 0 {
			return fmt.Errorf("step %v", c.StepVal)
		}
	}
	return nil
}

// describe encodes once all that answers say about the characteristic besides its value.
func (a *attribute) describe(c *characteristic.C) error {
	a.idJSON = fmt.Appendf(nil, `{"aid":%d,"iid":%d`, a.AID, a.IID)
	a.typeJSON = appendString([]byte(`,"type":`), a.typ)
	a.permsJSON = []byte(`,"perms":[`)
	for i, p := range c.Permissions {
		if i > 0 {
			a.permsJSON = append(a.permsJSON, ',')
		}
		a.permsJSON = appendString(a.permsJSON, p)
	}
	a.permsJSON = append(a.permsJSON, ']')

	m := appendString([]byte(`,"format":`), a.format)
	for _, text := range []struct{ key, s string }{{"unit", c.Unit}, {"description", c.Description}} {
		if err := checkText(text.s, textMax); err != nil {
			return fmt.Errorf("%s: %w", text.key, err)
		}
		if text.s != "" {
			m = appendString(fmt.Appendf(m, `,"%s":`, text.key), text.s)
		}
	}
	for _, limit := range []struct {
		key string
		v   any
	}{{"minValue", c.MinVal}, {"maxValue", c.MaxVal}, {"minStep", c.StepVal}} {
		if limit.v == nil || a.format != "float" && a.step == (integer{}) && limit.key == "minStep" {
			continue
		}
		var err error
		if m, err = appendNumber(fmt.Appendf(m, `,"%s":`, limit.key), limit.v); err != nil {
			return err
		}
	}
	if c.MaxLen > 0 {
		key := "maxLen"
		if a.format != "string" {
			key = "maxDataLen"
		}
		m = fmt.Appendf(m, `,"%s":%d`, key, c.MaxLen)
	}
	m = appendInts(m, "valid-values", c.ValidVals)
	a.metaJSON = appendInts(m, "valid-values-range", c.ValidRange)
	return nil
}

func appendInts(b []byte, key string, ns []int) []byte {
	if len(ns) == 0 {
		return b
	}
	b = fmt.Appendf(b, `,"%s":[`, key)
	for i, n := range ns {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, ']')
}

// encode turns a value of the owner into JSON, or says why it may not be shown.
func (a *attribute) encode(v any) ([]byte, error) { return a.append(nil, v) }

// append is encode behind what is in b.
func (a *attribute) append(b []byte, v any) ([]byte, error) {
	if v == nil || a.instant {
		switch {
		case a.instant || !a.can(permRead):
			return append(b, "null"...), nil
		case a.format == "string" || a.format == "data" || a.format == "tlv8":
			return append(b, `""`...), nil
		}
		return nil, fmt.Errorf("no value")
	}
	return a.appendEvent(b, v)
}

// appendEvent is append for the value that an event carries, which for a button is the press.
func (a *attribute) appendEvent(b []byte, v any) ([]byte, error) {
	switch a.format {
	case "bool":
		if on, ok := v.(bool); ok {
			return strconv.AppendBool(b, on), nil
		}
	case "float":
		if f, ok := floatOf(v); ok && !(a.hasLow && f < a.fLow) && !(a.hasHigh && f > a.fHigh) {
			return appendFloat(b, f), nil
		}
	case "string":
		if s, ok := v.(string); ok {
			if err := checkText(s, a.maxLen); err != nil {
				return nil, err
			}
			return appendString(b, s), nil
		}
	case "data", "tlv8":
		switch v := v.(type) {
		case []byte:
			return appendString(b, base64.StdEncoding.EncodeToString(v)), nil
		case string:
			if data, err := base64.StdEncoding.DecodeString(v); err == nil {
				return appendString(b, base64.StdEncoding.EncodeToString(data)), nil
			}
		}
	default:
		if n, ok := integerOf(v); ok && a.inRange(n) {
			return n.append(b), nil
		}
	}
	return nil, fmt.Errorf("value %v (%T) for format %s", v, v, a.format)
}

// known returns the bytes of a value that was shown just now or before it, so that a door that opens and
// closes for years makes no garbage; others are copied.
func (a *attribute) known(b []byte) []byte {
	switch {
	case bytes.Equal(b, a.value):
		return a.value
	case a.before != nil && bytes.Equal(b, a.before):
		return a.before
	}
	return bytes.Clone(b)
}

func (a *attribute) inRange(n integer) bool {
	return !n.less(a.low) && !a.high.less(n) && (len(a.valid) == 0 || slices.Contains(a.valid, n))
}

// checkText refuses what must never leave in an answer: long names crash homes (CVE-2022-22588).
func checkText(s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("text of %d bytes, at most %d are allowed", len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("text is not valid UTF-8")
	}
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return fmt.Errorf("text has a control character")
		}
	}
	return nil
}

// appendString writes a JSON string.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
