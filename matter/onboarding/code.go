package onboarding

import "strings"

const alphabet38 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-."

// base38 writes three octets as five characters, the lowest first; two as four, one as two (Matter 1.4 5.1.3.2).
func base38(b []byte) string {
	var s strings.Builder
	for len(b) > 0 {
		n := min(3, len(b))
		v := 0
		for i := n - 1; i >= 0; i-- {
			v = v<<8 | int(b[i])
		}
		for range chars(n) {
			s.WriteByte(alphabet38[v%38])
			v /= 38
		}
		b = b[n:]
	}
	return s.String()
}

func chars(octets int) int { return [...]int{0, 2, 4, 5}[octets] }

func parseBase38(s string) ([]byte, bool) {
	var out []byte
	for len(s) > 0 {
		n := min(5, len(s))
		octets := map[int]int{5: 3, 4: 2, 2: 1}[n]
		if octets == 0 {
			return nil, false
		}
		v := 0
		for i := n - 1; i >= 0; i-- {
			d := strings.IndexByte(alphabet38, s[i])
			if d < 0 {
				return nil, false
			}
			v = v*38 + d
		}
		if v >= 1<<(8*octets) {
			return nil, false
		}
		for range octets {
			out = append(out, byte(v))
			v >>= 8
		}
		s = s[n:]
	}
	return out, true
}

// checkDigit is Verhoeff's: it finds every single wrong digit and every swap of neighbours. The group is that of a
// pentagon's turns (0 to 4) and flips (5 to 9).
func checkDigit(s string) byte {
	c := 0
	for i := range len(s) {
		c = compose(c, permute(i+1, int(s[len(s)-1-i]-'0')))
	}
	for d := range 10 {
		if compose(c, d) == 0 {
			return byte('0' + d)
		}
	}
	return '0'
}

func compose(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b-5)%5
	case b < 5:
		return 5 + (a-5-b+5)%5
	default:
		return (a - b + 5) % 5
	}
}

// permute applies Verhoeff's permutation n times.
func permute(n, d int) int {
	once := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	for range n % 8 {
		d = once[d]
	}
	return d
}
