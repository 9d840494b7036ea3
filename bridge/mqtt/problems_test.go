package mqtt

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/broker"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

func listed(board *health.Board) map[health.Code][]string {
	out := map[health.Code][]string{}
	for _, p := range board.Active() {
		out[p.Code] = append(out[p.Code], p.Subject)
	}
	return out
}

// A board with a wrong password is a problem until it gets in.
func TestARefusalIsOverWhenTheBoardGetsIn(t *testing.T) {
	board := health.NewBoard()
	h := open(t, &config.MQTT{Listen: "127.0.0.1:0"}, board)
	n, err := h.Adopt(t.Context(), api.AdoptRequest{Kind: "garadget"})
	if err != nil {
		t.Fatal(err)
	}
	o := emulator.Options{ID: boardID, User: n.User, Password: "wrong", Settings: emulator.Settings{Name: n.Name}}
	ctx, off := context.WithCancel(t.Context())
	soon(t, "the broker listens", func() bool { return h.server.Addr() != nil })
	o.Broker, o.Door, o.Back = h.server.Addr().String(), emulator.NewDoor(time.Second), 50*time.Millisecond
	done := make(chan struct{})
	go func() {
		defer close(done)
		emulator.New(o).Run(ctx)
	}()
	waits(t, board, health.MQTTRefused, true)
	off()
	<-done
	o.Password = n.Password
	power(t, h, o)
	waits(t, board, health.MQTTRefused, false)
}

func house(board *health.Board) *House {
	return &House{options: Options{Board: board, Log: zerolog.Nop()}, told: map[trouble]last{}, seen: map[string]time.Time{}}
}

// Who was refused is on the list until it gets in from the same address, or has not tried for ten minutes.
func TestWhenARefusalIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := health.NewBoard()
		h := house(board)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go h.forget(ctx)
		refused := func(client, remote string) {
			h.notice(broker.Notice{Kind: broker.Refused, Client: client, Remote: remote, Detail: "wrong"})
		}
		enters := func(client, remote string) {
			h.notice(broker.Notice{Kind: broker.Entered, Client: client, Remote: remote})
		}
		refused("Barn", "192.0.2.7:1000")
		enters("Shed", "192.0.2.7:1001")
		enters("Barn", "192.0.2.8:1002") // another one of that name
		if all := listed(board); len(all[health.MQTTRefused]) != 1 {
			t.Errorf("%v, want it listed", all)
		}
		enters("Barn", "192.0.2.7:1003")
		if all := listed(board); len(all) != 0 {
			t.Errorf("%v, want it over", all)
		}
		refused("Barn", "192.0.2.7:1004")
		time.Sleep(9 * time.Minute)
		refused("Barn", "192.0.2.7:1005")
		time.Sleep(9 * time.Minute)
		if all := listed(board); len(all[health.MQTTRefused]) != 1 {
			t.Errorf("%v, want it listed while it knocks", all)
		}
		time.Sleep(3 * time.Minute)
		if all := listed(board); len(all) != 0 {
			t.Errorf("%v, want it over after ten minutes", all)
		}
	})
}

func TestADeniedTopicIsOver(t *testing.T) {
	board := health.NewBoard()
	h := house(board)
	h.denied("garadget/+/status", true)
	if all := listed(board); len(all[health.MQTTDenied]) != 1 {
		t.Errorf("%v", all)
	}
	h.denied("garadget/+/status", false)
	if all := listed(board); len(all) != 0 {
		t.Errorf("%v", all)
	}
}
