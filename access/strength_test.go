package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

func TestCheckPIN(t *testing.T) {
	for _, pin := range []device.Keys{"", "1", "123", "12345678901", "73915a", "7391 5", "73915#", "٣٧٩١٥٦", "0000", "111111", "111121", "2111",
		"1234", "123456", "98765", "8901", "2468", "135791", "1212", "123123", "121212", "12121", "112233", "1122", "4477", "1987", "2026", "2580", "147258", "1199"} {
		if err := access.CheckPIN(pin); !errors.Is(err, access.ErrWeak) || len(pin) >= 4 && strings.Contains(err.Error(), string(pin)) {
			t.Errorf("%q: %v", string(pin), err)
		}
	}
	for _, pin := range []device.Keys{"7391", "4071", "739154", "027184", "198734", "8273645109"} {
		if err := access.CheckPIN(pin); err != nil {
			t.Errorf("%q: %v", string(pin), err)
		}
	}
}

// How many PINs are refused as trivial: few enough that guessing at random stays what Crowd counts on.
func TestFewPINsAreTrivial(t *testing.T) {
	for _, c := range []struct{ length, space, most int }{{4, 10_000, 1_000}, {6, 1_000_000, 2_000}} {
		n := 0
		for i := range c.space {
			if access.CheckPIN(device.Keys(fmt.Sprintf("%0*d", c.length, i))) != nil {
				n++
			}
		}
		t.Logf("%d of %d PINs of %d digits are refused", n, c.space, c.length)
		if n == 0 || n > c.most {
			t.Errorf("%d of %d", n, c.space)
		}
	}
}

func TestCrowd(t *testing.T) {
	of := func(keypads int, counts ...int) access.Crowd { // pairs of length and number
		c := access.Crowd{Keypads: keypads}
		for i := 0; i < len(counts); i += 2 {
			c.Lengths[counts[i]] = counts[i+1]
		}
		return c
	}
	for _, c := range []struct {
		crowd access.Crowd
		ok    bool
		use   string
	}{
		{of(1), true, ""}, {of(1, 4, 1), true, ""}, {of(1, 4, 2), false, "use 5 digits"}, {of(2, 4, 1), false, "use 5 digits"},
		{of(1, 4, 20), false, "use 6 digits"}, {of(1, 6, 20), true, ""}, {of(1, 6, 100), true, ""}, {of(1, 6, 101), false, "use 7 digits"}, {of(2, 6, 51), false, "use 7 digits"},
		{of(1, 8, 10_000), true, ""}, {of(1, 8, 10_001), false, "use 9 digits"}, {of(1, 4, 1, 10, 1), false, "use 5 digits"}, {of(1, 5, 9, 6, 10), true, ""},
	} {
		err := c.crowd.Check()
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, access.ErrWeak) || !strings.Contains(err.Error(), c.use)) {
			t.Errorf("%+v: %v", c.crowd, err)
		}
	}
	if err := of(1, 4, 20).Check(); err == nil || !strings.Contains(err.Error(), "with 20 PINs, the shortest of 4 digits, at 1 keypads 7 % a day") {
		t.Error(err)
	}
}
