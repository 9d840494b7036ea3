package homekit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

func TestPairings(t *testing.T) {
	h := open(t, 1, nil)
	admin := h.admin()
	guest := h.user(admin, h.accessory())
	other := haptest.NewController()

	list, err := admin.ListPairings()
	if err != nil || len(list) != 2 {
		t.Fatal(err, list)
	}
	for _, p := range list {
		if p.Admin != (p.ID == admin.Controller.ID) {
			t.Errorf("%s is an admin: %v", p.ID, p.Admin)
		}
	}
	_, err = guest.ListPairings()
	wantPairingError(t, "list by a guest", err, 200, 2)
	wantPairingError(t, "add by a guest", guest.AddPairing(other.ID, other.Public(), true), 200, 2)
	wantPairingError(t, "self-promotion", guest.AddPairing(guest.Controller.ID, guest.Controller.Public(), true), 200, 2)
	wantPairingError(t, "remove by a guest", guest.RemovePairing(admin.Controller.ID), 200, 2)

	wantPairingError(t, "a known id with another key", admin.AddPairing(guest.Controller.ID, other.Public(), true), 200, 1)
	for _, unknown := range []string{"unknown", "\x00\xff"} {
		if err := admin.RemovePairing(unknown); err != nil {
			t.Errorf("remove an unknown id: %v", err)
		}
	}
	for name, items := range map[string][]haptest.Item{
		"permission 2":  {{Type: haptest.Permissions, Value: []byte{2}}},
		"no permission": nil,
		"two bytes":     {{Type: haptest.Permissions, Value: []byte{1, 0}}},
	} {
		items = append([]haptest.Item{haptest.B(haptest.State, 1), haptest.B(haptest.Method, 3),
			{Type: haptest.Identifier, Value: []byte("X")}, {Type: haptest.PublicKey, Value: other.Public()}}, items...)
		wantPairingError(t, name, second(admin.Pair("/pairings", items...)), 400, 0)
	}
	wantPairingError(t, "zero key", admin.AddPairing("X", make([]byte, 32), false), 400, 0)

	// Rights are looked up at each use: promotion and demotion act on the open session.
	if err := admin.AddPairing(guest.Controller.ID, guest.Controller.Public(), true); err != nil {
		t.Fatal(err)
	}
	if list, err := guest.ListPairings(); err != nil || len(list) != 2 {
		t.Errorf("list after promotion: %v %v", err, list)
	}
	if err := admin.AddPairing(guest.Controller.ID, guest.Controller.Public(), false); err != nil {
		t.Fatal(err)
	}
	_, err = guest.ListPairings()
	wantPairingError(t, "list after demotion", err, 200, 2)
}

func TestPairingsFull(t *testing.T) {
	h := open(t, 0, nil)
	admin := h.admin()
	for i := 1; i < maxPairings; i++ {
		if err := admin.AddPairing(fmt.Sprint("controller ", i), haptest.NewController().Public(), false); err != nil {
			t.Fatal(i, err)
		}
	}
	extra := haptest.NewController()
	wantPairingError(t, "33rd", admin.AddPairing(extra.ID, extra.Public(), false), 200, 4)
	if list, err := admin.ListPairings(); err != nil || len(list) != maxPairings {
		t.Errorf("%v, %d pairings", err, len(list))
	}
	// A full list of pairings is several fragments and frames long; all of it survives a restart.
	if again := newHouse(t, h.store.Clone(), definitions(0), nil); len(again.Pairings()) != maxPairings || len(again.Damaged()) != 0 {
		t.Errorf("after a restart: %d pairings, damage %v", len(again.Pairings()), again.Damaged())
	}
}

// A removed controller is out within a second, its write in flight told to stop, and nothing of it runs afterwards.
func TestRevoke(t *testing.T) {
	for _, how := range []string{"by an admin", "by the owner"} {
		t.Run(how, func(t *testing.T) {
			h := open(t, 1, nil)
			admin := h.admin()
			guest := h.user(admin, h.accessory())
			began, told := make(chan bool), make(chan error, 1)
			h.handler(func(ctx context.Context, w Write) (any, Status) {
				close(began)
				<-ctx.Done()
				told <- context.Cause(ctx)
				return nil, StatusOK
			})
			if err := guest.Send(haptest.Request("PUT", "/characteristics", typeJSON, []byte(`{"characteristics":[{"aid":2,"iid":11,"value":0}]}`))); err != nil {
				t.Fatal(err)
			}
			<-began
			if how == "by an admin" {
				if err := admin.RemovePairing(guest.Controller.ID); err != nil {
					t.Fatal(err)
				}
			} else if err := h.RemovePairing(guest.Controller.ID); err != nil {
				t.Fatal(err)
			}
			if err := guest.Closed(10 * time.Second); err != nil {
				t.Error(err)
			}
			if cause := <-told; !errors.Is(cause, errRevoked) {
				t.Errorf("the handler was told %v", cause)
			}
			err := h.dial(guest.Controller).PairVerify(h.accessory())
			wantPairingError(t, "pair-verify of a removed controller", err, 200, 2)
			if _, err := admin.Accessories(); err != nil {
				t.Errorf("the admin's session: %v", err)
			}
		})
	}
}

// Between the removal of a pairing and the end of its sessions there is a moment; what is in the socket then does not
// count, and a pair-verify that was under way opens nothing.
func TestRemovedInBetween(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		h.enrol(haptest.NewController(), true)
		c := h.pipeSession("192.0.2.1", false)
		synctest.Wait()                                               // until the session is open on the server's side too
		if _, _, err := h.vault.remove(c.Controller.ID); err != nil { // the record is gone, the session not yet
			t.Fatal(err)
		}
		if r, err := c.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}); err == nil {
			t.Errorf("answered with %+v", r)
		}
		if err := c.Closed(10 * time.Second); err != nil || len(h.written()) != 0 {
			t.Errorf("%v, writes %+v", err, h.written())
		}
		ours, theirs := net.Pipe()
		defer theirs.Close()
		late := &conn{s: h.Server, nc: ours, stream: newStream(ours)}
		if err := late.verifiedBy(c.Controller.ID, make([]byte, 32)); !errors.Is(err, errRevoked) {
			t.Errorf("a session was opened: %v", err)
		}
		late.session.close()
	})
}

func TestRemoveOwnPairing(t *testing.T) {
	h := open(t, 0, nil)
	admin := h.admin()
	second := haptest.NewController()
	if err := admin.AddPairing(second.ID, second.Public(), true); err != nil {
		t.Fatal(err)
	}
	two := h.session(second, h.accessory())
	if err := two.RemovePairing(second.ID); err != nil {
		t.Fatalf("the answer did not arrive: %v", err)
	}
	if err := two.Closed(10 * time.Second); err != nil {
		t.Error(err)
	}
	if _, err := admin.ListPairings(); err != nil {
		t.Error(err)
	}
}

// Removing the last admin removes everybody, closes every session of this server alone, and makes it pairable with
// another code.
func TestLastAdmin(t *testing.T) {
	for _, how := range []string{"removes itself", "demotes itself", "is removed by the owner"} {
		t.Run(how, func(t *testing.T) {
			elsewhere := open(t, 0, nil)
			neighbour := elsewhere.admin()
			h := open(t, 0, nil)
			code, id := h.SetupCode(), h.DeviceID()
			admin := h.admin()
			guest := h.user(admin, h.accessory())
			var err error
			switch how {
			case "removes itself":
				err = admin.RemovePairing(admin.Controller.ID)
			case "demotes itself":
				err = admin.AddPairing(admin.Controller.ID, admin.Controller.Public(), false)
			default:
				err = h.RemovePairing(admin.Controller.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(admin.Closed(10*time.Second), guest.Closed(time.Second)); err != nil {
				t.Error(err)
			}
			wantPairingError(t, "the guest", h.dial(guest.Controller).PairVerify(h.accessory()), 200, 2)
			if h.Paired() || h.SetupCode() == "" || h.SetupCode() == code || h.DeviceID() != id {
				t.Errorf("paired %v, code %s (was %s), id %s (was %s)", h.Paired(), h.SetupCode(), code, h.DeviceID(), id)
			}
			if !slices.Contains(h.Advertisement().TXT, "sf=1") {
				t.Errorf("announced %v", h.Advertisement().TXT)
			}
			if _, err := neighbour.Accessories(); err != nil {
				t.Errorf("a session of another server: %v", err)
			}
			if _, err := h.dial(nil).PairSetup(h.SetupCode()); err != nil {
				t.Errorf("pair again: %v", err)
			}
		})
	}
}
