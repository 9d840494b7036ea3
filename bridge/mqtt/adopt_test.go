package mqtt

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

const boardID = "2f0036000000000000000001"

func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never comes to this: %s", what)
		}
	}
}

// power runs a board until the test ends.
func power(t *testing.T, h *House, o emulator.Options) *emulator.Board {
	t.Helper()
	soon(t, "the broker listens", func() bool { return h.server.Addr() != nil })
	o.Broker, o.Door, o.Back = h.server.Addr().String(), emulator.NewDoor(time.Second), 50*time.Millisecond
	b := emulator.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return b
}

// uses reports whether the board is known by name and number under an account.
func uses(t *testing.T, h *House, user, name string) bool {
	t.Helper()
	accounts, err := h.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		if a.User == user && a.Name == name && a.ID == boardID {
			return true
		}
	}
	return false
}

func TestABoardIsAdopted(t *testing.T) {
	h := open(t, &config.MQTT{Listen: "127.0.0.1:0"}, health.NewBoard())
	n, err := h.Adopt(t.Context(), api.AdoptRequest{Kind: "garadget"})
	if err != nil || n.Port == 0 || len(n.Hosts) != 1 || len(n.Password) < 16 || len(n.Password) > 31 || len(n.User) > 31 {
		t.Fatalf("%+v, %v", n, err)
	}
	power(t, h, emulator.Options{ID: boardID, User: n.User, Password: n.Password, Settings: emulator.Settings{Name: n.Name}})
	soon(t, "its number is listed", func() bool { return uses(t, h, n.User, n.Name) })
	if err := h.RemoveAccount(t.Context(), n.User); err != nil {
		t.Fatal(err)
	}
	if err := h.RemoveAccount(t.Context(), n.User); !errors.Is(err, api.ErrNotFound) {
		t.Error(err)
	}
}

func TestABoardWithoutAnAccountGetsOne(t *testing.T) {
	board := health.NewBoard()
	h := open(t, &config.MQTT{Listen: "127.0.0.1:0"}, board)
	b := power(t, h, emulator.Options{ID: boardID, Settings: emulator.Settings{Name: "Garage"}})
	soon(t, "it is refused", func() bool { return b.Refused() > 0 })
	waits(t, board, health.MQTTRefused, true)
	n, err := h.Adopt(t.Context(), api.AdoptRequest{Kind: "garadget", Blank: true})
	if err != nil || n.Until == nil {
		t.Fatalf("%+v, %v", n, err)
	}
	soon(t, "it has the account", func() bool { return uses(t, h, n.User, "Garage") })
	second := power(t, h, emulator.Options{ID: "2f0036000000000000000002", Settings: emulator.Settings{Name: "Other"}})
	soon(t, "the window is closed behind it", func() bool { return second.Refused() > 3 })
}

func TestKinds(t *testing.T) {
	h := open(t, &config.MQTT{Listen: "127.0.0.1:0"}, health.NewBoard())
	for _, c := range []struct {
		r  api.AdoptRequest
		ok bool
	}{
		{api.AdoptRequest{Kind: "device", Topic: "barn/door"}, true},
		{api.AdoptRequest{Kind: "device"}, false},
		{api.AdoptRequest{Kind: "device", Topic: "#"}, false},
		{api.AdoptRequest{Kind: "device", Topic: "a/+/b"}, false},
		{api.AdoptRequest{Kind: "device", Topic: "barn/door", Node: "barn_1"}, true},
		{api.AdoptRequest{Kind: "device", Topic: "barn/door", Node: "+"}, false},
		{api.AdoptRequest{Kind: "tasmota", Topic: "garage", Node: "garage"}, false},
		{api.AdoptRequest{Kind: "tasmota", Topic: "garage"}, true},
		{api.AdoptRequest{Kind: "tasmota", Topic: "tasmotas/#"}, false},
		{api.AdoptRequest{Kind: "zigbee2mqtt"}, true},
		{api.AdoptRequest{Kind: "nuki", ID: "2bb28570"}, true},
		{api.AdoptRequest{Kind: "nuki"}, false},
		{api.AdoptRequest{Kind: "nuki", ID: "2BB2857+"}, false},
		{api.AdoptRequest{Kind: "nuki", ID: "+"}, false},
		{api.AdoptRequest{Kind: "homeassistant"}, true},
		{api.AdoptRequest{Kind: "toaster"}, false},
	} {
		_, err := h.Adopt(t.Context(), c.r)
		var refused *api.Error
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &refused) || refused.Remedy == "") {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
	var none *House
	if _, err := none.Adopt(t.Context(), api.AdoptRequest{Kind: "garadget"}); err == nil {
		t.Error("a house without a broker makes an account")
	}
}
