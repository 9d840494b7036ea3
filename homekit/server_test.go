package homekit

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

func TestPairReadWriteNotify(t *testing.T) {
	h := open(t, 2, nil)
	admin := h.admin()
	watcher := h.user(admin, h.accessory())

	body, err := admin.Accessories()
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Accessories []struct {
			AID      uint64
			Services []struct {
				IID             uint64
				Type            string
				Characteristics []struct{ Value any }
			}
		}
	}
	if err := json.Unmarshal(body, &all); err != nil || len(all.Accessories) != 3 || all.Accessories[1].Services[1].Type != "41" {
		t.Fatalf("%v: %s", err, body)
	}
	if err := watcher.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}, haptest.ID{AID: 2, IID: iidCurrent}); err != nil {
		t.Fatal(err)
	}
	if r, err := admin.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}); err != nil || r != nil {
		t.Fatal(err, r)
	}
	if got := value(t, admin, 2, iidTarget); got != "0" {
		t.Errorf("target is %s", got)
	}
	e, err := watcher.NextEvent(2 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(e.Body), `{"characteristics":[{"aid":2,"iid":11,"value":0},{"aid":2,"iid":10,"value":0}]}`; got != want {
		t.Errorf("event %s, want %s", got, want)
	}
	if w := h.written(); len(w) != 1 || w[0].Value != int64(0) || w[0].Controller.ID != admin.Controller.ID || !w[0].Controller.Admin {
		t.Errorf("handler got %+v", w)
	}
}
