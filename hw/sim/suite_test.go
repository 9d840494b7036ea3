package sim_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/sim"
)

// demo is the demo house, with a board in this process.
func demo(t *testing.T) (*sim.World, *sim.Board) {
	t.Helper()
	w, err := sim.New(sim.DemoHouse(), 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, w.Board()
}

// remote is the demo house behind a unix socket, with the wire in front of it.
func remote(t *testing.T) (*sim.World, *sim.Client, *hwtest.Wire) {
	t.Helper()
	w, _ := demo(t)
	path := filepath.Join(t.TempDir(), "world.sock")
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
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	c, err := sim.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return w, c, wire
}

func rig(t *testing.T, w *sim.World, b hw.Board, wire *hwtest.Wire) hwtest.BoardRig {
	level := func() bool {
		s, err := w.Status("studio")
		if err != nil {
			t.Error(err)
		}
		return s.Energised
	}
	return hwtest.BoardRig{
		Board: b, Out: "studio/relay", In: "garage/obstructed",
		High: level,
		Clicks: func() int {
			s, _ := w.Status("studio")
			return s.PulsesTotal
		},
		Drive: func(high bool) {
			event := sim.Clear
			if high {
				event = sim.Obstruct
			}
			if err := w.Event("garage", sim.Event{Name: event}); err != nil {
				t.Error(err)
			}
		},
		Close: b.Close,
		Wire:  wire,
	}
}

func TestBoardInProcess(t *testing.T) {
	hwtest.TestBoard(t, func(t *testing.T) hwtest.BoardRig {
		w, b := demo(t)
		return rig(t, w, b, nil)
	})
}

func TestBoardOverTheSocket(t *testing.T) {
	hwtest.TestBoard(t, func(t *testing.T) hwtest.BoardRig {
		w, c, wire := remote(t)
		return rig(t, w, c, wire)
	})
}

func TestNobodyAnswers(t *testing.T) {
	_, err := sim.Dial(t.Context(), filepath.Join(t.TempDir(), "world.sock"))
	var op *hw.OpError
	if !errors.As(err, &op) || op.Hint == "" {
		t.Errorf("error %v, want one with a remedy", err)
	}
}
