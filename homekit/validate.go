package homekit

import (
	"encoding/base64"
	"math"
	"strconv"
)

// check validates a written value and returns it as Write.Value has it, and as JSON. Nothing is coerced, clamped or
// defaulted: on a door 0 means open, so a value that is not exactly right is refused (-70410).
func (a *attribute) check(v jsonValue) (value any, encoded []byte, ok bool) {
	switch a.format {
	case "bool":
		on, ok := v.flag()
		return on, strconv.AppendBool(nil, on), ok
	case "float":
		return a.checkFloat(v)
	case "string":
		return a.checkString(v)
	case "data", "tlv8":
		return a.checkBytes(v)
	}
	n, ok := parseInteger(v)
	if !ok || !a.inRange(n) {
		return nil, nil, false
	}
	if a.step.mag > 1 && n.minus(a.low)%a.step.mag != 0 {
		return nil, nil, false
	}
	if a.format == "uint64" {
		return n.mag, n.append(nil), true
	}
	return n.int64(), n.append(nil), true
}

// fits reports whether a value in JSON may be shown.
func (a *attribute) fits(encoded []byte) bool {
	r := &jsonReader{b: encoded}
	v, err := r.value(jsonDepth)
	if err != nil || a.instant {
		return false
	}
	_, _, ok := a.check(v)
	return ok
}

func (a *attribute) checkFloat(v jsonValue) (any, []byte, bool) {
	if v.kind != jsonNumber {
		return nil, nil, false
	}
	f, err := strconv.ParseFloat(string(v.raw), 64)
	if err != nil || math.IsInf(f, 0) || a.hasLow && f < a.fLow || a.hasHigh && f > a.fHigh {
		return nil, nil, false
	}
	if a.fStep > 0 {
		// Controllers compute in float32, so 21.7 arrives as 21.700000762939453.
		steps := (f - a.fLow) / a.fStep
		if math.Abs(steps-math.Round(steps)) > 1e-3 {
			return nil, nil, false
		}
	}
	return f, appendFloat(nil, f), true
}

func (a *attribute) checkString(v jsonValue) (any, []byte, bool) {
	if v.kind != jsonString {
		return nil, nil, false
	}
	b, err := unquote(v.raw)
	if err != nil || checkText(string(b), a.maxLen) != nil {
		return nil, nil, false
	}
	s := string(b)
	return s, appendString(nil, s), true
}

func (a *attribute) checkBytes(v jsonValue) (any, []byte, bool) {
	if v.kind != jsonString {
		return nil, nil, false
	}
	text, err := unquote(v.raw)
	if err != nil {
		return nil, nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil || hasLineBreak(text) || a.maxLen > 0 && len(b) > a.maxLen || a.format == "tlv8" && !validTLV(b) {
		return nil, nil, false
	}
	return b, appendString(nil, string(text)), true
}

// hasLineBreak finds what encoding/base64 skips silently.
func hasLineBreak(b []byte) bool {
	for _, c := range b {
		if c == '\r' || c == '\n' {
			return true
		}
	}
	return false
}
