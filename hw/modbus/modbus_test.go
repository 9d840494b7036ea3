package modbus

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board/boardtest"
)

// patience is long because machines are busy: a test that passes never waits for it.
const patience = 20 * time.Second

// relay requests a relay and waits until it is there.
func relay(t *testing.T, b *Board, line string, o hw.OutputOptions) hw.Output {
	t.Helper()
	out, err := b.Output(t.Context(), line, o)
	if err != nil {
		t.Fatal(err)
	}
	if !boardtest.Here(t.Context(), out.Watch) {
		t.Fatal("the board does not answer")
	}
	return out
}

// The cable is pulled in the middle of a pulse. A board with a timer of its own ends the pulse by itself,
// any other one as soon as it is back; nothing is sent a second time.
func TestUnpluggedInAPulse(t *testing.T) {
	for name, v := range variants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, v.scheme, v.kind)
			out := relay(t, r.board, "relay-1", hw.OutputOptions{Cap: 800 * time.Millisecond})
			watch := out.Watch(t.Context())
			if err := out.Set(t.Context(), true, 0); err != nil {
				t.Fatal(err)
			}
			r.wire.Cut()
			boardtest.Ended(t, watch)
			if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
				t.Errorf("an order to no board: %v", err)
			}
			if v.kind == Waveshare {
				boardtest.Until(t, "the board ends the pulse", func() bool { return !r.High(1) })
				if got := r.Orders(); got != "1 false,1 true 800ms" {
					t.Errorf("heard %s: the board should have done that alone", got)
				}
			}
			r.wire.Heal()
			boardtest.Await(t, out.Watch, false)
			if r.High(1) {
				t.Error("it says rest and is not")
			}
			if got := strings.Count(r.Orders(), "1 true"); got != 1 {
				t.Errorf("the order was heard %d times: %s", got, r.Orders())
			}
			if err := out.Set(t.Context(), true, 0); err != nil {
				t.Errorf("an order once it is back: %v", err)
			}
		})
	}
}

// An order whose answer does not come is unsure, is sent once, and the relay is brought to rest.
func TestUnsure(t *testing.T) {
	for name, v := range variants() {
		for trouble, cause := range map[string]func(rig){
			"lost": func(r rig) { r.wire.Lose() },
			"late": func(r rig) { r.wire.Stall() },
			"deaf": func(r rig) { do(r.fake, func() bool { r.deaf = true; return true }) },
		} {
			t.Run(name+" "+trouble, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, v.scheme, v.kind)
				out := relay(t, r.board, "relay-2", hw.OutputOptions{Cap: time.Minute})
				cause(r)
				if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnsure) || errors.Is(err, device.ErrUnavailable) {
					t.Errorf("error %v, want unsure", err)
				}
				do(r.fake, func() bool { r.deaf = false; return true })
				r.wire.Heal()
				boardtest.Await(t, out.Watch, false)
				if got := strings.Count(r.Orders(), "2 true"); got != 1 || r.High(2) {
					t.Errorf("the order was heard %d times: %s", got, r.Orders())
				}
			})
		}
	}
}

// A contact changes while an answer about it is under way for longer than anybody waits: the old answer is
// never taken for the new one. Modbus RTU has no numbers that would tell them apart.
func TestLateAnswerIsNotTaken(t *testing.T) {
	for _, scheme := range []string{schemeRTU, schemeOver, schemeTCP} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, scheme, Coils)
			in, err := r.board.Input(t.Context(), "input-1", hw.InputOptions{})
			if err != nil {
				t.Fatal(err)
			}
			r.Drive(1, true)
			boardtest.Await(t, in.Watch, true)
			slow := make(chan struct{})
			do(r.fake, func() bool { r.slow = slow; return true })
			if _, err := in.Read(t.Context()); !errors.Is(err, device.ErrUnavailable) {
				t.Errorf("a board that does not answer: %v", err)
			}
			r.Drive(1, false)
			do(r.fake, func() bool { r.slow = nil; return true })
			close(slow) // now the old answers come
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for ctx.Err() == nil {
				level, err := in.Read(ctx)
				if err != nil {
					continue
				}
				if level.Active {
					t.Error("the late answer was taken for the new one")
				}
				return
			}
			t.Error("the board never comes back")
		})
	}
}

// Two boards share a line. One of them is not there: the other one does not care, and neither hears what is
// meant for the other.
func TestSharedLine(t *testing.T) {
	for _, scheme := range []string{schemeRTU, schemeTCP} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			one, two := newFake(1), newFake(2)
			_, url := plug(t, scheme, one, two)
			env := hw.NewEnv(zerolog.Nop())
			boards := map[int]*Board{}
			for unit := 1; unit <= 3; unit++ {
				c := settings(url, Coils)
				c.Unit = unit
				b, err := Open(t.Context(), env.For("board"), c)
				if err != nil {
					t.Fatal(err)
				}
				boards[unit] = b
			}
			t.Cleanup(func() {
				if err := env.Close(); err != nil {
					t.Error(err)
				}
			})
			gone, err := boards[3].Output(t.Context(), "relay-1", hw.OutputOptions{Cap: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			a := relay(t, boards[1], "relay-1", hw.OutputOptions{Cap: 300 * time.Millisecond})
			b := relay(t, boards[2], "relay-1", hw.OutputOptions{Cap: 300 * time.Millisecond})
			for range 3 {
				for _, out := range []hw.Output{a, b} {
					if err := out.Set(t.Context(), true, 0); err != nil {
						t.Error(err)
					}
					boardtest.Await(t, out.Watch, false)
				}
			}
			if one.Clicks() != 3 || two.Clicks() != 3 {
				t.Errorf("%d and %d clicks, want 3 each", one.Clicks(), two.Clicks())
			}
			if err := gone.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
				t.Errorf("a board that is not there: %v", err)
			}
			c := settings(url, Coils)
			if _, err := Open(t.Context(), env.For("again"), c); !errors.Is(err, hw.ErrInUse) {
				t.Errorf("a unit that another board has: %v", err)
			}
			if c.Unit, c.Baud = 4, 19200; scheme == schemeRTU {
				if _, err := Open(t.Context(), env.For("again"), c); err == nil {
					t.Error("two speeds on one line")
				}
			}
		})
	}
}

// A board that restarted has forgotten that its relay is on: nobody is told that it still is.
func TestRestartedBoard(t *testing.T) {
	r := newRig(t, schemeTCP, Coils)
	out := relay(t, r.board, "relay-1", hw.OutputOptions{Rest: true}) // a magnet that holds by current
	if !r.High(1) {
		t.Fatal("it is not at rest")
	}
	watch := out.Watch(t.Context())
	r.Turn(1, false)
	boardtest.Ended(t, watch)
	boardtest.Await(t, out.Watch, true)
	if !r.High(1) {
		t.Error("it says rest and is not")
	}
}

// A board that refuses an order has not carried it out, and stays usable.
func TestRefusedOrder(t *testing.T) {
	r := newRig(t, schemeTCP, Waveshare)
	out := relay(t, r.board, "relay-1", hw.OutputOptions{Cap: time.Second})
	do(r.fake, func() bool { r.code = 3; return true })
	err := out.Set(t.Context(), true, 0)
	do(r.fake, func() bool { r.code = 0; return true })
	var op *hw.OpError
	if err == nil || errors.Is(err, device.ErrUnsure) || !errors.As(err, &op) || op.Hint == "" {
		t.Errorf("error %v", err)
	}
	if err := out.Set(t.Context(), true, 0); err != nil || r.Clicks() != 1 {
		t.Errorf("the next order: %v, %d clicks", err, r.Clicks())
	}
}

// An adapter that hears what it sends would confirm every order itself. It is found out before the first.
func TestEcho(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(1)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			far, near := net.Pipe()
			go serve(far, false, []*fake{f})
			go func() { _, _ = io.Copy(conn, near) }()
			go func() { _, _ = io.Copy(io.MultiWriter(conn, near), conn) }()
		}
	}()
	env := hw.NewEnv(zerolog.Nop())
	b := open(t, env, settings("rtuovertcp://"+ln.Addr().String(), Coils))
	t.Cleanup(func() { ln.Close() })
	out, err := b.Output(t.Context(), "relay-1", hw.OutputOptions{Cap: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	boardtest.Until(t, "the board knows why it is not used", func() bool {
		err := b.Why()
		return err != nil && strings.Contains(err.Error(), "hears what it sends")
	})
	if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnavailable) || f.Clicks() != 0 {
		t.Errorf("error %v, %d clicks", err, f.Clicks())
	}
}

// Nobody is kept waiting by a board that is not there, and Close ends.
func TestNoBoard(t *testing.T) {
	for _, url := range []string{"rtu:///nonexistent/port", "tcp://127.0.0.1:1", "rtuovertcp://127.0.0.1:1"} {
		env := hw.NewEnv(zerolog.Nop())
		b := open(t, env, settings(url, Coils))
		out, err := b.Output(t.Context(), "relay-1", hw.OutputOptions{Cap: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		in, err := b.Input(t.Context(), "input-8", hw.InputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := out.Last(); ok {
			t.Errorf("%s: it tells a level", url)
		}
		if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
			t.Errorf("%s: error %v, want unavailable", url, err)
		}
		if _, err := in.Read(t.Context()); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("%s: read: %v", url, err)
		}
		if err := env.Close(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestSettings(t *testing.T) {
	good := settings("tcp://192.0.2.1", Coils)
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		field  string
		change func(*Config)
	}{
		"no url":        {"url", func(c *Config) { c.URL = "" }},
		"no scheme":     {"url", func(c *Config) { c.URL = "/dev/ttyUSB0" }},
		"other scheme":  {"url", func(c *Config) { c.URL = "http://192.0.2.1:502" }},
		"no path":       {"url", func(c *Config) { c.URL = "rtu://ttyUSB0" }},
		"no port":       {"url", func(c *Config) { c.URL = "rtuovertcp://192.0.2.1" }},
		"a password":    {"url", func(c *Config) { c.URL = "tcp://a:b@192.0.2.1" }},
		"broadcast":     {"unit", func(c *Config) { c.Unit = 0 }},
		"unit":          {"unit", func(c *Config) { c.Unit = 248 }},
		"kind":          {"kind", func(c *Config) { c.Kind = "toggle" }},
		"nothing":       {"relays", func(c *Config) { c.Relays, c.Inputs = 0, 0 }},
		"too many":      {"relays", func(c *Config) { c.Inputs = 65 }},
		"first relay":   {"first_relay", func(c *Config) { c.FirstRelay = 65530 }},
		"flash address": {"first_relay", func(c *Config) { c.Kind, c.FirstRelay = Waveshare, 16 }},
		"first input":   {"first_input", func(c *Config) { c.FirstInput = -1 }},
		"baud":          {"baud", func(c *Config) { c.Baud = 9601 }},
		"parity":        {"parity", func(c *Config) { c.Parity = "mark" }},
		"poll":          {"poll", func(c *Config) { c.Poll = time.Minute }},
	} {
		bad := good
		c.change(&bad)
		errs := hw.FieldErrors(bad.Check())
		if len(errs) != 1 || errs[0].Field != c.field || errs[0].Remedy == "" {
			t.Errorf("%s: %v", name, bad.Check())
		}
	}
}
