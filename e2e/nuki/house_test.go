package nuki

import (
	"fmt"
	"os"
	"slices"
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
	text, err := os.ReadFile(e2e.Folder(t, "examples", "nuki-front-door", "loquet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), ownBroker) || !strings.Contains(string(text), lockID) {
		t.Fatal("the example has another broker or another lock")
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

// The example with the broker that is in loquet: a lock gets in with the account that was made for it, and that
// account speaks for no other lock.
func TestOwnBroker(t *testing.T) {
	home, yard := lab.Pair(t)
	const other = "11111111"
	q := lab.Start(t, e2e.Options{Host: home, Config: example(t) + "  back:\n    name: Back door\n    bolt: {driver: nuki, id: \"" + other + "\"}\n"})
	a := mqtt.Adopt(t, lab, q, "nuki", strings.ToLower(lockID)).Account(q, yard)
	stranger := mqtt.Account{Host: yard, Addr: a.Addr}
	if stranger.Try(mqtt.Message{Topic: topic + "state", Payload: "1"}) == nil {
		t.Error("a stranger may speak for the lock")
	}
	p := startPeer(t, a, "1")
	for what, payload := range map[string]string{"connected": "true", "state": "1"} { // refused, or unheard: as the broker likes
		_ = a.Try(mqtt.Message{Topic: "nuki/" + other + "/" + what, Payload: payload})
	}
	p.connect()
	back(t, q, "secured")
	q.Must(t, "front", "unlock")
	back(t, q, "unsecured")
	if got := p.told(); !slices.Equal(got, []string{"lockAction 1"}) {
		t.Errorf("the lock was told: %q", got)
	}
	if d := q.Device(t, "back"); d.Available || d.State.Bolt == "secured" {
		t.Errorf("another lock spoke for it: %+v", d)
	}
}

// A day in the life of the example's door, with mosquitto in the middle.
func TestFrontDoor(t *testing.T) {
	home, yard := lab.Pair(t)
	broker := mqtt.StartMosquitto(t, home, "lock")
	p := startPeer(t, broker.Account(yard, "lock"), "1")
	t.Log("the broker kept another day: the lock is there, where its bolt is nobody knows, and it opens")
	for what, payload := range map[string]string{"state": "1", "doorsensorState": "2", "connected": "true", "lockActionEvent": "1,0,54321,12345,1"} {
		broker.Account(yard, "lock").Tell(t, mqtt.Message{Topic: topic + what, Payload: payload, Retained: true})
	}
	q := lab.Start(t, e2e.Options{Host: home, Config: strings.Replace(example(t), ownBroker, "mqtt: "+broker.Section(), 1)})
	if d := back(t, q, "unknown"); len(p.told()) != 0 {
		t.Errorf("at first it is %+v, and was told %q", d, p.told())
	}
	q.Must(t, "front", "unlock")
	back(t, q, "unsecured")
	e2e.Until(t, limit, func() string { // the lock has spoken: what the broker kept of its door counts
		if d := q.Device(t, "front"); d.State.DoorOpen != "no" {
			return fmt.Sprintf("the door to be closed; it is %+v", d)
		}
		return ""
	})
	e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: []string{"lock", "front", "--state", q.Options.State}}, limit)
	if d := back(t, q, "secured"); d.State.Confidence != "sensed" {
		t.Errorf("%+v", d)
	}
	if got := p.told(); !slices.Equal(got, []string{"lockAction 1", "lockAction 2"}) {
		t.Errorf("the lock was told: %q", got)
	}

	p.turn("3", "1,0,54321,12345,1")
	if d := back(t, q, "unsecured"); d.State.Cause.Kind != "code" || d.State.Cause.Actor != "slot:12345" {
		t.Errorf("it was opened by %+v", d.State.Cause)
	}
	p.turn("254", "")
	if d := back(t, q, "jammed"); d.State.Fault == "" {
		t.Errorf("a jam without words: %+v", d.State)
	}
	p.turn("1", "2,6,0,0,0")
	back(t, q, "secured")

	told := p.told()
	t.Log("the lock's batteries fall out, and a key is turned meanwhile")
	p.Off()
	away(t, q)
	if a := q.Command(t, "front", "unlock"); a.Status != 409 || a.Remedy == "" {
		t.Errorf("an order to nobody: %+v", a)
	}
	p2 := startPeer(t, broker.Account(yard, "lock"), "3")
	p2.connect()
	back(t, q, "unsecured")

	t.Log("the broker dies, and keeps nothing")
	broker.Kill(t)
	away(t, q)
	p2.unheard("1")
	broker.Start(t)
	p2.Await(t, 2)
	e2e.Until(t, limit, func() string {
		p2.connect() // before the house is connected it would be what a broker kept
		if d := q.Device(t, "front"); !d.Available || d.At() != "secured" {
			return fmt.Sprintf("the lock to be there and secured; it is %+v", d)
		}
		return ""
	})
	if !slices.Equal(p.told(), told) || len(p2.told()) != 0 {
		t.Errorf("the lock was told %q, then %q; before: %q", p.told(), p2.told(), told)
	}
}
