package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The demo has the time zone of the machine: without one no calendar can be added.
func TestLocalZone(t *testing.T) {
	dir := t.TempDir()
	zones := filepath.Join(dir, "zoneinfo", "Europe")
	if err := os.MkdirAll(zones, 0o700); err != nil {
		t.Fatal(err)
	}
	paris, link, copied := filepath.Join(zones, "Paris"), filepath.Join(dir, "localtime"), filepath.Join(dir, "copied")
	for _, file := range []string{paris, copied} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(paris, link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ tz, localtime, want string }{
		{"", link, "Europe/Paris"},
		{"Asia/Tokyo", link, "Asia/Tokyo"},
		{":Asia/Tokyo", link, "Asia/Tokyo"},
		{"CET-1CEST", link, "Europe/Paris"},
		{"Local", link, "Europe/Paris"},
		{"", copied, "UTC"},
		{"", filepath.Join(dir, "none"), "UTC"},
	} {
		if got := localZone(tt.tz, tt.localtime); got != tt.want {
			t.Errorf("TZ=%q, %s: %q, want %q", tt.tz, filepath.Base(tt.localtime), got, tt.want)
		}
	}
}
