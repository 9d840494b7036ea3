package broker

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/garadget"
	"github.com/loquet/loquet/e2e/mqtt"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

// What a storm may cost.
const (
	heaviest = 8.0    // MiB above what the bridge weighs with everybody there and silent
	loud     = 10_000 // messages a second that are sent
	leastOf  = 2_000  // that a busy machine must bring about, or the test has tested nothing
)

const boards = 60

// gather lets the crowd in, and returns when everybody is.
func (c *crowd) gather(ctx context.Context, t *testing.T, accounts []mqtt.Account) {
	t.Helper()
	from := addresses(t, c.h.Yard, 6)
	for i, a := range accounts {
		id := fmt.Sprint("other", i)
		a.From = from[i%len(from)]
		switch {
		case i < boards:
			c.visit(ctx, id, a, c.talk(id, loud/boards+1))
		case i == boards:
			topic := "loud/large"
			if c.h.Mosquitto != nil {
				topic = "garadget/large/status"
			}
			c.visit(ctx, id, a, c.lift(topic))
		default:
			c.visit(ctx, id, a, c.shout)
		}
	}
	e2e.Until(t, garadget.Limit, func() string {
		if n := c.inside.Load(); n < int64(len(accounts)) {
			return fmt.Sprintf("%d connections, and there are %d", len(accounts), n)
		}
		return ""
	})
}

// While everybody shouts the owner opens and closes: each order is one click, also the one whose answer is
// lost with the connection, and there is no other. The board is in reach within five seconds, and the bridge
// weighs 8 MiB more at most than while everybody was there and silent; in the long form, than at rest before any of
// them came.
func TestStorm(t *testing.T) {
	t.Parallel()
	storm(t, "own")
}

// The same with mosquitto, which lets them all talk.
func TestStormBehindMosquitto(t *testing.T) {
	t.Parallel()
	storm(t, "mosquitto")
}

func storm(t *testing.T, kind string) {
	span := 4 * time.Second
	if long() {
		span = 2 * time.Minute
	}
	h := garadget.NewHouse(t, lab, kind, nil)
	b := h.Board(t, emulator.Options{Back: 200 * time.Millisecond})
	h.Await(t, "workshop", "closed", garadget.Limit)
	ctx, end := context.WithTimeout(t.Context(), span+2*garadget.Limit)
	defer end()
	c := &crowd{h: h, begin: make(chan struct{})}
	orders, worst := 0, time.Duration(0)
	move := func(action, at string) {
		asked := time.Now()
		h.Ask(t, action)
		h.Await(t, "workshop", at, garadget.Limit)
		worst = max(worst, time.Since(asked)-garadget.Travel)
		orders++
		b.WantClicks(t, orders)
	}
	move("open", "open") // what a first move takes of the memory is no part of the storm
	move("close", "closed")
	devices := 2
	if h.Mosquitto != nil { // it would let them command the board: its keeper says who may
		devices = 1
	}
	accounts := c.invite(t, boards, devices)
	alone := rest(t, h.PID())
	c.gather(ctx, t, accounts)
	silent := rest(t, h.PID())
	began := time.Now()
	close(c.begin)
	heavy := make(chan weight, 1)
	watch, enough := context.WithCancel(ctx)
	defer enough()
	go func() {
		var most weight
		for watch.Err() == nil {
			w := weigh(t, h.PID())
			most.all, most.own = max(most.all, w.all), max(most.own, w.own)
			pause(watch, 50*time.Millisecond)
		}
		heavy <- most
	}()
	for worst = 0; time.Since(began) < span; {
		move("open", "open")
		move("close", "closed")
	}
	rate := float64(c.sent.Load()) / time.Since(began).Seconds()
	c.loseAnAnswer(t, b, orders)
	enough()
	most := <-heavy
	end()
	c.work.Wait()
	t.Logf("%.0f messages a second for %v, %d of a megabyte, %d planted orders, %d connections thrown out, %d refused; %d orders, the slowest %v beside the door's own time; %v alone, %v with the others silent, %v at most",
		rate, time.Since(began).Round(time.Second), c.large.Load(), c.orders.Load(), c.thrown.Load(), c.failed.Load(), orders+1, worst.Round(time.Millisecond), alone, silent, most)
	if rate < leastOf || c.large.Load() == 0 || kind == "own" && c.orders.Load() == 0 {
		t.Error("that is no storm")
	}
	if worst > within() {
		t.Errorf("an order took %v", worst)
	}
	base := silent
	if long() { // and nobody else on the machine
		base = alone
	}
	if most.all > base.all+heaviest {
		t.Errorf("the bridge grew from %v to %v", base, most)
	}
	h.Await(t, "workshop", "open", garadget.Limit)
	b.WantClicks(t, orders+1)
}

// loseAnAnswer gives an order whose answer never comes: the board obeys and its connection is gone. Whoever
// asks again gets no second click.
func (c *crowd) loseAnAnswer(t *testing.T, b *garadget.Board, clicks int) {
	t.Helper()
	b.Do(t, "mute")
	b.Look(t) // it has heard that
	e2e.Apart(t, 2*time.Second)
	var first e2e.Answer
	e2e.Until(t, garadget.Limit, func() string { // what cannot be asked first where it is gets no order
		first = c.h.Command(t, "workshop", "open")
		if b.Look(t).Clicks == clicks {
			return fmt.Sprintf("an order to arrive: %+v", first)
		}
		return ""
	})
	var again []int
	e2e.Until(t, within(), func() string {
		again = append(again, c.h.Command(t, "workshop", "open").Status)
		if d := c.h.Device(t, "workshop"); !d.Available || d.At() != "opening" && d.At() != "open" {
			return fmt.Sprintf("the board to be back: %+v", d)
		}
		return ""
	})
	c.h.Await(t, "workshop", "open", garadget.Limit)
	slices.Sort(again)
	t.Logf("the lost answer: %+v, then %v", first, slices.Compact(again))
	b.WantClicks(t, clicks+1)
}
