package broker

import (
	"bytes"
	"strings"
	"testing"
)

func TestFilters(t *testing.T) {
	for _, c := range []struct {
		filter, topic   string
		matches, covers bool
	}{
		{"a/b", "a/b", true, true},
		{"a/+", "a/b", true, true},
		{"a/+", "a/+", true, true},
		{"a/b", "a/+", false, false},
		{"a/#", "a", true, true},
		{"a/#", "a/b/c", true, true},
		{"a/#", "a/#", true, true},
		{"a/+", "a/#", true, false}, // as a topic # is a letter, which none has
		{"#", "a/b", true, true},
		{"#", "$SYS/a", false, false},
		{"$SYS/#", "$SYS/a", true, true},
		{"a/b", "a/b/c", false, false},
		{"a/b/c", "a/b", false, false},
		{"+", "a/b", false, false},
		{"a/+/c", "a/b/c", true, true},
		{"a//c", "a//c", true, true},
		{"a/+/c", "a//c", true, true},
	} {
		if got := Matches(c.filter, c.topic); got != c.matches {
			t.Errorf("Matches(%q, %q) = %v", c.filter, c.topic, got)
		}
		if got := Covers(c.filter, c.topic); got != c.covers {
			t.Errorf("Covers(%q, %q) = %v", c.filter, c.topic, got)
		}
	}
}

func FuzzFilters(f *testing.F) {
	f.Add("a/+/#", "a/b/c/d")
	f.Add("garadget/+/status", "garadget/Barn/status")
	f.Fuzz(func(t *testing.T, filter, topic string) {
		if strings.ContainsAny(topic, "+#") {
			return
		}
		if Covers(filter, topic) != Matches(filter, topic) {
			t.Errorf("filter %q, topic %q: for a topic without wildcards both mean the same", filter, topic)
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0x30, 3, 'a', 'b', 'c', 0xc0, 0}, 2)
	f.Add([]byte{0x10, 0xff, 0xff, 0xff, 0x7f}, 3)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		var whole, parts frame
		one := whole.over(stream, 1024)
		cut = min(max(cut, 0), len(stream))
		two := parts.over(stream[:cut], 1024) || parts.over(stream[cut:], 1024)
		if one != two {
			t.Errorf("% x cut at %d: %v and %v", stream, cut, one, two)
		}
		if one && len(stream) < 2 && !bytes.Contains(stream, []byte{0xff}) {
			t.Errorf("% x is too large?", stream)
		}
	})
}
