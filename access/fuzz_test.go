package access_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
)

// Whatever a stored window says, what is read is a window that can be judged at any moment, and reads the same
// when it is written again.
func FuzzWindow(f *testing.F) {
	for _, text := range []string{
		`{"kind":"always"}`, `{"kind":"dates","from":"2026-07-01T15:00","to":"2026-07-05T11:00","zone":"Europe/Paris"}`,
		`{"kind":"weekly","days":"mon,wed","begin":"22:00","end":"06:00","zone":"Australia/Lord_Howe"}`, `{"kind":"count","uses":3}`,
		`{"kind":"weekly","days":"daily","begin":"00:00","end":"24:00","from":"2026-07-01T15:00","to":"2026-07-05T11:00","zone":"UTC"}`,
	} {
		f.Add([]byte(text), int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, text []byte, at int64) {
		var w access.Window
		if err := json.Unmarshal(text, &w); err != nil {
			if !errors.Is(err, access.ErrWindow) && json.Valid(text) {
				t.Fatal(err)
			}
			return
		}
		again, err := json.Marshal(w)
		var back access.Window
		if err == nil {
			err = json.Unmarshal(again, &back)
		}
		if err != nil || back != w {
			t.Fatalf("%s became %s: %v", text, again, err)
		}
		now := time.Unix(at%200_000_000_000, 0)
		s, ok, err := w.Next(now)
		if err != nil || ok && !s.End.IsZero() && (!s.Start.Before(s.End) || !now.Before(s.End)) {
			t.Fatalf("%s at %s: %+v, %v, %v", text, now, s, ok, err)
		}
	})
}
