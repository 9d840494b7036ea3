package nuki

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	text, err := os.ReadFile(e2e.Folder(t, "examples", "nuki-front-door", "loquet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), ownBroker) || !strings.Contains(string(text), lockID) {
		t.Fatal("the example has another broker or another lock")
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

// The example with the broker that is in loquet: a lock gets in with the account that was made for it, and that
// account speaks for no other lock.
func TestOwnBroker(t *testing.T) {
	home, _ := lab.Pair(t)
	e2e.NeedCommand(t, "mosquitto_pub", "apt-get install mosquitto-clients")
	const other = "11111111"
	q := lab.Start(t, e2e.Options{Host: home, Config: example(t) + "  back:\n    name: Back door\n    bolt: {driver: nuki, id: \"" + other + "\"}\n"})
	var n struct {
		User, Password string
		Port           int
	}
	out := e2e.Run(t, e2e.Command{Host: home, Name: lab.Binary(t), Args: []string{"adopt", "nuki", strings.ToLower(lockID), "--json", "--state", q.Options.State}}, limit)
	if err := json.Unmarshal([]byte(out), &n); err != nil || n.Password == "" {
		t.Fatalf("%v: %s", err, out)
	}
	stranger := []string{"-h", home.Addr.String(), "-p", "1883", "-t", "nuki/" + lockID + "/state", "-m", "1"}
	if _, status := e2e.Output(t, e2e.Command{Host: home, Name: "mosquitto_pub", Args: stranger}, limit); status == 0 {
		t.Error("a stranger may speak for the lock")
	}
	a := account{host: home, addr: home.Addr.String(), port: strconv.Itoa(n.Port), user: n.User, password: n.Password}
	p := startPeer(t, a, "1")
	for what, payload := range map[string]string{"connected": "true", "state": "1"} { // refused, or unheard: as the broker likes
		e2e.Output(t, e2e.Command{Host: home, Name: "mosquitto_pub", Args: a.args("-t", "nuki/"+other+"/"+what, "-m", payload)}, limit)
	}
	p.connect(t)
	back(t, q, "secured")
	q.Must(t, "front", "unlock")
	back(t, q, "unsecured")
	if got := p.told(); !slices.Equal(got, []string{"lockAction 0 1"}) {
		t.Errorf("the lock was told: %q", got)
	}
	if d := q.Device(t, "back"); d.Available || d.State.Bolt == "secured" {
		t.Errorf("another lock spoke for it: %+v", d)
	}
}

// A day in the life of the example's door, with mosquitto in the middle.
func TestFrontDoor(t *testing.T) {
	home, _ := lab.Pair(t)
	broker, again := mosquitto(t, home)
	p := startPeer(t, account{host: home, addr: "127.0.0.1", port: "18831"}, "1")
	t.Log("the broker kept another day: the lock is there, where its bolt is nobody knows, and it opens")
	p.say(t, lockID, "state", "1", true)
	p.say(t, lockID, "doorsensorState", "2", true)
	p.say(t, lockID, "connected", "true", true)
	p.say(t, lockID, "lockActionEvent", "1,0,54321,12345,1", true)
	q := lab.Start(t, e2e.Options{Host: home, Config: strings.Replace(example(t), ownBroker, `mqtt: {url: "mqtt://127.0.0.1:18831"}`, 1)})
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
	if got := p.told(); !slices.Equal(got, []string{"lockAction 0 1", "lockAction 0 2"}) {
		t.Errorf("the lock was told: %q", got)
	}

	p.turn(t, "3", "1,0,54321,12345,1")
	if d := back(t, q, "unsecured"); d.State.Cause.Kind != "code" || d.State.Cause.Actor != "slot:12345" {
		t.Errorf("it was opened by %+v", d.State.Cause)
	}
	p.turn(t, "254", "")
	if d := back(t, q, "jammed"); d.State.Fault == "" {
		t.Errorf("a jam without words: %+v", d.State)
	}
	p.turn(t, "1", "2,6,0,0,0")
	back(t, q, "secured")

	told := p.told()
	t.Log("the lock's batteries fall out, and a key is turned meanwhile")
	p.dies(t)
	away(t, q)
	if a := q.Command(t, "front", "unlock"); a.Status != 409 || a.Remedy == "" {
		t.Errorf("an order to nobody: %+v", a)
	}
	p2 := startPeer(t, p.account, "3")
	p2.connect(t)
	back(t, q, "unsecured")

	t.Log("the broker dies, and keeps nothing")
	broker.Signal(syscall.SIGKILL)
	broker.WaitKilled(t, limit)
	away(t, q)
	again()
	p3 := startPeer(t, p.account, "1")
	e2e.Until(t, limit, func() string {
		p3.connect(t) // before the house is connected it would be what a broker kept
		if d := q.Device(t, "front"); !d.Available || d.At() != "secured" {
			return fmt.Sprintf("the lock to be there and secured; it is %+v", d)
		}
		return ""
	})
	if !slices.Equal(p.told(), told) || len(p2.told())+len(p3.told()) != 0 {
		t.Errorf("the lock was told %q, then %q and %q; before: %q", p.told(), p2.told(), p3.told(), told)
	}
}
