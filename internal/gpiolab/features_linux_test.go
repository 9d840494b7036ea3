package gpiolab

import (
	"slices"
	"testing"
)

// What a guest did not do, the host must see: a test that it overlooks would never run.
func TestSkippedTestsAreSeen(t *testing.T) {
	text := `=== RUN   TestGuestToggles
--- PASS: TestGuestToggles (0.11s)
=== RUN   TestGuestBridge
    bridge_linux_test.go:40: this kernel lacks a loopback network
--- SKIP: TestGuestBridge (0.00s)
=== RUN   TestGuestGuard
    --- SKIP: TestGuestGuard/killed (0.00s)
    --- SKIP: TestGuestGuard/panics (0.00s)
--- PASS: TestGuestGuard (0.00s)
`
	if got := skippedIn(text); !slices.Equal(got, []string{"TestGuestBridge", "TestGuestGuard"}) {
		t.Errorf("%q", got)
	}
}

func TestAnswerIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"\nLACKS \nRESULT fails=0\n":                           "",
		"boot\n\nLACKS a loopback network\nRESULT fails=0\n":   "a loopback network",
		"\nLACKS one thing, another thing\nRESULT fails=0\n\n": "one thing, another thing",
	} {
		if lacks, ok := answered(text); !ok || lacks != want {
			t.Errorf("%q: %q %v", text, lacks, ok)
		}
	}
	if _, ok := answered("Kernel panic"); ok {
		t.Error("a kernel that says nothing lacks nothing")
	}
}
