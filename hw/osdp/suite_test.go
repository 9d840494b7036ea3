package osdp

import (
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/internal/serial/serialtest"
	"github.com/rs/zerolog"
)

func TestSuite(t *testing.T) {
	hwtest.TestKeypad(t, func(t *testing.T) hwtest.KeypadRig {
		own := key{1, 2, 3}
		r := &reader{key: &own}
		dir := t.TempDir()
		ln, err := net.Listen("unix", filepath.Join(dir, "reader.sock"))
		if err != nil {
			t.Fatal(err)
		}
		wire := hwtest.NewWire(ln)
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				conn, err := wire.Accept()
				if err != nil {
					return
				}
				serving.Go(func() { r.serve(conn) })
			}
		})
		t.Cleanup(serving.Wait)
		t.Cleanup(func() { ln.Close() })
		c := Config{Port: serialtest.Cable(t, "unix", ln.Addr().String()), Baud: 9600, Address: 5, KeyFile: filepath.Join(dir, "reader.key")}
		if err := keyFile(c.KeyFile).write(own); err != nil {
			t.Fatal(err)
		}
		env := hw.NewEnv(zerolog.Nop())
		k, err := Open(t.Context(), env.For("front-pad"), c)
		if err != nil {
			t.Fatal(err)
		}
		wait(t, k, "online", func(s device.KeypadStatus) bool { return s.Online })
		return hwtest.KeypadRig{
			Keypad: k, Close: env.Close, Cut: wire.Cut, Heal: wire.Heal,
			Type: func(keys string) {
				for _, key := range keys {
					if key == '#' {
						key = 0x0D
					}
					r.happen(nil, frame{id: repKeypad, data: fmt.Appendf(nil, "\x00\x01%c", key)})
				}
			},
			Shown: func() int {
				r.mu.Lock()
				defer r.mu.Unlock()
				return len(r.shown)
			},
		}
	})
}
