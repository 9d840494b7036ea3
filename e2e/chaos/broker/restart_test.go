package broker

import (
	"testing"
	"time"

	"github.com/loquet/loquet/e2e/garadget"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

// Mosquitto is killed and started again and again, and each time the door is elsewhere when it is back. Each
// time the bridge shows where, within five seconds; nothing clicks; and then an order is one click.
func TestABrokerThatDies(t *testing.T) {
	t.Parallel()
	deaths := 12
	if long() {
		deaths = 100
	}
	h := garadget.NewHouse(t, lab, "mosquitto", nil)
	b := h.Board(t, emulator.Options{Back: 200 * time.Millisecond})
	h.Await(t, "workshop", "closed", garadget.Limit)
	idle := rest(t, h.PID())
	var worst, sum time.Duration
	for i := range deaths {
		h.Mosquitto.Kill(t)
		at, shown := "1", "opening" // what the board says at once; it takes its time to be sure
		if i%2 == 1 {
			at, shown = "0", "closed"
		}
		b.Do(t, "put "+at)
		b.Look(t) // it is there
		h.Mosquitto.Start(t)
		began := time.Now()
		h.Await(t, "workshop", shown, garadget.Limit)
		took := time.Since(began)
		worst, sum = max(worst, took), sum+took
	}
	b.WantClicks(t, 0)
	h.Order(t, "open")
	h.Await(t, "workshop", "open", garadget.Limit)
	b.WantClicks(t, 1)
	after := rest(t, h.PID())
	t.Logf("%d deaths: back after %v on average, %v at the latest; %v before, %v after", deaths,
		(sum / time.Duration(deaths)).Round(time.Millisecond), worst.Round(time.Millisecond), idle, after)
	if after.own > idle.own+heaviest { // pages of its file come back when they are used
		t.Errorf("the bridge grew from %v to %v", idle, after)
	}
	if worst > within() {
		t.Errorf("the board was out of reach for %v after the broker was back", worst)
	}
}
