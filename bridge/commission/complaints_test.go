package commission

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/matter"
)

// Ten thousand hostile datagrams are a line a minute for each kind, and every one is counted.
func TestComplaintsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := newComplaints(zerolog.New(&out))
		rubbish := errors.New("rubbish")
		for i := range 10_000 {
			c.hear(fmt.Errorf("%w: %w", matter.ErrHandshake, rubbish))
			if i%100 == 0 {
				c.hear(fmt.Errorf("%w: %w", matter.ErrPasscode, rubbish))
			}
			time.Sleep(30 * time.Millisecond) // 5 minutes in all
		}
		time.Sleep(2 * telling) // silence
		c.hear(rubbish)
		c.hear(rubbish)
		c.end()
		c.hear(rubbish)
		lines, counts := 0, map[string]int{}
		for in := json.NewDecoder(&out); in.More(); lines++ {
			var line struct {
				Kind, Last, Message string
				Count               int
			}
			if err := in.Decode(&line); err != nil || line.Last == "" || line.Message != "Matter: something came to nothing" {
				t.Fatalf("%+v, %v", line, err)
			}
			counts[line.Kind] += line.Count
		}
		if counts["session"] != 10_000 || counts["passcode"] != 100 || counts["node"] != 2 || lines > 2*6+2 {
			t.Errorf("%d lines, %v", lines, counts)
		}
	})
}
