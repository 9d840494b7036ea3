package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/loquet/loquet/hw"
)

func TestMotorBolt(t *testing.T) {
	bubble(t, "there and back", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		secure, unsecure := press(t, b, "front/secure"), press(t, b, "front/unsecure")
		secured, unsecured := reads(t, b, "front/secured"), reads(t, b, "front/unsecured")
		unsecure()
		pass(600 * time.Millisecond)
		if secured() || unsecured() || status(t, w, "front").Moving != "up" {
			t.Error("half way both contacts are open")
		}
		pass(time.Second)
		if secured() || !unsecured() {
			t.Error("it is not unsecured")
		}
		secure()
		pass(2 * time.Second)
		if s := status(t, w, "front"); !secured() || unsecured() || s.Position != 0 || s.Pulses != 2 {
			t.Errorf("%+v, want secured after two pulses", s)
		}
	})
	bubble(t, "the knob and the door", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		frame := reads(t, b, "front/door")
		if err := w.Event("front", Event{Name: DoorOpen}); err == nil {
			t.Error("a bolted door opens")
		}
		happen(t, w, "front", WallButton)
		pass(2 * time.Second)
		happen(t, w, "front", DoorOpen)
		if s := status(t, w, "front"); frame() || !s.DoorOpen || s.Pulses != 0 || s.LastMove.Cause != "hand" {
			t.Errorf("%+v, want the door open", s)
		}
		happen(t, w, "front", WallButton)
		pass(2 * time.Second)
		if err := w.Event("front", Event{Name: DoorClosed}); err == nil {
			t.Error("a door closes with its bolt out")
		}
	})
	bubble(t, "jammed", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		unsecure := press(t, b, "front/unsecure")
		secured, unsecured := reads(t, b, "front/secured"), reads(t, b, "front/unsecured")
		unsecure()
		pass(500 * time.Millisecond)
		happen(t, w, "front", Jam)
		pass(5 * time.Second)
		if s := status(t, w, "front"); secured() || unsecured() || s.Moving != "no" {
			t.Errorf("%+v, want it stuck between", s)
		}
	})
}

func TestStrikesAndMagnets(t *testing.T) {
	for _, tt := range []struct {
		name     string
		spec     LockSpec
		released bool // while the relay is off
	}{
		{"fail-secure strike", LockSpec{ID: "l", Drive: Strike}, false},
		{"fail-safe strike", LockSpec{ID: "l", Drive: Strike, FailSafe: true}, true},
		{"maglock", LockSpec{ID: "l", Drive: Maglock}, true},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			w, b := house(t, House{Locks: []LockSpec{tt.spec}}, 1)
			secured := reads(t, b, "l/secured")
			out, err := b.Output(t.Context(), "l/relay", hw.OutputOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, on := range []bool{false, true, false, true} {
				if err := out.Set(t.Context(), on, 0); err != nil {
					t.Fatal(err)
				}
				if want := tt.released == on; secured() != want {
					t.Errorf("relay %v: secured %v, want %v", on, secured(), want)
				}
			}
			if err := out.Set(t.Context(), !tt.released, 0); err != nil {
				t.Fatal(err)
			}
			if err := out.Set(t.Context(), tt.released, 0); err != nil {
				t.Fatal(err)
			}
			if !secured() {
				t.Fatal("it is not secured")
			}
			happen(t, w, "l", WallButton) // the exit button needs nobody
			if secured() {
				t.Error("the exit button does not release it")
			}
			happen(t, w, "l", DoorOpen)
			pass(exitHold)
			happen(t, w, "l", DoorClosed)
			if !secured() {
				t.Error("it does not secure itself after the exit button")
			}
		})
	}
}

// Each digit is four bits, the highest first, on d0 for a zero and d1 for a one.
func TestKeypadSpeaksWiegand(t *testing.T) {
	bubble(t, "bits", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		edges, err := b.Edges(t.Context(), []string{"studio-pad/d0", "studio-pad/d1"}, hw.InputOptions{ActiveLow: true})
		if err != nil {
			t.Fatal(err)
		}
		ch := edges.Watch(t.Context())
		if err := w.Event("studio-pad", Event{Name: Keypad, Digits: "5#"}); err != nil {
			t.Fatal(err)
		}
		var bits []int
		var at []time.Duration
		for seq := uint32(1); seq <= 16; seq++ {
			edge := <-ch
			if edge.Seq != seq || edge.Active != (seq%2 == 1) {
				t.Fatalf("edge %d is %+v", seq, edge)
			}
			if edge.Active {
				bits, at = append(bits, edge.Line), append(at, edge.At)
			}
		}
		if want := []int{0, 1, 0, 1, 1, 0, 1, 1}; !slices.Equal(bits, want) {
			t.Errorf("bits %v, want %v for 5 and #", bits, want)
		}
		if at[1]-at[0] != bitEvery || at[4]-at[3] < keyEvery {
			t.Errorf("the bits come at %v", at)
		}
		if s := status(t, w, "studio"); s.Keys != "5#" {
			t.Errorf("keys %q", s.Keys)
		}
		if err := edges.Close(); err != nil {
			t.Error(err)
		}
		pass(0)
		if _, ok := <-ch; ok {
			t.Error("edges go on after Close")
		}
	})
	bubble(t, "only the edges that are asked for", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		for _, low := range []bool{true, false} {
			edges, err := b.Edges(t.Context(), []string{"studio-pad/d0", "studio-pad/d1"}, hw.InputOptions{ActiveLow: low, Falling: true})
			if err != nil {
				t.Fatal(err)
			}
			ch := edges.Watch(t.Context())
			if err := w.Event("studio-pad", Event{Name: Keypad, Digits: "5"}); err != nil {
				t.Fatal(err)
			}
			for seq := uint32(1); seq <= 4; seq++ {
				if edge := <-ch; edge.Seq != seq || edge.Active {
					t.Errorf("edge %d is %+v", seq, edge)
				}
			}
			if err := edges.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	bubble(t, "a slow reader sees the gap", func(t *testing.T) {
		w, b := house(t, DemoHouse(), 1)
		edges, err := b.Edges(t.Context(), []string{"studio-pad/d0", "studio-pad/d1"}, hw.InputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ch := edges.Watch(t.Context())
		typeIn := func() {
			if err := w.Event("studio", Event{Name: Keypad, Digits: "0123456789012345678901234567890123456789"}); err != nil {
				t.Fatal(err)
			}
		}
		typeIn() // 40 keys of four bits, two edges each: more than there is room for
		for range edgeBuffer {
			<-ch
		}
		typeIn()
		if edge := <-ch; edge.Seq != 40*8+1 {
			t.Errorf("the next edge has number %d, want %d", edge.Seq, 40*8+1)
		}
	})
}
