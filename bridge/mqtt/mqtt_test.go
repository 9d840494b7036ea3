package mqtt

import (
	"context"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access/roster"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

type rows struct {
	mu  sync.Mutex
	all map[string][]byte
}

func (r *rows) List(string) (map[string][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.all), nil
}

func (r *rows) Apply(changes map[string][]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(r.all, changes)
	return nil
}

func open(t *testing.T, c *config.MQTT, board *health.Board) *House {
	t.Helper()
	return openWith(t, Options{Config: c, Board: board})
}

func openWith(t *testing.T, o Options) *House {
	t.Helper()
	o.Storage, o.Roster, o.Log = &rows{all: map[string][]byte{}}, roster.New(&rows{all: map[string][]byte{}}), zerolog.Nop()
	h, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return h
}

// waits for a problem to be there, or gone.
func waits(t *testing.T, board *health.Board, code health.Code, there bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for problems := range board.Subscribe(ctx) {
		found := false
		for _, p := range problems {
			found = found || p.Code == code
		}
		if found == there {
			return
		}
	}
	t.Fatalf("%s: want it listed: %v", code, there)
}

func TestABusyPortIsToldAndTakenLater(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	board := health.NewBoard()
	open(t, &config.MQTT{Listen: taken.Addr().String()}, board)
	waits(t, board, health.MQTTPortBusy, true)
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	waits(t, board, health.MQTTPortBusy, false)
}

func TestABrokerThatIsAwayIsTold(t *testing.T) {
	board := health.NewBoard()
	h := open(t, &config.MQTT{URL: "mqtt://127.0.0.1:1"}, board)
	waits(t, board, health.MQTTAway, true)
	if err := h.Connection().Publish(t.Context(), "a", nil); err == nil {
		t.Error("it published to nobody")
	}
}

func TestAHouseWithoutMQTT(t *testing.T) {
	if h, err := Open(Options{}); h != nil || err != nil {
		t.Error(h, err)
	}
}
