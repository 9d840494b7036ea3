package clock

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTouchedLately(t *testing.T) {
	path := filepath.Join(t.TempDir(), "synchronized")
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	if touchedLately(path, now) {
		t.Error("no time service ran")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for age, want := range map[time.Duration]bool{
		0: true, 34 * time.Minute: true, 8 * time.Hour: true, 9 * time.Hour: false, 30 * 24 * time.Hour: false,
		-24 * time.Hour: false, // the clock was set back since: that time says nothing
	} {
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
		if got := touchedLately(path, now); got != want {
			t.Errorf("touched %v ago: %t", age, got)
		}
	}
}
