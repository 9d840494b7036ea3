package garadget

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

// A day of a door: opened and closed from Apple Home, stopped half way and closed from there, obstructed,
// and stuck. The relay's clicks are those of the firmware's table, and no more.
func TestADay(t *testing.T) {
	for _, broker := range brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, broker)
			b := h.board(t, emulator.Options{})
			h.pair(t)
			h.Await(t, "workshop", "closed", limit)
			b.wantClicks(t, 0)
			a := homekit.Named(t, h.owner.Accessories(t), "Workshop")
			target, current := a.Get(t, homekit.ServiceGarage, homekit.TypeTargetDoor).ID, a.Get(t, homekit.ServiceGarage, homekit.TypeCurrentDoor).ID

			h.owner.MustWrite(t, target, homekit.DoorOpen)
			h.Await(t, "workshop", "open", limit)
			b.wantClicks(t, 1)
			if w := b.look(t); w.At != 1 {
				t.Errorf("it is shown open, and is at %v", w.At)
			}
			h.owner.MustWrite(t, target, homekit.DoorClosed)
			h.Await(t, "workshop", "closed", limit)
			b.wantClicks(t, 2)
			if got := h.owner.MustRead(t, current); fmt.Sprint(got) != fmt.Sprint(homekit.DoorClosed) {
				t.Errorf("Apple Home shows %v", got)
			}

			h.Must(t, "workshop", "open")
			e2e.Until(t, limit, func() string {
				if w := b.look(t); w.At < 0.3 {
					return fmt.Sprintf("the door half way: %+v", w)
				}
				return ""
			})
			h.Must(t, "workshop", "stop")
			e2e.Until(t, limit, func() string {
				if w := b.look(t); w.Moving != 0 || w.At == 0 || w.At == 1 {
					return fmt.Sprintf("the door to stop between its ends: %+v", w)
				}
				return ""
			})
			b.wantClicks(t, 4)
			h.Await(t, "workshop", "stopped", limit)
			h.Must(t, "workshop", "close")
			h.Await(t, "workshop", "closed", limit)
			b.wantClicks(t, 5)

			h.Must(t, "workshop", "open")
			h.Await(t, "workshop", "open", limit)
			b.do(t, "obstruct on")
			h.Must(t, "workshop", "close")
			e2e.Until(t, limit, func() string {
				if d := h.Device(t, "workshop"); d.State.Obstructed != "yes" || d.At() == "closed" {
					return fmt.Sprintf("obstructed: %+v", d)
				}
				return ""
			})
			b.wantClicks(t, 7)
			b.do(t, "obstruct off")
			b.do(t, "put 0")
			h.Await(t, "workshop", "closed", limit)

			b.do(t, "stick on")
			h.Must(t, "workshop", "open")
			e2e.Until(t, limit, func() string {
				if d := h.Device(t, "workshop"); d.State.Fault == "" || d.At() != "closed" && d.At() != "opening" {
					return fmt.Sprintf("that it did not leave: %+v", d)
				}
				return ""
			})
			h.Await(t, "workshop", "closed", limit)
			b.wantClicks(t, 8)
		})
	}
}

// A board whose power is cut in the middle of a move, and one that boots anew, click nothing by it, and the
// door is never shown closed meanwhile.
func TestPower(t *testing.T) {
	for _, broker := range brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, broker)
			b := h.board(t, emulator.Options{})
			h.Await(t, "workshop", "closed", limit)
			h.Must(t, "workshop", "open")
			e2e.Until(t, limit, func() string {
				if b.look(t).Moving == 0 {
					return "the door to move"
				}
				return ""
			})
			b.do(t, "power off")
			h.available(t, false)
			if a := h.Command(t, "workshop", "close"); a.Status != 409 || a.Remedy == "" {
				t.Errorf("an order to a board without power: %+v", a)
			}
			if d := h.Device(t, "workshop"); d.At() == "closed" {
				t.Errorf("%+v", d)
			}
			b.do(t, "power on")
			h.available(t, true)
			h.Await(t, "workshop", "open", limit)
			b.wantClicks(t, 1)
			b.do(t, "wall")
			h.Await(t, "workshop", "closed", limit)
			b.wantClicks(t, 1)
			h.Stop(t)
		})
	}
}

// A board with a wrong password does not get in, its owner hears of it, and nothing moves.
func TestWrongPassword(t *testing.T) {
	for _, broker := range brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, broker)
			b := h.board(t, emulator.Options{User: h.user, Password: "wrong", Back: 200 * time.Millisecond})
			e2e.Until(t, limit, func() string {
				if b.look(t).Refused < 3 {
					return "the board to be refused"
				}
				return ""
			})
			if broker == "own" {
				h.problem(t, "mqtt-refused")
			}
			if a := h.Command(t, "workshop", "open"); a.Status != 409 {
				t.Errorf("an order: %+v", a)
			}
			h.available(t, false)
			b.wantClicks(t, 0)
		})
	}
}

// Two boards with the name that the factory gave them: loquet's own broker lets the first one in and tells
// of the second; with mosquitto they throw each other out, and neither is believed.
func TestTwoBoardsOfOneName(t *testing.T) {
	for _, broker := range brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, broker)
			first := h.board(t, emulator.Options{Settings: emulator.Settings{Name: "Garage"}})
			h.Await(t, "workshop", "closed", limit)
			other := emulator.Options{ID: "2f0036000000000000000002", Settings: emulator.Settings{Name: "Garage"}, Back: 500 * time.Millisecond}
			if broker == "own" {
				n := h.adopt(t)
				other.User, other.Password = n.User, n.Password
			}
			second := h.board(t, other)
			if broker == "own" {
				h.problem(t, "mqtt-refused")
				h.Must(t, "workshop", "open")
				h.Await(t, "workshop", "open", limit)
				first.wantClicks(t, 1)
			} else {
				h.problem(t, "mqtt-same-name")
				h.available(t, false)
				if a := h.Command(t, "workshop", "open"); a.Status != 409 {
					t.Errorf("nobody knows which door that is: %+v", a)
				}
				first.wantClicks(t, 0)
			}
			second.wantClicks(t, 0)
		})
	}
}

// A board whose login is empty is let in while its owner adopts it, gets its account, and uses it.
func TestABoardWithoutAnAccount(t *testing.T) {
	h := newHouse(t, "own")
	b := startBoard(t, h.yard, emulator.Options{Broker: h.broker, ID: boardID, Settings: emulator.Settings{Name: "Garage"}, Back: 500 * time.Millisecond, Version: "1.20"})
	e2e.Until(t, limit, func() string {
		if b.look(t).Refused == 0 {
			return "the board to be refused"
		}
		return ""
	})
	h.adopt(t, "--blank")
	h.Await(t, "workshop", "closed", limit)
	b.do(t, "power off")
	h.available(t, false)
	b.do(t, "power on")
	h.available(t, true)
	h.Must(t, "workshop", "open")
	h.Await(t, "workshop", "open", limit)
	b.wantClicks(t, 1)
}

// A bridge that is stopped, started and killed moves nothing by it, and finds its door again.
func TestTheBridgeRestarts(t *testing.T) {
	for _, broker := range brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, broker)
			b := h.board(t, emulator.Options{Back: 200 * time.Millisecond})
			h.Await(t, "workshop", "closed", limit)
			for i := range 3 {
				if i == 1 {
					h.Kill(t)
				} else {
					h.Stop(t)
				}
				h.Loquet = h.Again(t, nil)
				h.Await(t, "workshop", "closed", limit)
			}
			b.wantClicks(t, 0)
			h.Must(t, "workshop", "open")
			h.Await(t, "workshop", "open", limit)
			b.wantClicks(t, 1)
		})
	}
}

// The example runs as it stands, and its steps lead to a door that opens.
func TestExample(t *testing.T) {
	text, err := os.ReadFile(e2e.Folder(t, "examples", "garadget", "loquet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{}
	h.home, h.yard = lab.Pair(t)
	h.broker = h.home.Addr.String() + ":1883"
	h.Loquet = lab.Start(t, e2e.Options{Host: h.home, Config: string(text)})
	n := h.adopt(t)
	h.user, h.password = n.User, n.Password
	b := h.board(t, emulator.Options{Settings: emulator.Settings{Name: n.Name}})
	h.Await(t, "workshop", "closed", limit)
	list := e2e.Run(t, e2e.Command{Host: h.home, Name: lab.Binary(t), Args: []string{"adopt", "list", "--state", h.Options.State}}, limit)
	if !strings.Contains(list, boardID) || !strings.Contains(list, n.Name) {
		t.Errorf("the list does not show the board's number:\n%s", list)
	}
	h.Must(t, "workshop", "open")
	e2e.Until(t, limit, func() string {
		if w := b.look(t); w.At < 1 {
			return fmt.Sprintf("the door open: %+v", w)
		}
		return ""
	})
	b.wantClicks(t, 1)
}
