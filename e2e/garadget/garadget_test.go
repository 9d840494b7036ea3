package garadget

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/e2e/mqtt"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	if Be() {
		return
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // houses wait for most of their time
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// A day of a door: opened and closed from Apple Home, stopped half way and closed from there, obstructed,
// and stuck. The relay's clicks are those of the firmware's table, and no more.
func TestADay(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := NewHouse(t, lab, broker, nil)
			b := h.Board(t, emulator.Options{})
			h.Pair(t)
			h.Await(t, "workshop", "closed", Limit)
			b.WantClicks(t, 0)
			a := homekit.Named(t, h.Owner.Accessories(t), "Workshop")
			target, current := a.Get(t, homekit.ServiceGarage, homekit.TypeTargetDoor).ID, a.Get(t, homekit.ServiceGarage, homekit.TypeCurrentDoor).ID

			h.Owner.MustWrite(t, target, homekit.DoorOpen)
			h.Await(t, "workshop", "open", Limit)
			b.WantClicks(t, 1)
			if w := b.Look(t); w.At != 1 {
				t.Errorf("it is shown open, and is at %v", w.At)
			}
			h.Owner.MustWrite(t, target, homekit.DoorClosed)
			h.Await(t, "workshop", "closed", Limit)
			b.WantClicks(t, 2)
			if got := h.Owner.MustRead(t, current); fmt.Sprint(got) != fmt.Sprint(homekit.DoorClosed) {
				t.Errorf("Apple Home shows %v", got)
			}

			h.Order(t, "open")
			e2e.Until(t, Limit, func() string {
				if w := b.Look(t); w.At < 0.3 {
					return fmt.Sprintf("the door half way: %+v", w)
				}
				return ""
			})
			h.Order(t, "stop")
			e2e.Until(t, Limit, func() string {
				if w := b.Look(t); w.Moving != 0 || w.At == 0 || w.At == 1 {
					return fmt.Sprintf("the door to stop between its ends: %+v", w)
				}
				return ""
			})
			b.WantClicks(t, 4)
			h.Await(t, "workshop", "stopped", Limit)
			h.Order(t, "close")
			h.Await(t, "workshop", "closed", Limit)
			b.WantClicks(t, 5)

			h.Order(t, "open")
			h.Await(t, "workshop", "open", Limit)
			b.Do(t, "obstruct on")
			h.Order(t, "close")
			e2e.Until(t, Limit, func() string {
				if d := h.Device(t, "workshop"); d.State.Obstructed != "yes" || d.At() == "closed" {
					return fmt.Sprintf("obstructed: %+v", d)
				}
				return ""
			})
			b.WantClicks(t, 7)
			b.Do(t, "obstruct off")
			b.Do(t, "put 0")
			h.Await(t, "workshop", "closed", Limit)

			b.Do(t, "stick on")
			h.Order(t, "open")
			e2e.Until(t, Limit, func() string {
				if d := h.Device(t, "workshop"); d.State.Fault == "" || d.At() != "closed" && d.At() != "opening" {
					return fmt.Sprintf("that it did not leave: %+v", d)
				}
				return ""
			})
			h.Await(t, "workshop", "closed", Limit)
			b.WantClicks(t, 8)
		})
	}
}

// A board whose power is cut in the middle of a move, and one that boots anew, click nothing by it, and the
// door is never shown closed meanwhile.
func TestPower(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := NewHouse(t, lab, broker, nil)
			b := h.Board(t, emulator.Options{})
			h.Await(t, "workshop", "closed", Limit)
			h.Must(t, "workshop", "open")
			e2e.Until(t, Limit, func() string {
				if b.Look(t).Moving == 0 {
					return "the door to move"
				}
				return ""
			})
			b.Do(t, "power off")
			h.AwaitAvailable(t, false)
			if a := h.Command(t, "workshop", "close"); a.Status != 409 || a.Remedy == "" {
				t.Errorf("an order to a board without power: %+v", a)
			}
			if d := h.Device(t, "workshop"); d.At() == "closed" {
				t.Errorf("%+v", d)
			}
			b.Do(t, "power on")
			h.AwaitAvailable(t, true)
			h.Await(t, "workshop", "open", Limit)
			b.WantClicks(t, 1)
			b.Do(t, "wall")
			h.Await(t, "workshop", "closed", Limit)
			b.WantClicks(t, 1)
			h.Stop(t)
		})
	}
}

// A board that somebody tells to start anew in the middle of a move (its firmware knows the order since 1.26)
// forgets what it was at: its relay clicks no more by it, and the door is closed when it is, and not before.
func TestReboot(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := NewHouse(t, lab, broker, nil)
			b := h.Board(t, emulator.Options{Back: 200 * time.Millisecond})
			var program mqtt.Account
			if h.Mosquitto != nil {
				program = h.Mosquitto.Account(h.Yard, "program")
			} else {
				program = h.Adopt(t, lab, "device", "garadget/Barn").Account(h.Loquet, h.Yard)
			}
			h.Await(t, "workshop", "closed", Limit)
			for i, to := range []struct {
				action, at string
				end        float64
			}{{"open", "open", 1}, {"close", "closed", 0}} {
				h.Order(t, to.action)
				e2e.Until(t, Limit, func() string {
					if w := b.Look(t); w.Moving == 0 || w.At < 0.2 || w.At > 0.8 {
						return fmt.Sprintf("the door half way: %+v", w)
					}
					return ""
				})
				program.Tell(t, mqtt.Message{Topic: "garadget/Barn/command", Payload: "reboot"})
				e2e.Until(t, Limit, func() string {
					if n := b.Look(t).Reboots; n != i+1 {
						return fmt.Sprintf("the board to start anew %d times, it did %d", i+1, n)
					}
					return ""
				})
				e2e.Until(t, Limit, func() string {
					d, w := h.Device(t, "workshop"), b.Look(t)
					if d.At() == "closed" && w.At > 0 {
						t.Errorf("it is shown closed, and at %v", w.At)
					}
					if w.At != to.end || !d.Available || d.At() != to.at {
						return fmt.Sprintf("the door %s: %+v, %+v", to.at, w, d)
					}
					return ""
				})
				b.WantClicks(t, i+1)
			}
		})
	}
}

// A board with a wrong password does not get in, its owner hears of it, and nothing moves.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := NewHouse(t, lab, broker, nil)
			b := h.Board(t, emulator.Options{User: h.User, Password: "wrong", Back: 200 * time.Millisecond})
			e2e.Until(t, Limit, func() string {
				if b.Look(t).Refused < 3 {
					return "the board to be refused"
				}
				return ""
			})
			if broker == "own" {
				h.AwaitProblem(t, "mqtt-refused")
			}
			if a := h.Command(t, "workshop", "open"); a.Status != 409 {
				t.Errorf("an order: %+v", a)
			}
			h.AwaitAvailable(t, false)
			b.WantClicks(t, 0)
		})
	}
}

// Two boards with the name that the factory gave them: loquet's own broker lets the first one in and tells
// of the second; with mosquitto they throw each other out, and neither is believed.
func TestTwoBoardsOfOneName(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := NewHouse(t, lab, broker, nil)
			first := h.Board(t, emulator.Options{Settings: emulator.Settings{Name: "Garage"}})
			h.Await(t, "workshop", "closed", Limit)
			other := emulator.Options{ID: "2f0036000000000000000002", Settings: emulator.Settings{Name: "Garage"}, Back: 500 * time.Millisecond}
			if broker == "own" {
				n := h.Adopt(t, lab, "garadget")
				other.User, other.Password = n.User, n.Password
			}
			second := h.Board(t, other)
			if broker == "own" {
				h.AwaitProblem(t, "mqtt-refused")
				h.Must(t, "workshop", "open")
				h.Await(t, "workshop", "open", Limit)
				first.WantClicks(t, 1)
			} else {
				h.AwaitProblem(t, "mqtt-same-name")
				h.AwaitAvailable(t, false)
				if a := h.Command(t, "workshop", "open"); a.Status != 409 {
					t.Errorf("nobody knows which door that is: %+v", a)
				}
				first.WantClicks(t, 0)
			}
			second.WantClicks(t, 0)
		})
	}
}

// A board whose login is empty is let in while its owner adopts it, gets its account, and uses it.
func TestABoardWithoutAnAccount(t *testing.T) {
	t.Parallel()
	h := NewHouse(t, lab, "own", nil)
	b := StartBoard(t, h.Yard, emulator.Options{Broker: h.Broker, ID: BoardID, Settings: emulator.Settings{Name: "Garage"}, Back: 500 * time.Millisecond, Version: "1.20"})
	e2e.Until(t, Limit, func() string {
		if b.Look(t).Refused == 0 {
			return "the board to be refused"
		}
		return ""
	})
	h.Adopt(t, lab, "garadget", "--blank")
	h.Await(t, "workshop", "closed", Limit)
	b.Do(t, "power off")
	h.AwaitAvailable(t, false)
	b.Do(t, "power on")
	h.AwaitAvailable(t, true)
	h.Must(t, "workshop", "open")
	h.Await(t, "workshop", "open", Limit)
	b.WantClicks(t, 1)
}

// A bridge that is stopped, started and killed moves nothing by it, and finds its door again.
func TestTheBridgeRestarts(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h := NewHouse(t, lab, broker, nil)
			b := h.Board(t, emulator.Options{Back: 200 * time.Millisecond})
			h.Await(t, "workshop", "closed", Limit)
			for i := range 3 {
				if i == 1 {
					h.Kill(t)
				} else {
					h.Stop(t)
				}
				h.Loquet = h.Again(t, nil)
				h.Await(t, "workshop", "closed", Limit)
			}
			b.WantClicks(t, 0)
			h.Must(t, "workshop", "open")
			h.Await(t, "workshop", "open", Limit)
			b.WantClicks(t, 1)
		})
	}
}

// The example runs as it stands, and its steps lead to a door that opens.
func TestExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(e2e.Folder(t, "examples", "garadget", "loquet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	h := &House{}
	h.Home, h.Yard = lab.Pair(t)
	h.Broker = h.Home.Addr.String() + ":1883"
	h.Loquet = lab.Start(t, e2e.Options{Host: h.Home, Config: string(text)})
	n := h.Adopt(t, lab, "garadget")
	h.User, h.Password = n.User, n.Password
	b := h.Board(t, emulator.Options{Settings: emulator.Settings{Name: n.Name}})
	h.Await(t, "workshop", "closed", Limit)
	list := e2e.Run(t, e2e.Command{Host: h.Home, Name: lab.Binary(t), Args: []string{"adopt", "list", "--state", h.Options.State}}, Limit)
	if !strings.Contains(list, BoardID) || !strings.Contains(list, n.Name) {
		t.Errorf("the list does not show the board's number:\n%s", list)
	}
	h.Must(t, "workshop", "open")
	e2e.Until(t, Limit, func() string {
		if w := b.Look(t); w.At < 1 {
			return fmt.Sprintf("the door open: %+v", w)
		}
		return ""
	})
	b.WantClicks(t, 1)
}
