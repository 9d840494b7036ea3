package gate_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

// Whatever a keypad delivers, in whatever pieces: the door opens only for an entry that is the code, and no
// more is tried than may be.
func FuzzEntries(f *testing.F) {
	f.Add("739154#", uint8(1))
	f.Add("1739154#739154#", uint8(3))
	f.Add("12*739154##", uint8(2))
	f.Add("0000#1111#2222#3333#4444#739154#", uint8(5))
	f.Add("\x00é#\xff739154", uint8(0))
	f.Fuzz(func(t *testing.T, keys string, size uint8) {
		if len(keys) > 500 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			wrong := 0
			h.judged = func(_ seal.Secret, err error) {
				if err != nil {
					wrong++
				}
			}
			stop := h.run(t, 0)
			for rest := keys; rest != ""; {
				n := min(int(size%9)+1, len(rest))
				h.pad.entries <- device.KeypadEntry{Keys: device.Keys(rest[:n])}
				rest = rest[n:]
			}
			<-time.After(9 * time.Second)
			stop()
			want := 0
			for _, entry := range strings.Split(keys, "#") {
				clean := strings.Map(func(r rune) rune {
					if r == '*' || r >= '0' && r <= '9' {
						return r
					}
					return -1
				}, entry)
				if clean[strings.LastIndex(clean, "*")+1:] == ownerPIN {
					want++
				}
			}
			if len(h.opened) > want || wrong < access.FreeMisses && len(h.opened) != want || wrong > access.FreeMisses && want == 0 {
				t.Fatalf("opened %d times, %d entries are the code, %d wrong tries", len(h.opened), want, wrong)
			}
		})
	})
}
