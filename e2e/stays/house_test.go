package stays

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
)

// house is a house without a way out: a studio whose strike a keypad opens, a front door with a Z-Wave lock that keeps
// codes, a phone of Apple Home and an ecosystem of Matter on another machine.
type house struct {
	home  *e2e.Host
	q     *e2e.Loquet
	z     zwave
	w     *world.World
	owner *homekit.Controller
	eco   ecosystem

	studio, front homekit.ID       // where their bolts are
	ends          map[string]int   // of Matter, by lock
	codes         map[string]codes // of Home, by lock
}

func newHouse(t *testing.T) *house {
	t.Helper()
	home, elsewhere := lab.Pair(t)
	text, err := os.ReadFile(e2e.Folder(t, "examples", "guest-stay", "loquet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{home: home, z: startZWave(t, home), w: world.Start(t, sim.DemoHouse(), 1)}
	config := strings.Replace(string(text), "{driver: sim}", "{driver: sim, world: "+h.w.Socket+"}", 1)
	config = strings.Replace(config, "locks:\n", "locks:\n  front:\n    name: Front door\n    bolt: {driver: zwave, url: \"ws://127.0.0.1:"+zwavePort+"\", node: 2}\n", 1)
	h.q = lab.Start(t, e2e.Options{Host: home, Config: config})
	h.q.Await(t, "front", "secured", limit)
	h.q.Await(t, "studio", "secured", limit)
	h.q.Do(t, http.MethodPost, "/api/v1/clock/confirm", map[string]any{"at": time.Now()}, nil) // no network tells the time here

	phone := homekit.NewPhone(t, elsewhere)
	if h.owner, err = phone.Pair("owner", phone.Find(t, h.q.Bridge(t).DeviceID).Where(), h.q.Bridge(t).SetupCode); err != nil {
		t.Fatal(err)
	}
	list := h.owner.Accessories(t)
	studio, front := homekit.Named(t, list, "Studio"), homekit.Named(t, list, "Front door")
	h.studio = studio.Get(t, homekit.ServiceLock, homekit.TypeCurrentLock).ID
	h.front = front.Get(t, homekit.ServiceLock, homekit.TypeCurrentLock).ID
	h.owner.Subscribe(t, h.studio, h.front)
	h.codes = map[string]codes{"studio": codesOf(t, h.owner, studio), "front": codesOf(t, h.owner, front)}
	h.eco = startEcosystem(t, elsewhere)
	m := h.q.Ready(t).Matter
	if m == nil {
		t.Fatal("it cannot be added to Matter")
	}
	h.eco.must(t, "commission", map[string]any{"passcode": m.Passcode, "discriminator": m.Discriminator})
	h.ends = map[string]int{"studio": h.eco.endpoint(t, "Studio"), "front": h.eco.endpoint(t, "Front door")}
	return h
}

// codes are the access codes of a lock in Apple Home.
type codes struct {
	c       *homekit.Controller
	control homekit.ID
}

func codesOf(t *testing.T, c *homekit.Controller, lock homekit.Accessory) codes {
	t.Helper()
	return codes{c, lock.Get(t, homekit.ServiceCodes, homekit.TypeCodesControl).ID}
}

// list is what Home lists: PINs by their numbers.
func (c codes) list(t *testing.T) map[int]string {
	t.Helper()
	return c.order(t, homekit.CodesList, 0)
}

// order has every response of an answer end with a status, and returns what they hold: PINs by their numbers.
func (c codes) order(t *testing.T, order string, want int) map[int]string {
	t.Helper()
	answer, status := c.c.Order(t, c.control, order)
	b, err := hex.DecodeString(answer)
	if status != 0 || err != nil || len(b) < 3 {
		t.Fatalf("%.6s: %q, status %d, %v", order, answer, status, err)
	}
	out := map[int]string{}
	for b = b[3:]; len(b) > 1 && len(b) >= 2+int(b[1]); b = b[2+int(b[1]):] {
		one := b[2 : 2+int(b[1])]
		n, pin, got := 0, "", -1
		for ; len(one) > 2 && len(one) >= 2+int(one[1]); one = one[2+int(one[1]):] {
			switch value := one[2 : 2+int(one[1])]; one[0] {
			case 1:
				n = int(value[0])
			case 2:
				pin = string(value)
			case 4:
				got = int(value[0])
			}
		}
		if b[0] != 3 {
			continue // a separator
		}
		if out[n] = pin; got != want {
			t.Errorf("%.6s: status %d, want %d", order, got, want)
		}
	}
	return out
}

// add gives somebody a PIN and returns its number.
func (c codes) add(t *testing.T, pin string) (number int) {
	t.Helper()
	for n, got := range c.order(t, homekit.CodesAdd+homekit.CodeRequest(homekit.CodeDigits(pin)), 0) {
		if number = n; got != pin {
			t.Errorf("Home asked for %s and was given %s", pin, got)
		}
	}
	if number == 0 {
		t.Fatal("a code without a number")
	}
	return number
}

func (c codes) update(t *testing.T, number int, pin string) {
	t.Helper()
	c.order(t, homekit.CodesUpdate+homekit.CodeRequest(homekit.CodeNumber(number)+homekit.CodeDigits(pin)), 0)
}

func (c codes) remove(t *testing.T, number int) {
	t.Helper()
	c.order(t, homekit.CodesRemove+homekit.CodeRequest(homekit.CodeNumber(number)), 0)
}

// copies is how it is with all codes at one place of a door.
func (h *house) copies(t *testing.T, door, where string) (out []api.Copy) {
	t.Helper()
	var all []api.Code
	h.q.Do(t, http.MethodGet, "/api/v1/codes", nil, &all)
	for _, code := range all {
		for _, c := range code.Copies {
			if c.Door == door && c.Where == where && code.Spare != "waiting" { // what is in reserve is nobody's
				out = append(out, c)
			}
		}
	}
	return out
}

// onLock waits until one code is on the front door's lock, read back, and asks the lock itself past the bridge.
func (h *house) onLock(t *testing.T, pin string) (slot int) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		all := h.copies(t, "front", "lock")
		if len(all) != 1 || all[0].State != "confirmed" {
			return fmt.Sprintf("one code that is read back from the lock: %+v", all)
		}
		slot = all[0].Slot
		return ""
	})
	if got := h.z.slot(t, h.home, slot); got != pin {
		t.Fatalf("slot %d of the lock holds a code of %d digits, another than it should", slot, len(got))
	}
	return slot
}

// offLock waits until no code is on the front door's lock, nor one that was taken back, and asks the lock itself.
func (h *house) offLock(t *testing.T, slot int) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		var left []api.UnknownCode
		h.q.Do(t, http.MethodGet, "/api/v1/codes/unknown", nil, &left)
		if all := h.copies(t, "front", "lock"); len(all)+len(left) > 0 {
			return fmt.Sprintf("a lock without codes: %+v, %+v", all, left)
		}
		return ""
	})
	if got := h.z.slot(t, h.home, slot); got != "" {
		t.Errorf("slot %d of the lock holds a code of %d digits", slot, len(got))
	}
}

// users are those that Matter sees at a lock with a PIN that is there: their names by index.
func (h *house) users(t *testing.T, lock string) map[int]string {
	t.Helper()
	out := map[int]string{}
	for i := 1; i <= 3; i++ {
		user := h.eco.lock(t, h.ends[lock], "getUser", map[string]any{"userIndex": i})
		credentials, _ := user["credentials"].([]any)
		if user["userStatus"] == nil || len(credentials) == 0 {
			continue
		}
		got := h.eco.lock(t, h.ends[lock], "getCredentialStatus", map[string]any{"credential": credentials[0]})
		if got["credentialExists"] == true && got["userIndex"] == float64(i) {
			out[i] = fmt.Sprint(user["userName"])
		}
	}
	return out
}

// types types a code at the studio's keypad and waits until it opens or is refused.
func (h *house) types(t *testing.T, pin, want string) {
	t.Helper()
	types(t, h.q, h.w, pin, want)
	if want == "opened" { // at rest again before anybody else types: until then an order is the same one
		h.q.Await(t, "studio", "unsecured", limit)
		h.q.Await(t, "studio", "secured", limit)
	}
}
