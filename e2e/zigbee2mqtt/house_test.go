package zigbee2mqtt

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/mqtt"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

const limit = mqtt.Limit

const ownBroker = "mqtt: " + mqtt.Own

func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(e2e.Folder(t, "examples", "zigbee-front-door", "loquet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), ownBroker) {
		t.Fatal("the example has another broker")
	}
	return string(text)
}

func back(t *testing.T, q *e2e.Loquet, at string) e2e.Device {
	t.Helper()
	var d e2e.Device
	e2e.Until(t, limit, func() string {
		if d = q.Device(t, "front"); !d.Available || d.At() != at {
			return fmt.Sprintf("the lock to be there and %s; it is %+v\n%s", at, d, q.Log())
		}
		return ""
	})
	return d
}

func away(t *testing.T, q *e2e.Loquet) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if q.Device(t, "front").Available {
			return "the lock to be away"
		}
		return ""
	})
}

// The example with the broker that is in loquet: Zigbee2MQTT gets an account, and nobody speaks for the lock
// without one.
func TestOwnBroker(t *testing.T) {
	home, yard := lab.Pair(t)
	q := lab.Start(t, e2e.Options{Host: home, Config: example(t)})
	a := mqtt.Adopt(t, lab, q, "zigbee2mqtt").Account(q, yard)
	locked := mqtt.Message{Topic: topic, Payload: `{"state":"LOCK","lock_state":"locked"}`}
	stranger := mqtt.Account{Host: yard, Addr: a.Addr}
	if stranger.Try(locked) == nil {
		t.Error("a stranger may speak for the lock")
	}
	if d := q.Device(t, "front"); d.Available || d.State.Bolt == "secured" {
		t.Errorf("a lock that nobody heard of is %+v", d)
	}
	p := startPeer(t, a)
	a.Tell(t, mqtt.Message{Topic: "zigbee2mqtt/bridge/state", Payload: `{"state":"online"}`, Retained: true})
	back(t, q, "secured")
	q.Must(t, "front", "unlock")
	back(t, q, "unsecured")
	if got := p.told(); got != "UNLOCK" {
		t.Errorf("the lock was told: %s", got)
	}
}

// A day in the life of the example's door, with mosquitto in the middle.
func TestFrontDoor(t *testing.T) {
	home, yard := lab.Pair(t)
	broker := mqtt.StartMosquitto(t, home, "zigbee")
	a := broker.Account(yard, "zigbee")
	p := startPeer(t, a)
	bridge := func(state string) {
		t.Helper()
		a.Tell(t, mqtt.Message{Topic: "zigbee2mqtt/bridge/state", Payload: `{"state":"` + state + `"}`, Retained: true})
	}
	// What the broker kept from another day is nobody's truth, and nobody's turn.
	a.Tell(t, mqtt.Message{Topic: topic, Payload: `{"state":"UNLOCK","lock_state":"unlocked","action":"unlock","action_user":3,"action_source_name":"keypad"}`, Retained: true})
	bridge("online")
	p.typed(1, "902417")
	q := lab.Start(t, e2e.Options{Host: home, Config: strings.Replace(example(t), ownBroker, "mqtt: "+broker.Section(), 1)})
	d := back(t, q, "secured")
	if d.State.Confidence != "sensed" || p.told() != "" {
		t.Errorf("at first it is %+v, and was told %q", d.State, p.told())
	}
	q.Must(t, "front", "unlock")
	back(t, q, "unsecured")
	e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: []string{"lock", "front", "--state", q.Options.State}}, limit)
	back(t, q, "secured")
	if got := p.told(); got != "UNLOCK LOCK" {
		t.Errorf("the lock was told: %s", got)
	}

	p.turn("unlocked", map[string]any{"action": "unlock", "action_user": 3, "action_source_name": "keypad"})
	if d := back(t, q, "unsecured"); d.State.Cause.Kind != "code" || d.State.Cause.Actor != "slot:3" {
		t.Errorf("it was opened by %+v", d.State.Cause)
	}
	rows := q.History(t, "front")
	if last := rows[len(rows)-1]; last.Kind != "observed" || last.Cause.Actor != "slot:3" {
		t.Errorf("the last row is %+v", last)
	}
	p.turn("not_fully_locked", nil)
	if d := back(t, q, "jammed"); d.State.Fault == "" {
		t.Errorf("a jam without words: %+v", d.State)
	}
	p.turn("locked", map[string]any{"action": "key_lock", "action_source_name": "manual"})
	back(t, q, "secured")

	t.Log("a person gets a code, the lock keeps it, and is opened with it")
	command := func(args ...string) string {
		t.Helper()
		return e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: append(args, "--state", q.Options.State)}, limit)
	}
	command("people", "add", "Anna", "--kind", "owner")
	pin := strings.TrimSpace(command("codes", "add", "--person", "Anna", "--doors", "front"))
	slot := 0
	e2e.Until(t, limit, func() string {
		if slot = p.slot(pin); slot == 0 {
			return "the code to be on the lock"
		}
		return ""
	})
	if n := p.slot("902417"); n != 1 || slot == 1 {
		t.Errorf("what was typed at the lock is in slot %d, Anna's code in %d", n, slot)
	}
	if out := command("codes", "unknown"); !strings.Contains(out, "front") || !strings.Contains(out, "6 digits") || strings.Contains(out, "902417") {
		t.Errorf("what was typed at the lock is not found:\n%s", out)
	}
	command("codes", "unknown", "front", "1", "--clear")
	if n := p.slot("902417"); n != 0 || p.slot(pin) != slot {
		t.Errorf("what was cleared is in slot %d, Anna's code in %d", n, p.slot(pin))
	}
	p.turn("unlocked", map[string]any{"action": "unlock", "action_user": slot, "action_source_name": "keypad"})
	if d := back(t, q, "unsecured"); d.State.Cause.Name != "Anna" || strings.HasPrefix(d.State.Cause.Actor, "slot:") {
		t.Errorf("Anna opened it, and it says %+v", d.State.Cause)
	}
	p.turn("locked", nil)
	back(t, q, "secured")

	told := p.told()
	t.Log("Zigbee2MQTT ends, and a key is turned meanwhile")
	p.unheard("unlocked")
	bridge("offline")
	away(t, q)
	if a := q.Command(t, "front", "unlock"); a.Status != 409 || a.Remedy == "" {
		t.Errorf("an order to nobody: %+v", a)
	}
	bridge("online")
	back(t, q, "unsecured")

	t.Log("the broker dies")
	broker.Kill(t)
	away(t, q)
	p.unheard("locked")
	broker.Start(t)
	back(t, q, "secured")
	if p.told() != told {
		t.Errorf("the lock was told %q, before %q", p.told(), told)
	}
}
