package gpio

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/wiegand"
	"github.com/loquet/loquet/internal/gpiolab"
)

// reader is a Wiegand reader whose bits may go wrong.
type reader struct{ gpiolab.Wires }

// send sends bits, with a pause more before the one with the number late; that with the number lost is
// not sent. Negative: none.
func (r reader) send(bits []int, lost, late int) {
	for i, bit := range bits {
		if i == lost {
			continue
		}
		if i == late {
			gpiolab.Pause(2 * wiegand.MaxSpacing * 3 / 4)
		}
		r.Send(bit)
	}
	gpiolab.Pause(2 * wiegand.Quiet)
}

// card is a frame of a format with right parity: the first half even, the second half odd.
func card(bits int, value uint64) []int {
	frame := make([]int, bits)
	for i := bits - 2; i > 0; i-- {
		frame[i] = int(value & 1)
		value >>= 1
	}
	half := bits / 2
	if bits%2 == 1 { // the bit in the middle belongs to both halves
		half++
	}
	for _, b := range frame[1:half] {
		frame[0] ^= b
	}
	frame[bits-1] = 1
	for _, b := range frame[bits/2 : bits-1] {
		frame[bits-1] ^= b
	}
	return frame
}

func TestGuestWiegand(t *testing.T) {
	gpiolab.Guest(t)
	c := gpiolab.Plug(t, "reader", 2, nil)
	r := reader{gpiolab.Wires{Chip: c, Zero: 0, One: 1}}
	r.Rest()
	env := hw.NewEnv(zerolog.Nop())
	defer env.Close()
	if err := env.Add("gpio", newBoard(linux{}, quick(), zerolog.Nop())); err != nil {
		t.Fatal(err)
	}
	pad, err := wiegand.NewKeypad(t.Context(), env.For("studio-pad"), wiegand.Config{D0: "gpio:reader/0", D1: "gpio:reader/1"})
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := linux{}.open(c.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	for wire := range uint32(2) { // as the kernel has them: a pulse is over before its end could be told from its start
		if info, err := kernel.line(wire); err != nil || info.Flags&flagEdges != flagFalling {
			t.Errorf("wire %d is requested with the edges %#x, %v, want falling alone", wire, info.Flags&flagEdges, err)
		}
	}
	entries := pad.Entries(t.Context())
	sent := map[string]bool{}
	// heard is what came of what was sent. A busy host takes the processor from the whole kernel, so that
	// frames fall apart; in virtual time that does not happen.
	heard := func() (cards []string, stars int) {
		for {
			select {
			case e := <-entries:
				if e.Card == nil {
					stars++
					continue
				}
				cards = append(cards, fmt.Sprint(bitsOf(e.Card)))
			default:
				return cards, stars
			}
		}
	}
	whole, frames := 0, 0
	for _, length := range []int{26, 34, 37} {
		for n := range 10 {
			frame := card(length, uint64(n+1)*0x12345)
			sent[fmt.Sprint(frame)] = true
			frames++
			r.send(frame, -1, -1)
			cards, _ := heard()
			for _, c := range cards {
				if !sent[c] {
					t.Errorf("a card that nobody has: %s", c)
				}
			}
			if slices.Equal(cards, []string{fmt.Sprint(frame)}) {
				whole++
			}
		}
		damaged := map[string][2]int{"the first bit is lost": {0, -1}, "a bit is lost": {length / 2, -1}, "the last bit is lost": {length - 1, -1},
			"a bit comes late": {-1, length / 3}}
		for what, how := range damaged {
			r.send(card(length, 0x5a5a5), how[0], how[1])
			if cards, stars := heard(); gpiolab.Virtual() && (len(cards) > 0 || stars == 0) {
				t.Errorf("%d bits, %s: cards %v, %d stars", length, what, cards, stars)
			}
		}
	}
	t.Logf("%d of %d frames whole", whole, frames)
	if whole != frames && gpiolab.Virtual() {
		t.Error("a frame was lost")
	}
}

func bitsOf(c *device.Card) []int {
	bits := make([]int, c.Bits)
	for i := range bits {
		bits[i] = int(c.Data[i/8] >> (7 - i%8) & 1)
	}
	return bits
}

// An expander on an I2C bus is a chip as any other: it is found by its label, driven, read, and lent once.
func TestGuestExpander(t *testing.T) {
	gpiolab.Guest(t)
	stub := gpiolab.Expander(t, 0x20)
	b := newBoard(linux{}, quick(), zerolog.Nop())
	defer b.Close()
	const line, latch, direction = "mcp23017/9", 0x14, 0x00
	for _, low := range []bool{false, true} {
		out, err := b.Output(t.Context(), line, hw.OutputOptions{ActiveLow: low, Cap: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		is := func(want bool) bool {
			return stub.Word(t, latch)>>9&1 == 1 == (want != low) && stub.Word(t, direction)>>9&1 == 0
		}
		if !is(false) {
			t.Errorf("active-low %v: not at rest, latch %#x, direction %#x", low, stub.Word(t, latch), stub.Word(t, direction))
		}
		if err := out.Set(t.Context(), true, 100*time.Millisecond); err != nil || !is(true) {
			t.Errorf("active-low %v: not energised: %v, latch %#x", low, err, stub.Word(t, latch))
		}
		for level := range out.Watch(t.Context()) {
			if !level.Active {
				break
			}
		}
		if !is(false) {
			t.Errorf("active-low %v: not at rest after its pulse", low)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
	in, err := b.Input(t.Context(), "mcp23017/3", hw.InputOptions{ActiveLow: true}) // it has no interrupt: it is asked
	if err != nil {
		t.Fatal(err)
	}
	if level, err := in.Read(t.Context()); err != nil || !level.Active {
		t.Errorf("%+v, %v", level, err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

// trace is what the kernel itself recorded of a line: the levels that were driven, in order.
type trace struct {
	t    *testing.T
	line string // its number in this kernel
}

const tracing = "/sys/kernel/tracing/"

func (tr *trace) write(file, text string) {
	tr.t.Helper()
	if err := os.WriteFile(tracing+file, []byte(text), 0); err != nil {
		tr.t.Fatal(err)
	}
}

// traced begins the record of one line.
func traced(t *testing.T, c *gpiolab.Chip, offset int) *trace {
	t.Helper()
	chips, err := os.ReadFile("/sys/kernel/debug/gpio")
	if err != nil {
		t.Fatal(err)
	}
	tr := &trace{t: t}
	name := strings.TrimPrefix(c.Path(), "/dev/") + ": GPIOs "
	for text := range strings.Lines(string(chips)) {
		if rest, ok := strings.CutPrefix(text, name); ok {
			first, _, _ := strings.Cut(rest, "-")
			base, err := strconv.Atoi(first)
			if err != nil {
				t.Fatal(err)
			}
			tr.line = strconv.Itoa(base + offset)
		}
	}
	if tr.line == "" {
		t.Fatalf("no %q in\n%s", name, chips)
	}
	tr.write("events/gpio/enable", "1")
	tr.write("trace", "")
	t.Cleanup(func() { tr.write("events/gpio/enable", "0") })
	return tr
}

// driven returns the levels that the kernel drove since the last call.
func (tr *trace) driven() []bool {
	tr.t.Helper()
	b, err := os.ReadFile(tracing + "trace")
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.write("trace", "")
	var levels []bool
	for text := range strings.Lines(string(b)) {
		_, event, ok := strings.Cut(text, "gpio_value: "+tr.line+" set ")
		if ok {
			levels = append(levels, strings.TrimSpace(event) == "1")
		}
	}
	return levels
}

// From the kernel's side: whatever the line was, a request drives its rest level and nothing else, and so
// does giving it back.
func TestGuestRequestHasNoGlitch(t *testing.T) {
	gpiolab.Needs(t, gpiolab.Tracing)
	c := gpiolab.Plug(t, "relays", 4, nil)
	b := newBoard(linux{}, quick(), zerolog.Nop())
	defer b.Close()
	tr := traced(t, c, 2)
	for _, o := range []hw.OutputOptions{{}, {ActiveLow: true}, {Rest: true}, {Rest: true, ActiveLow: true}} {
		for _, before := range []bool{false, true} {
			c.Drive(2, before)
			tr.driven()
			out, err := b.Output(t.Context(), "2", o)
			if err != nil {
				t.Fatal(err)
			}
			rest := o.Rest != o.ActiveLow
			if seen := tr.driven(); len(seen) == 0 || slices.Contains(seen, !rest) {
				t.Errorf("%+v from %v: the kernel drove %v, want %v alone", o, before, seen, rest)
			}
			if err := out.Set(t.Context(), !o.Rest, 0); err != nil {
				t.Fatal(err)
			}
			if seen := tr.driven(); !slices.Equal(seen, []bool{!rest}) {
				t.Errorf("%+v: an order drove %v", o, seen)
			}
			if err := out.Close(); err != nil {
				t.Error(err)
			}
			if seen := tr.driven(); slices.Contains(seen, !rest) {
				t.Errorf("%+v: closing drove %v", o, seen)
			}
		}
	}
	// The record can show a glitch.
	ch, err := linux{}.open(c.Path())
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
	if seen := fmt.Sprint(tr.driven()); seen != "[false true]" {
		t.Errorf("two steps were recorded as %s", seen)
	}
}
