package modbus

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// yard is a gate with two end contacts and a strike on a board.
func yard(url string) string {
	return `
home: {name: Yard}
boards:
  barn: {driver: modbus, url: "` + url + `", unit: 1, relays: 8, inputs: 8, poll: 100ms}
doors:
  gate:
    name: Gate
    kind: gate-sliding
    opener: {driver: lines, open_relay: "barn:relay-1", close_relay: "barn:relay-2", pulse: 300ms}
    closed: "barn:input-1"
    open: "barn:input-2"
    travel: 5s
locks:
  shed:
    name: Shed
    bolt: {driver: strike, relay: "barn:relay-4", hold: 6s}
`
}

// answering waits until a device is there.
func answering(t *testing.T, q *e2e.Loquet, id string, there bool) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if d := q.Device(t, id); d.Available != there {
			return fmt.Sprintf("%s available %v: %+v\n%s", id, there, d, q.Log())
		}
		return ""
	})
}

// A gate on a board that pymodbus serves, over TCP and over a serial line: closed is seen, one order is one
// pulse of its time, and the contacts follow the door.
func TestGate(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) (pymodbus, string){
		"tcp": func(t *testing.T) (pymodbus, string) {
			p := port(t)
			return startBoard(t, "tcp", p), "tcp://127.0.0.1:" + p
		},
		"serial": func(t *testing.T) (pymodbus, string) {
			c := newCable(t)
			return startBoard(t, "rtu", c.board), "rtu://" + c.ours
		},
	} {
		t.Run(name, func(t *testing.T) {
			board, url := start(t)
			q := lab.Start(t, e2e.Options{Config: yard(url)})
			q.Await(t, "gate", "closed", limit)
			if board.writes(0, true)+board.writes(1, true)+board.writes(3, true) != 0 {
				t.Fatalf("something moved at the start:\n%s", board.Log())
			}
			rests := board.writes(0, false)
			first := q.Must(t, "gate", "open")
			e2e.Until(t, limit, func() string {
				if board.writes(0, true) == 1 && board.writes(0, false) > rests {
					return ""
				}
				return "a pulse:\n" + board.Log()
			})
			board.input(t, 0, false)
			board.input(t, 1, true)
			q.Await(t, "gate", "open", limit)
			if a := q.Command(t, "gate", "open"); a.Intent != first.Intent {
				t.Errorf("the same order again: %+v, want the first one's answer", a)
			}
			if board.writes(0, true) != 1 || board.writes(1, true) != 0 {
				t.Errorf("more than one pulse:\n%s", board.Log())
			}
			q.Stop(t)
		})
	}
}

// The board dies in the middle of a pulse. Its devices are said to be unavailable, an order is refused, and
// when it is back nothing is sent again.
func TestUnpluggedInAPulse(t *testing.T) {
	p := port(t)
	board := startBoard(t, "tcp", p)
	q := lab.Start(t, e2e.Options{Config: yard("tcp://127.0.0.1:" + p)})
	answering(t, q, "shed", true)
	q.Must(t, "shed", "unlock")
	e2e.Until(t, limit, func() string {
		if board.writes(3, true) == 1 {
			return ""
		}
		return "the strike to be released:\n" + board.Log()
	})
	board.Signal(syscall.SIGKILL)
	board.WaitKilled(t, limit)
	answering(t, q, "shed", false)
	answering(t, q, "gate", false)
	if a := q.Command(t, "gate", "open"); a.Status != 409 || a.Remedy == "" {
		t.Errorf("an order to no board: %+v", a)
	}
	again := startBoard(t, "tcp", p)
	answering(t, q, "shed", true)
	q.Await(t, "gate", "closed", limit)
	if strings.Contains(again.Log(), "True") {
		t.Errorf("something was sent again:\n%s", again.Log())
	}
	if again.writes(3, false) == 0 {
		t.Errorf("the strike was not brought to rest:\n%s", again.Log())
	}
}

// A unit that nobody has stays unavailable, and the board beside it on the line does not care.
func TestNobodyAtUnitNine(t *testing.T) {
	p := port(t)
	board := startBoard(t, "tcp", p)
	url := "tcp://127.0.0.1:" + p
	config := strings.Replace(yard(url), "doors:", `  nine: {driver: modbus, url: "`+url+`", unit: 9, relays: 1}`+"\ndoors:", 1) +
		"  ghost:\n    name: Ghost\n    bolt: {driver: strike, relay: \"nine:relay-1\"}\n"
	q := lab.Start(t, e2e.Options{Config: config})
	q.Await(t, "gate", "closed", limit)
	if a := q.Command(t, "ghost", "unlock"); a.Status != 409 {
		t.Errorf("an order to nobody: %+v", a)
	}
	q.Must(t, "gate", "open")
	e2e.Until(t, limit, func() string {
		if board.writes(0, true) == 1 {
			return ""
		}
		return "a pulse:\n" + board.Log()
	})
	answering(t, q, "ghost", false)
}

// The example runs, with the address of a board in it, and an open from the command line is one pulse that
// the board itself ends.
func TestExample(t *testing.T) {
	text, err := os.ReadFile(e2e.Folder(t, "examples", "gate-modbus", "loquet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	board, addr := startRelays(t)
	config := regexp.MustCompile(`tcp://[0-9.]+:502`).ReplaceAllString(string(text), "tcp://"+addr)
	if config == string(text) {
		t.Fatal("the example has no address")
	}
	q := lab.Start(t, e2e.Options{Config: config})
	q.Await(t, "gate", "closed", limit)
	if got := board.given(); got != "" {
		t.Fatalf("something moved at the start: %s", got)
	}
	e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: []string{"open", "gate", "--state", q.Options.State}}, limit)
	board.set(0)
	e2e.Until(t, limit, func() string {
		if at := q.Device(t, "gate").At(); at != "opening" {
			return "the gate to be opening; it is " + at
		}
		return ""
	})
	board.set(2)
	q.Await(t, "gate", "open", limit)
	e2e.Until(t, limit, func() string {
		if board.coils() != 0 {
			return "the relays to be at rest"
		}
		return ""
	})
	e2e.Always(t, time.Second, func() string {
		if got := board.given(); got != "relay-1 for 500ms" {
			return got
		}
		return ""
	})
}

// The bridge is killed while a relay is on. A board with a timer ends the pulse by itself; on any other one
// `loquet outputs-safe` does, which the service runs after a crash. A new start energises nothing.
func TestKilledInAPulse(t *testing.T) {
	t.Run("a board with a timer", func(t *testing.T) {
		board, addr := startRelays(t)
		config := strings.Replace(yard("tcp://"+addr), "unit: 1,", "unit: 1, kind: waveshare,", 1)
		q := lab.Start(t, e2e.Options{Config: config})
		answering(t, q, "shed", true)
		q.Must(t, "shed", "unlock")
		if board.coils() == 0 {
			t.Fatal("the strike is not released")
		}
		q.Kill(t)
		e2e.Until(t, limit, func() string {
			if board.coils() != 0 {
				return "the board to end the pulse"
			}
			return ""
		})
		q = q.Again(t, nil)
		answering(t, q, "shed", true)
		if got := board.given(); got != "relay-4 for 6s" {
			t.Errorf("orders: %s", got)
		}
	})
	t.Run("a board without", func(t *testing.T) {
		p := port(t)
		board := startBoard(t, "tcp", p)
		config := yard("tcp://127.0.0.1:" + p)
		q := lab.Start(t, e2e.Options{Config: config})
		answering(t, q, "shed", true)
		q.Must(t, "shed", "unlock")
		rests := board.writes(3, false)
		q.Kill(t)
		file := filepath.Join(t.TempDir(), "loquet.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		out := e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: []string{"outputs-safe", "--config", file}}, limit)
		if board.writes(3, true) != 1 || board.writes(3, false) <= rests || !strings.Contains(out, "shed") {
			t.Errorf("%s\n%s", out, board.Log())
		}
	})
}
