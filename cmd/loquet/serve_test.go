package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/loquet/loquet/api"
)

func TestCalled(t *testing.T) {
	installed := func(name string) (string, error) { return "/usr/bin/" + name, nil }
	nowhere := func(string) (string, error) { return "", exec.ErrNotFound }
	for _, c := range []struct {
		arg0 string
		look func(string) (string, error)
		want string
	}{
		{"loquet", installed, "loquet"},
		{"/usr/bin/loquet", installed, "loquet"},
		{"./loquet", installed, "./loquet"}, // not the one in PATH
		{"bin/loquet", nowhere, "bin/loquet"},
		{"/opt/loquet-2", nowhere, "/opt/loquet-2"},
		{"/tmp/go-build250552525/b001/exe/loquet", nowhere, "go run ./cmd/loquet"},
		{"/home/pi/.cache/go-build/40/402d740df1c4b689ee220d809d8d6d12520f82fae6e8157b0a33c7883404b1a4-d/loquet", installed, "go run ./cmd/loquet"},
		{"/cache/40/402d740df1c4b689ee220d809d8d6d12520f82fae6e8157b0a33c7883404b1a4-d/loquet", nowhere, "go run ./cmd/loquet"},
	} {
		if got := called(c.arg0, c.look); got != c.want {
			t.Errorf("%s: %s, want %s", c.arg0, got, c.want)
		}
	}
}

func TestSome(t *testing.T) {
	for n, want := range map[int]string{0: "", 1: "A", 2: "A · A", 12: strings.Repeat("A · ", 11) + "A", 15: strings.Repeat("A · ", 11) + "A and 3 more"} {
		devices := make([]api.Device, n)
		for i := range devices {
			devices[i].Name = "A"
		}
		if got := some(devices); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
