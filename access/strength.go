package access

import (
	"errors"
	"fmt"
	"strings"

	"github.com/loquet/loquet/device"
)

// Bounds of secrets.
const (
	MinDigits   = 4
	MaxDigits   = 10
	MaxCardBits = 128
)

// ErrWeak is wrapped by errors about PINs that are too easy to guess; the text says why and what to do.
var ErrWeak = errors.New("this PIN is too easy")

// ErrTaken is wrapped when a PIN or card is another code's, or one begins as the other does.
var ErrTaken = errors.New("this PIN or card is taken")

// Digits reports whether the keys are a PIN: 4 to 10 digits and nothing else.
func Digits(k device.Keys) bool {
	return len(k) >= MinDigits && len(k) <= MaxDigits && strings.Trim(string(k), "0123456789") == ""
}

// CheckPIN refuses what is no PIN and what people try first. Errors wrap ErrWeak and hold no digits.
func CheckPIN(pin device.Keys) error {
	if !Digits(pin) {
		return fmt.Errorf("%w: a PIN has %d to %d digits and nothing else", ErrWeak, MinDigits, MaxDigits)
	}
	s := string(pin)
	switch {
	case strings.Count(s, s[:1]) >= len(s)-1, strings.Count(s, s[1:2]) >= len(s)-1:
		return fmt.Errorf("%w: nearly all digits are the same", ErrWeak)
	case steps(s):
		return fmt.Errorf("%w: its digits count up or down", ErrWeak)
	case repeats(s):
		return fmt.Errorf("%w: it is a few digits repeated", ErrWeak)
	case len(s) == 4 && (s[:2] == "19" || s[:2] == "20"):
		return fmt.Errorf("%w: it looks like a year", ErrWeak)
	case strings.Contains(" 2580 0852 1470 0741 3690 0963 1397 147258 258369 147369 159753 159357 753951 123654 147852 963852 789456 ", " "+s+" "):
		return fmt.Errorf("%w: it is a line on the keypad", ErrWeak)
	}
	return nil
}

// steps reports whether each digit is the same step after the one before: 1234, 9876, 2468, 8901.
func steps(s string) bool {
	step := (s[1] - s[0] + 10) % 10
	for i := 2; i < len(s); i++ {
		if (s[i]-s[i-1]+10)%10 != step {
			return false
		}
	}
	return true
}

// repeats reports whether s is a shorter piece again and again, as 1212, 123123 or 11223344 with its pairs
// counting up.
func repeats(s string) bool {
	for n := 1; n <= len(s)/2; n++ {
		if strings.HasPrefix(strings.Repeat(s[:n], len(s)/n+1), s) && n*2 <= len(s) {
			return true
		}
	}
	if len(s)%2 != 0 {
		return false
	}
	var half strings.Builder
	for i := 0; i < len(s); i += 2 {
		if s[i] != s[i+1] {
			return false
		}
		half.WriteByte(s[i])
	}
	return half.Len() < 3 || steps(half.String())
}

// Crowd are the PINs that open at the same keypads, by their number of digits. Each one more makes a guess
// at random likelier to hit.
type Crowd struct {
	Keypads int // an attacker may use all of them; 0 counts as one
	Lengths [MaxDigits + 1]int
}

// Check refuses a crowd that is easier to guess than one PIN of four digits at one keypad: at most one hit
// in 10,000 guesses at random, which with 35 guesses a day is 0.35 % a day. So it takes six digits for 100
// PINs, eight for 10,000. Errors wrap ErrWeak.
func (c Crowd) Check() error {
	hits, pins, shortest := c.hits(), 0, 0
	for length, n := range c.Lengths {
		pins += n
		if n > 0 && shortest == 0 {
			shortest = length
		}
	}
	if hits <= mostHits {
		return nil
	}
	daily := float64(hits) / guessSpace * MaxGuesses * 100
	return fmt.Errorf("%w: with %d PINs, the shortest of %d digits, at %d keypads %.3g %% a day would be guessed, at most 0.35 %% may: use %d digits",
		ErrWeak, pins, shortest, max(c.Keypads, 1), daily, c.Enough())
}

const (
	guessSpace = 10_000_000_000 // guesses of ten digits
	mostHits   = guessSpace / 10_000
)

// hits is how many of all guesses of ten digits begin with one of the PINs, once for each keypad.
func (c Crowd) hits() uint64 {
	hits, power := uint64(0), uint64(guessSpace)
	for _, n := range c.Lengths[1:] {
		power /= 10
		hits += uint64(n) * power
	}
	return hits * uint64(max(c.Keypads, 1))
}

// Suggest is the number of digits for one PIN more: six, and more before the shorter ones have used up what
// may be guessed, so that there is always room for another one.
func (c Crowd) Suggest() int {
	part := uint64(mostHits)
	for length := 6; length < MaxDigits; length++ {
		part /= 2
		more := c
		more.Lengths[length]++
		if more.hits() <= mostHits-part {
			return length
		}
	}
	return MaxDigits
}

// Enough is the least number of digits that all PINs of the crowd could have.
func (c Crowd) Enough() int {
	pins := max(c.Keypads, 1)
	all := 0
	for _, n := range c.Lengths {
		all += n
	}
	pins *= max(all, 1)
	length := MinDigits
	for room := 1; room < pins && length < MaxDigits; room *= 10 {
		length++
	}
	return length
}
