package alerts

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
)

type noon struct{}

func (noon) Moment() access.Moment { return access.Moment{Now: at(12, 0), Trust: access.TrustHoldover} }

// TestTheOwnerIsTold goes the whole way, from a state and a problem to the receiver.
func TestTheOwnerIsTold(t *testing.T) {
	got := make(chan Alert, 16)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var a Alert
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
			t.Error(err)
		}
		got <- a
	}))
	t.Cleanup(server.Close)
	board := health.NewBoard()
	a := New(Options{Board: board, Clock: noon{}, Zone: func() *time.Location { return paris }, MQTT: func() (hw.MQTT, error) { return nil, hw.ErrNoMQTT }, Log: zerolog.Nop()})
	a.Start()
	t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	a.Seen(door("open")) // before anything is wanted
	a.Apply(&config.Alerts{Night: "11:00-13:00", Problems: []string{"jam"}, Webhook: &config.Webhook{URL: server.URL + "/x"}}, []string{"garage"})
	if first := <-got; first.Kind != Night || first.Device != "garage" || first.Name != "Garage" {
		t.Errorf("told %+v", first)
	}
	board.Raise(health.LockJammed, "garage", "")
	if second := <-got; second.Kind != Jam || second.Over {
		t.Errorf("told %+v", second)
	}
	a.Seen(api.Device{ID: "garage", Kind: api.KindDoor, Name: "Garage", State: api.State{Position: "closed"}})
	if third := <-got; third.Kind != Night || !third.Over {
		t.Errorf("told %+v", third)
	}
	a.Apply(nil, []string{"garage"}) // off again
	board.Clear(health.LockJammed, "garage")
	a.Seen(door("open"))
	a.Apply(&config.Alerts{Night: "11:00-13:00", Webhook: &config.Webhook{URL: server.URL + "/x"}}, []string{"garage"})
	if next := <-got; next.Kind != Night || next.Over {
		t.Errorf("told %+v after the alerts were off", next)
	}
}
