package zigbee2mqtt

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// limit is far above what anything here takes, for a machine that is busy.
const limit = time.Minute

const ownBroker = `mqtt: {listen: ":1883"}`

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

func mosquitto(t *testing.T, host *e2e.Host) (*e2e.Process, func() *e2e.Process) {
	t.Helper()
	e2e.NeedCommand(t, "mosquitto", "apt-get install mosquitto")
	e2e.NeedCommand(t, "mosquitto_pub", "apt-get install mosquitto-clients")
	file := filepath.Join(e2e.TempDir(t), "mosquitto.conf")
	text := "user root\nlistener 18831 127.0.0.1\nallow_anonymous true\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() *e2e.Process {
		p := e2e.Start(t, e2e.Command{Host: host, Name: "mosquitto", Args: []string{"-c", file}})
		hello := e2e.Command{Host: host, Name: "mosquitto_pub", Args: []string{"-h", "127.0.0.1", "-p", "18831", "-t", "hello", "-m", "hello"}}
		e2e.Until(t, limit, func() string {
			if _, status := e2e.Output(t, hello, limit); status != 0 {
				return "mosquitto to listen"
			}
			return ""
		})
		return p
	}
	return start(), start
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
	home, _ := lab.Pair(t)
	e2e.NeedCommand(t, "mosquitto_pub", "apt-get install mosquitto-clients")
	q := lab.Start(t, e2e.Options{Host: home, Config: example(t)})
	var n struct{ User, Password string }
	out := e2e.Run(t, e2e.Command{Host: home, Name: lab.Binary(t), Args: []string{"adopt", "zigbee2mqtt", "--json", "--state", q.Options.State}}, limit)
	if err := json.Unmarshal([]byte(out), &n); err != nil || n.Password == "" {
		t.Fatalf("%v: %s", err, out)
	}
	t.Run("it lets nobody in without an account", func(t *testing.T) {
		args := []string{"-h", home.Addr.String(), "-p", "1883", "-t", topic, "-m", `{"state":"LOCK","lock_state":"locked"}`}
		if _, status := e2e.Output(t, e2e.Command{Host: home, Name: "mosquitto_pub", Args: args}, limit); status == 0 {
			t.Error("a stranger may speak for the lock")
		}
	})
	if d := q.Device(t, "front"); d.Available || d.State.Bolt == "secured" {
		t.Errorf("a lock that nobody heard of is %+v", d)
	}
}

// A day in the life of the example's door, with mosquitto in the middle.
func TestFrontDoor(t *testing.T) {
	home, _ := lab.Pair(t)
	broker, again := mosquitto(t, home)
	p := startPeer(t, account{host: home, addr: "127.0.0.1", port: "18831"})
	// What the broker kept from another day is nobody's truth, and nobody's turn.
	p.say(t, topic, `{"state":"UNLOCK","lock_state":"unlocked","action":"unlock","action_user":3,"action_source_name":"keypad"}`, true)
	p.say(t, "zigbee2mqtt/bridge/state", `{"state":"online"}`, true)
	q := lab.Start(t, e2e.Options{Host: home, Config: strings.Replace(example(t), ownBroker, `mqtt: {url: "mqtt://127.0.0.1:18831"}`, 1)})
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
	p.turn("unlocked", map[string]any{"action": "unlock", "action_user": slot, "action_source_name": "keypad"})
	if d := back(t, q, "unsecured"); d.State.Cause.Name != "Anna" || strings.HasPrefix(d.State.Cause.Actor, "slot:") {
		t.Errorf("Anna opened it, and it says %+v", d.State.Cause)
	}
	p.turn("locked", nil)
	back(t, q, "secured")

	told := p.told()
	t.Log("Zigbee2MQTT ends, and a key is turned meanwhile")
	p.unheard("unlocked")
	p.say(t, "zigbee2mqtt/bridge/state", `{"state":"offline"}`, true)
	away(t, q)
	if a := q.Command(t, "front", "unlock"); a.Status != 409 || a.Remedy == "" {
		t.Errorf("an order to nobody: %+v", a)
	}
	p.say(t, "zigbee2mqtt/bridge/state", `{"state":"online"}`, true)
	back(t, q, "unsecured")

	t.Log("the broker dies")
	broker.Signal(syscall.SIGKILL)
	broker.WaitKilled(t, limit)
	away(t, q)
	again()
	p2 := startPeer(t, p.account)
	back(t, q, "secured")
	if p.told() != told || p2.told() != "" {
		t.Errorf("the lock was told %q, then %q, before %q", p.told(), p2.told(), told)
	}
}
