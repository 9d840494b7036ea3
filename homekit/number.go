package homekit

import (
	"fmt"
	"math"
	"strconv"
)

// integer covers every format of HAP, from the lowest int to the highest uint64.
type integer struct {
	neg bool
	mag uint64
}

func intOf(n int64) integer {
	if n < 0 {
		return integer{neg: true, mag: uint64(-(n + 1)) + 1}
	}
	return integer{mag: uint64(n)}
}

func (a integer) less(b integer) bool {
	switch {
	case a.neg != b.neg:
		return a.neg
	case a.neg:
		return a.mag > b.mag
	}
	return a.mag < b.mag
}

// minus is a - b for a >= b.
func (a integer) minus(b integer) uint64 {
	switch {
	case a.neg == b.neg && a.neg:
		return b.mag - a.mag
	case b.neg:
		return a.mag + b.mag
	}
	return a.mag - b.mag
}

func (a integer) append(b []byte) []byte {
	if a.neg {
		b = append(b, '-')
	}
	return strconv.AppendUint(b, a.mag, 10)
}

// int64 is for formats whose range fits.
func (a integer) int64() int64 {
	if a.neg {
		return -int64(a.mag-1) - 1
	}
	return int64(a.mag)
}

// parseInteger reads a JSON number that has neither fraction nor exponent (the ADK refuses 1.0 as well). Minus zero is
// refused: it is not how anybody writes a state.
func parseInteger(v jsonValue) (integer, bool) {
	if v.kind != jsonNumber {
		return integer{}, false
	}
	s := v.raw
	var n integer
	if s[0] == '-' {
		n.neg, s = true, s[1:]
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return integer{}, false
		}
		d := uint64(c - '0')
		if n.mag > (math.MaxUint64-d)/10 {
			return integer{}, false
		}
		n.mag = n.mag*10 + d
	}
	if n.neg && (n.mag == 0 || n.mag > 1<<63) {
		return integer{}, false
	}
	return n, true
}

// integerOf reads a Go number given by the owner of the accessory.
func integerOf(v any) (integer, bool) {
	switch n := v.(type) {
	case int:
		return intOf(int64(n)), true
	case int8:
		return intOf(int64(n)), true
	case int16:
		return intOf(int64(n)), true
	case int32:
		return intOf(int64(n)), true
	case int64:
		return intOf(n), true
	case uint:
		return integer{mag: uint64(n)}, true
	case uint8:
		return integer{mag: uint64(n)}, true
	case uint16:
		return integer{mag: uint64(n)}, true
	case uint32:
		return integer{mag: uint64(n)}, true
	case uint64:
		return integer{mag: n}, true
	}
	return integer{}, false
}

func floatOf(v any) (float64, bool) {
	switch f := v.(type) {
	case float64:
		return f, !math.IsNaN(f) && !math.IsInf(f, 0)
	case float32:
		// through text, so that 21.7 does not become 21.700000762939453
		d, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
		return d, err == nil && !math.IsNaN(d) && !math.IsInf(d, 0)
	}
	n, ok := integerOf(v)
	f := float64(n.mag)
	if n.neg {
		f = -f
	}
	return f, ok
}

// bounds are the limits of an integer format, and whether the format is one.
func bounds(format string) (low, high integer, ok bool) {
	switch format {
	case "uint8":
		return integer{}, integer{mag: math.MaxUint8}, true
	case "uint16":
		return integer{}, integer{mag: math.MaxUint16}, true
	case "uint32":
		return integer{}, integer{mag: math.MaxUint32}, true
	case "uint64":
		return integer{}, integer{mag: math.MaxUint64}, true
	case "int":
		return intOf(math.MinInt32), intOf(math.MaxInt32), true
	}
	return integer{}, integer{}, false
}

func appendFloat(b []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendFloat(b, f, 'f', 0, 64)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

// appendNumber writes a limit given in the definition.
func appendNumber(b []byte, v any) ([]byte, error) {
	if n, ok := integerOf(v); ok {
		return n.append(b), nil
	}
	if f, ok := floatOf(v); ok {
		return appendFloat(b, f), nil
	}
	return nil, fmt.Errorf("%v is not a number", v)
}
