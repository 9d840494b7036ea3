package hwtest_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/lines"
	"github.com/loquet/loquet/hw/sim"
)

// seeded names the bug that a child process of TestTheSuiteFindsBugs runs the suite on.
const seeded = "LOQUET_SEEDED_BUG"

// bugs are drivers that were good until one thing was broken in them.
var bugs = []struct {
	name string
	want string // the subtest that has to fail
	bug  func(device.Opener, *hwtest.Peer) device.Opener
}{
	{"none", "", func(o device.Opener, _ *hwtest.Peer) device.Opener { return o }},
	{"clicks when it is opened", "nothing_moves_at_open_and_close", func(o device.Opener, _ *hwtest.Peer) device.Opener {
		_ = o.Trigger(context.Background(), device.TargetOpen)
		return o
	}},
	{"tries again when it is unsure", "a_lost_answer_is_one_click,_and_unsure", func(o device.Opener, _ *hwtest.Peer) device.Opener {
		return broken{o, func(ctx context.Context, target device.Target) error {
			err := o.Trigger(ctx, target)
			if errors.Is(err, device.ErrUnsure) {
				atRest(o)
				_ = o.Trigger(context.WithoutCancel(ctx), target)
			}
			return err
		}, nil}
	}},
	{"sends what was cancelled", "cancelled_is_not_sent", func(o device.Opener, _ *hwtest.Peer) device.Opener {
		return broken{o, func(ctx context.Context, target device.Target) error {
			_ = o.Trigger(context.WithoutCancel(ctx), target)
			return ctx.Err()
		}, nil}
	}},
	{"names no device", "cancelled_is_not_sent", func(o device.Opener, _ *hwtest.Peer) device.Opener {
		return broken{o, func(ctx context.Context, target device.Target) error {
			if err := o.Trigger(ctx, target); err != nil {
				return errors.Unwrap(err)
			}
			return nil
		}, nil}
	}},
	{"stays on after close", "at_rest_after_close", func(o device.Opener, p *hwtest.Peer) device.Opener {
		p.Close = func() error { return nil }
		return o
	}},
	{"invents when it was taken", "the_first_reading_comes_on_subscription", func(o device.Opener, _ *hwtest.Peer) device.Opener {
		return broken{o, o.Trigger, func(r device.Reading) device.Reading {
			r.Taken = time.Now().Add(time.Hour)
			return r
		}}
	}},
	{"moves without a target", "an_order_needs_a_target", func(o device.Opener, _ *hwtest.Peer) device.Opener {
		return broken{o, func(ctx context.Context, _ device.Target) error { return o.Trigger(ctx, device.TargetOpen) }, nil}
	}},
}

// atRest waits until the connection is back and the relay off.
func atRest(o device.Opener) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		for r := range o.Readings(ctx) {
			if r.Energised == device.No {
				return
			}
		}
	}
}

// broken is an opener with another way to trigger or to read.
type broken struct {
	device.Opener
	trigger func(context.Context, device.Target) error
	read    func(device.Reading) device.Reading
}

func (b broken) Trigger(ctx context.Context, target device.Target) error {
	return b.trigger(ctx, target)
}

func (b broken) Readings(ctx context.Context) <-chan device.Reading {
	if b.read == nil {
		return b.Opener.Readings(ctx)
	}
	out := make(chan device.Reading, 1)
	go func() {
		defer close(out)
		for r := range b.Opener.Readings(ctx) {
			hw.Offer(out, b.read(r))
		}
	}()
	return out
}

// A suite that cannot fail proves nothing: each bug must be found, by the test that is there for it.
func TestTheSuiteFindsBugs(t *testing.T) {
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeeded$", "-test.v", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), seeded+"="+b.name)
			out, err := cmd.CombinedOutput()
			switch {
			case b.want == "" && err != nil:
				t.Errorf("a good driver fails: %v\n%s", err, out)
			case b.want != "" && !strings.Contains(string(out), "--- FAIL: TestSeeded/"+b.want):
				t.Errorf("%q does not fail: %v\n%s", b.want, err, out)
			}
		})
	}
}

// TestSeeded is the child process: the suite on the opener "lines" over a socket, with one bug.
func TestSeeded(t *testing.T) {
	for _, b := range bugs {
		if b.name == os.Getenv(seeded) {
			hwtest.TestOpener(t, func(t *testing.T) hwtest.OpenerRig { return rig(t, b.bug) })
		}
	}
}

func rig(t *testing.T, bug func(device.Opener, *hwtest.Peer) device.Opener) hwtest.OpenerRig {
	t.Helper()
	w, err := sim.New(sim.DemoHouse(), 1)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "w.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	wire := hwtest.NewWire(ln)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sim.Serve(ctx, wire, w) }()
	t.Cleanup(func() {
		cancel()
		wire.Heal()
		<-served
		w.Close()
	})
	board, err := sim.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	root := hw.NewEnv(zerolog.Nop())
	if err := root.Add("sim", board); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	env := root.For("garage")
	c := lines.OpenerConfig{Relay: "sim:garage/relay", Pulse: 60 * time.Millisecond}
	opener, err := lines.NewOpener(t.Context(), env, c)
	if err != nil {
		t.Fatal(err)
	}
	status := func() sim.Status {
		s, _ := w.Status("garage")
		return s
	}
	peer := hwtest.Peer{
		Device:    "garage",
		Clicks:    func() int { return status().PulsesTotal },
		Energised: func() bool { return status().Energised },
		Close:     env.Close,
		Wire:      wire,
	}
	o := bug(opener, &peer)
	return hwtest.OpenerRig{Peer: peer, Opener: o, Traits: c.Traits()}
}
