package gpio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/lines"
	"github.com/loquet/loquet/internal/gpiolab"
)

func (p *probed) board(t *testing.T, c Config) *Board {
	b := newBoard(p, c, zerolog.Nop())
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func quick() Config { return Config{Bias: biasAsIs} }

func TestGuestBoard(t *testing.T) {
	gpiolab.Guest(t)
	rigs := 0
	hwtest.TestBoard(t, func(t *testing.T) hwtest.BoardRig {
		rigs++ // the suite has several at a time
		label := fmt.Sprintf("relays-%d", rigs)
		c := gpiolab.Plug(t, label, 8, nil)
		p := probe1(c, 3)
		b := newBoard(p, defaults(), zerolog.Nop())
		return hwtest.BoardRig{
			Board: b, Out: label + "/3", In: label + "/5",
			High:   func() bool { return c.High(3) },
			Clicks: p.Clicks,
			Drive:  func(high bool) { c.Drive(5, high) },
			Close:  b.Close,
		}
	})
}

// An active-low relay board, a strike that rests energised: whatever the pin was before, the request takes
// it to rest in one step.
func TestGuestRequestIsOneStep(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "relays", 4, nil)
	p := probe1(c, 2)
	b := p.board(t, quick())
	for _, o := range []hw.OutputOptions{{}, {ActiveLow: true}, {Rest: true}, {Rest: true, ActiveLow: true}} {
		for _, before := range []bool{false, true} {
			c.Drive(2, before)
			rest := o.Rest != o.ActiveLow
			out, err := b.Output(t.Context(), "2", o)
			if err != nil {
				t.Fatal(err)
			}
			if seen := p.seen(); !slices.Equal(seen, []bool{rest}) {
				t.Errorf("%+v from %v: the pin went %v, want %v at once", o, before, seen, rest)
			}
			if err := out.Close(); err != nil {
				t.Error(err)
			}
			if seen := p.seen(); slices.Contains(seen, !rest) {
				t.Errorf("%+v: closing took the pin through %v", o, seen)
			}
		}
	}
	// The probe can see a glitch: direction first and level afterwards, as other programs do it.
	c.Drive(2, true)
	ch, err := p.open(c.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Close()
	req, err := ch.request(newRequest([]uint32{2}, "two steps", flagOutput))
	if err != nil {
		t.Fatal(err)
	}
	defer req.Close()
	if err := req.set(1, 1); err != nil {
		t.Fatal(err)
	}
	if seen := p.seen(); !slices.Equal(seen, []bool{false, true}) {
		t.Errorf("two steps were seen as %v: the probe is blind", seen)
	}
}

func TestGuestToggles(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "relays", 2, map[int]string{1: "RELAY1"})
	out, err := probe1(c, 1).board(t, quick()).Output(t.Context(), "RELAY1", hw.OutputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var took time.Duration
	for i := range 200 {
		want := i%2 == 0
		began := time.Now()
		if err := out.Set(t.Context(), want, 0); err != nil {
			t.Fatal(err)
		}
		took += time.Since(began)
		if c.High(1) != want {
			t.Fatalf("toggle %d: the pin is %v", i, !want)
		}
	}
	t.Logf("200 toggles, %v each (the probe's look included)", took/200)
}

func TestGuestEdges(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "contacts", 2, nil)
	in, err := probe1(c, 0).board(t, quick()).Input(t.Context(), "0", hw.InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	watch := in.Watch(t.Context())
	first := <-watch
	const edges = 2000
	var late []time.Duration
	for i := range edges {
		high := i%2 == 0
		began := time.Now()
		c.Drive(0, high)
		level := <-watch
		for level.Active != high { // the level before, read again
			level = <-watch
		}
		late = append(late, time.Since(began))
		if level.At.Before(began.Add(-time.Millisecond)) || level.At.After(time.Now()) {
			t.Fatalf("edge %d: the kernel's time is %v after it was made, %v ago", i, level.At.Sub(began), time.Since(level.At))
		}
	}
	last, err := in.Read(t.Context())
	tooLate := time.After(5 * time.Second)
	for err == nil && last.Seq-first.Seq < edges { // the last level may be read before its edge is counted
		select {
		case last = <-watch:
		case <-tooLate:
			err = context.DeadlineExceeded
		}
	}
	if err != nil || last.Seq-first.Seq != edges {
		t.Errorf("%d edges were counted, want %d (%v)", last.Seq-first.Seq, edges, err)
	}
	slices.Sort(late)
	t.Logf("%d edges: p50 %v, p99 %v, worst %v", edges, late[edges/2], late[edges*99/100], late[edges-1])
}

// Two wires in one request: every edge, in order, with nothing lost in a burst that nobody reads.
func TestGuestEdgesTogether(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "reader", 2, nil)
	e, err := probe1(c, 0).board(t, quick()).Edges(t.Context(), []string{"1", "0"}, hw.InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	watch := e.Watch(t.Context())
	var want []string
	for i := range 100 {
		wire := i % 2
		for _, high := range []bool{true, false} {
			c.Drive(wire, high)
			want = append(want, fmt.Sprint(1-wire, high))
		}
	}
	var got []string
	var at time.Duration
	for i := range want {
		edge := <-watch
		if edge.Seq != uint32(i+1) || edge.At < at {
			t.Fatalf("edge %d is %+v, after %v", i, edge, at)
		}
		at = edge.At
		got = append(got, fmt.Sprint(edge.Line, edge.Active))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestGuestDebounce(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "contacts", 1, nil)
	b := probe1(c, 0).board(t, Config{Bias: biasAsIs, Debounce: 20 * time.Millisecond})
	in, err := b.Input(t.Context(), "0", hw.InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	watch := in.Watch(t.Context())
	first := <-watch
	for i := range 21 {
		c.Drive(0, i%2 == 0)
	}
	if level := <-watch; !level.Active || level.Seq != first.Seq+1 {
		t.Errorf("21 bounces came as %+v after %+v, want one edge", level, first)
	}
}

// A busy host takes the processor away from the whole kernel, hence the second run in virtual time: there
// every pulse counts, in real time the best one.
func TestGuestPulse(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "relays", 1, nil)
	out, err := probe1(c, 0).board(t, quick()).Output(t.Context(), "0", hw.OutputOptions{Cap: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	look := time.NewTicker(500 * time.Microsecond)
	defer look.Stop()
	const tolerance = 20 * time.Millisecond
	var wrong []time.Duration
	for range 10 {
		const pulse = 100 * time.Millisecond
		began := time.Now()
		if err := out.Set(t.Context(), true, pulse); err != nil {
			t.Fatal(err)
		}
		for c.High(0) {
			<-look.C
		}
		off := time.Since(began) - pulse
		if off < -time.Millisecond {
			t.Errorf("a pulse of %v is shorter by %v", pulse, -off)
		}
		wrong = append(wrong, off.Abs())
		for { // until it says so too
			if level, _ := out.Last(); !level.Active {
				break
			}
			<-look.C
		}
	}
	slices.Sort(wrong)
	judged := wrong[0]
	if gpiolab.Virtual() {
		judged = wrong[len(wrong)-1]
	}
	if judged > tolerance {
		t.Errorf("pulses are off by %v, at most %v is allowed", judged, tolerance)
	}
	t.Logf("10 pulses of 100ms: off by %v at best, %v in the middle, %v at worst", wrong[0], wrong[len(wrong)/2], wrong[len(wrong)-1])
}

func TestGuestBusyLine(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "relays", 4, nil)
	ch, err := linux{}.open(c.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Close()
	req, err := ch.request(newRequest([]uint32{3}, "thermostat", flagInput))
	if err != nil {
		t.Fatal(err)
	}
	b := probe1(c, 3).board(t, quick())
	_, err = b.Output(t.Context(), "3", hw.OutputOptions{})
	var op *hw.OpError
	if !errors.Is(err, hw.ErrInUse) || !errors.As(err, &op) || !strings.Contains(err.Error(), `held by "thermostat"`) || op.Hint == "" {
		t.Errorf("error %v, want one that names thermostat", err)
	}
	req.Close()
	if _, err := b.Output(t.Context(), "3", hw.OutputOptions{Consumer: "loquet: garage"}); err != nil {
		t.Fatal(err)
	}
	if info, err := ch.line(3); err != nil || text(info.Consumer) != "loquet: garage" {
		t.Errorf("the kernel says %q holds it: %v", text(info.Consumer), err)
	}
}

// The chip goes while a relay is energised, and comes back: the relay is at rest, and nothing clicked.
func TestGuestChipGoesAndComesBack(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "relays", 4, map[int]string{1: "RELAY1"})
	p := probe1(c, 1)
	b := p.board(t, quick())
	out, err := b.Output(t.Context(), "RELAY1", hw.OutputOptions{ActiveLow: true})
	if err != nil {
		t.Fatal(err)
	}
	in, err := b.Input(t.Context(), "2", hw.InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := b.Edges(t.Context(), []string{"0", "3"}, hw.InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Set(t.Context(), true, 0); err != nil || c.High(1) {
		t.Fatalf("it is not energised: %v", err)
	}
	outs, ins, edges := out.Watch(t.Context()), in.Watch(t.Context()), pair.Watch(t.Context())
	began := time.Now()
	c.Live(false)
	for range outs { // ends
	}
	for range ins { // ends
	}
	for range edges { // ends
	}
	noticed := time.Since(began)
	if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("an order to a chip that is gone: %v", err)
	}
	if _, err := in.Read(t.Context()); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("reading a chip that is gone: %v", err)
	}
	p.seen()
	outs, ins, edges = out.Watch(t.Context()), in.Watch(t.Context()), pair.Watch(t.Context())
	began = time.Now()
	c.Live(true)
	c.Drive(2, true)
	if level := <-outs; level.Active {
		t.Error("the output came back energised")
	}
	for level := range ins {
		if level.Active {
			break
		}
	}
	back := time.Since(began)
	if !c.High(1) || !slices.Equal(p.seen(), []bool{true}) {
		t.Error("the relay moved when the chip came back")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for out.Set(ctx, true, 0) != nil && ctx.Err() == nil { // the level is told a moment before orders are taken
	}
	if c.High(1) {
		t.Error("it cannot be energised again")
	}
	for i := range 100 { // the two wires may come back after the others
		c.Drive(0, i%2 == 0)
		select {
		case <-edges:
			t.Logf("gone after %v, back after %v", noticed, back)
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Error("the two wires did not come back")
}

// What a configuration says goes all the way to the pin: one click of an active-low relay, and no second
// master for it.
func TestGuestOpenerThroughEnv(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "pinctrl-sim", 28, map[int]string{17: "GPIO17"})
	p := probe1(c, 17)
	env := hw.NewEnv(zerolog.Nop())
	defer env.Close()
	if err := env.Add("gpio", newBoard(p, defaults(), zerolog.Nop())); err != nil {
		t.Fatal(err)
	}
	open := func(id string, ref hw.Ref) (device.Opener, error) {
		return hw.NewRegistry(lines.OpenerDriver()).Open(t.Context(), env.For(id), "lines", func(into any) error {
			into.(*lines.OpenerConfig).Relay, into.(*lines.OpenerConfig).Pulse = ref, 100*time.Millisecond
			return nil
		})
	}
	garage, err := open("garage", "!gpio:17")
	if err != nil {
		t.Fatal(err)
	}
	if !c.High(17) {
		t.Error("an active-low relay is energised by opening its driver")
	}
	if _, err := open("gate", "gpio:pinctrl-sim/GPIO17"); !errors.Is(err, hw.ErrInUse) || !strings.Contains(err.Error(), "garage") {
		t.Errorf("a second master: %v", err)
	}
	if err := garage.Trigger(t.Context(), device.TargetOpen); err != nil {
		t.Fatal(err)
	}
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !c.High(17) {
		<-look.C
	}
	if err := env.Close(); err != nil {
		t.Error(err)
	}
	if p.Clicks() != 1 {
		t.Errorf("%d clicks, want one", p.Clicks())
	}
}

func TestGuestNames(t *testing.T) {
	gpiolab.Guest(t)
	a := gpiolab.Plug(t, "expander-a", 8, map[int]string{2: "GATE"})
	gpiolab.Plug(t, "expander-b", 4, map[int]string{0: "DOOR", 1: "GATE"})
	if err := os.Symlink(a.Path(), "/dev/gpiochip99"); err != nil { // as on Raspberry Pi OS
		t.Fatal(err)
	}
	defer func() { _ = os.Remove("/dev/gpiochip99") }()
	b := probe1(a, 0).board(t, quick())
	for _, tt := range []struct{ ref, want, says string }{
		{"6", "expander-a/6", ""},
		{"DOOR", "expander-b/0", ""},
		{"expander-b/GATE", "expander-b/1", ""},
		{"3", "", "more than one chip"},
		{"GATE", "", "more than one chip"},
		{"9", "", "expander-b (4 lines)"},
		{"expander-c/1", "", `no chip "expander-c"`},
	} {
		got, err := b.Canonical(tt.ref)
		if tt.says == "" && (err != nil || got != tt.want) || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %q, %v; want %q %s", tt.ref, got, err, tt.want, tt.says)
		}
	}
}
