package zwave

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
)

// example is the configuration of the example, as it is.
func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(e2e.Folder(t, "examples", "zwave-front-door", "loquet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func away(t *testing.T, q *e2e.Loquet, id string) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if q.Device(t, id).Available {
			return id + " to be away"
		}
		return ""
	})
}

func back(t *testing.T, q *e2e.Loquet, at string) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if d := q.Device(t, "front"); !d.Available || d.At() != at {
			return fmt.Sprintf("the lock to be back and %s; it is %+v", at, d)
		}
		return ""
	})
}

func door(t *testing.T, q *e2e.Loquet, open string) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if got := q.Device(t, "front").State.DoorOpen; got != open {
			return "door open " + open + "; it is " + got
		}
		return ""
	})
}

// A day in the life of the example's front door: a bridge and a zwave-js-server at home, a phone elsewhere.
func TestFrontDoor(t *testing.T) {
	home, elsewhere := lab.Pair(t)
	stick := startStick(t, home, "5599")
	config := example(t)
	if !strings.Contains(config, `"ws://127.0.0.1:3000"`) {
		t.Fatal("the example's server is elsewhere")
	}
	q := lab.Start(t, e2e.Options{Host: home, Config: config})
	away(t, q, "front") // there is no server yet
	if a := q.Command(t, "front", "unlock"); a.Status != 409 || a.Remedy == "" {
		t.Errorf("an order to no server: %+v", a)
	}
	cache := e2e.TempDir(t)
	zwave := startServer(t, stick, "3000", cache)
	d := q.Await(t, "front", "secured", limit)
	if d.State.Confidence != "sensed" {
		t.Errorf("at first it is %+v", d.State)
	}
	door(t, q, "no")

	phone := homekit.NewPhone(t, elsewhere)
	owner, err := phone.Pair("owner", phone.Find(t, q.Bridge(t).DeviceID).Where(), q.Bridge(t).SetupCode)
	if err != nil {
		t.Fatal(err)
	}
	lock := homekit.Named(t, owner.Accessories(t), "Front door")
	current, target := lock.Get(t, homekit.ServiceLock, homekit.TypeCurrentLock).ID, lock.Get(t, homekit.ServiceLock, homekit.TypeTargetLock).ID
	owner.Subscribe(t, current, target)
	if got := stick.told(2); got != "" {
		t.Fatalf("something moved at the start: %s", got)
	}

	t.Run("a phone unlocks, and tells again and again", func(t *testing.T) {
		for range 3 {
			owner.MustWrite(t, target, homekit.LockUnsecured)
		}
		q.Await(t, "front", "unsecured", limit)
		e2e.Until(t, limit, func() string {
			if _, ok := owner.First(current, homekit.LockUnsecured); !ok {
				return "the phone to see it unlocked"
			}
			return ""
		})
		if got := stick.told(2); got != "unlock" {
			t.Errorf("the lock was told: %s", got)
		}
	})
	t.Run("the command line locks", func(t *testing.T) {
		e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: []string{"lock", "front", "--state", q.Options.State}}, limit)
		q.Await(t, "front", "secured", limit)
		if got := stick.told(2); got != "unlock lock" {
			t.Errorf("the lock was told: %s", got)
		}
	})
	t.Run("a code opens, and the history has its slot", func(t *testing.T) {
		owner.ForgetMessages()
		stick.order(t, 2, map[string]any{"notify": 6, "user": 3})
		stick.order(t, 2, map[string]any{"turn": 0})
		d := q.Await(t, "front", "unsecured", limit)
		if d.State.Cause.Kind != "code" || d.State.Cause.Actor != "slot:3" || d.State.Target != "unsecured" {
			t.Errorf("it was opened by %+v", d.State)
		}
		rows := q.History(t, "front")
		if last := rows[len(rows)-1]; last.Kind != "observed" || last.Cause.Actor != "slot:3" || last.State != "unsecured" {
			t.Errorf("the last row is %+v", last)
		}
		e2e.Until(t, limit, func() string {
			if m, ok := owner.First(current, homekit.LockUnsecured); !ok || !m.Has(target, homekit.LockUnsecured) {
				return "the phone to see both at once"
			}
			return ""
		})
	})
	t.Run("a key locks", func(t *testing.T) {
		stick.order(t, 2, map[string]any{"turn": 255})
		stick.order(t, 2, map[string]any{"notify": 1})
		d := q.Await(t, "front", "secured", limit)
		if d.State.Cause.Kind != "outside" || d.State.Cause.Place != "by-hand" {
			t.Errorf("it was locked by %+v", d.State.Cause)
		}
	})
	t.Run("the door is seen", func(t *testing.T) {
		stick.order(t, 2, map[string]any{"door": "open"})
		door(t, q, "yes")
		if a := q.Command(t, "front", "unlock"); a.Status == 409 {
			t.Errorf("an unlock with the door open: %+v", a)
		}
		q.Await(t, "front", "unsecured", limit)
		if a := q.Command(t, "front", "lock"); a.Status != 409 || a.Code != "door-open" {
			t.Errorf("a lock with the door open: %+v", a)
		}
		stick.order(t, 2, map[string]any{"door": "closed", "turn": 255})
		door(t, q, "no")
		q.Await(t, "front", "secured", limit)
	})
	t.Run("a bolt that is stuck", func(t *testing.T) {
		stick.order(t, 2, map[string]any{"turn": 0})
		q.Await(t, "front", "unsecured", limit)
		stick.order(t, 2, map[string]any{"stuck": true})
		before := stick.told(2)
		q.Must(t, "front", "lock")
		if d := q.Await(t, "front", "jammed", limit); d.State.Fault == "" {
			t.Errorf("it says nothing of it: %+v", d.State)
		}
		if got := stick.told(2); got != before+" lock" {
			t.Errorf("the lock was told: %s", got)
		}
		stick.order(t, 2, map[string]any{"stuck": false, "turn": 255})
		q.Await(t, "front", "secured", limit)
	})
	whole := t
	t.Run("the server dies, and a key is turned meanwhile", func(t *testing.T) {
		before := stick.told(2)
		zwave.Signal(syscall.SIGKILL)
		zwave.WaitKilled(t, limit)
		away(t, q, "front")
		stick.order(t, 2, map[string]any{"turn": 0, "unheard": true})
		zwave = startServer(whole, stick, "3000", cache)
		back(t, q, "unsecured")
		if got := stick.told(2); got != before {
			t.Errorf("the lock was told %s, before %s", got, before)
		}
	})
	t.Run("the server falls silent", func(t *testing.T) {
		zwave.Signal(syscall.SIGSTOP)
		took := e2e.Until(t, limit, func() string {
			if q.Device(t, "front").Available {
				return "the lock to be away"
			}
			return ""
		})
		zwave.Signal(syscall.SIGCONT)
		t.Logf("away after %v of silence", took)
		back(t, q, "unsecured")
	})
	t.Run("the lock falls silent", func(t *testing.T) {
		stick.order(t, 2, map[string]any{"silent": true})
		if a := q.Command(t, "front", "lock"); a.Status != 409 || a.Code != "outcome-unsure" && a.Code != "unavailable" {
			t.Errorf("an order to a lock that does not answer: %+v", a)
		}
		away(t, q, "front")
		told := stick.told(2)
		stick.order(t, 2, map[string]any{"silent": false})
		back(t, q, "unsecured")
		if got := stick.told(2); got != told {
			t.Errorf("the lock was told %s, before %s", got, told)
		}
	})
	if t.Failed() {
		t.Log(fmt.Sprint(q.History(t, "front")))
	}
}
