package bridge

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
)

// ecosystem is an administrator of a fabric on the loopback.
func (r *residence) ecosystem(fabric uint64) *mattertest.Controller {
	r.t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	return mattertest.NewControllerOn(r.t, conn, mattertest.NewAuthority(r.t, fabric, false), 112233)
}

// nodeID is the bridge in every fabric of these tests.
const nodeID = 5

func (r *residence) matterAddress() net.Addr {
	r.t.Helper()
	at, err := net.ResolveUDPAddr("udp", r.matter.Status().Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	return at
}

func (r *residence) commission(c *mattertest.Controller) *session.Session {
	r.t.Helper()
	s, err := c.Commission(r.t.Context(), r.t, r.matterAddress(), r.matter.Status().Passcode, nodeID)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// locks are the endpoints with a DoorLock.
func (r *residence) doorLocks(c *mattertest.Controller, s *session.Session) []uint16 {
	r.t.Helper()
	all, err := c.Read(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []uint16
	for at := range all.Values {
		if at.Cluster == 0x101 && at.Attribute == 0 {
			out = append(out, at.Endpoint)
		}
	}
	return out
}

func unlock(endpoint uint16, timed bool) mattertest.Command {
	return mattertest.Command{Endpoint: endpoint, Cluster: 0x101, ID: 1, Timed: timed}
}

// An ecosystem adds the house, unlocks a lock, gets a name and a role, comes back after a restart, and is removed.
func TestAnEcosystemAddsTheHouse(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	at := r.ready().Matter
	if at == nil || at.Passcode == 0 || len(at.ManualCode) != 11 || !strings.HasPrefix(at.QR, "MT:") {
		t.Fatalf("%+v", at)
	}
	code := r.code(api.CodeRequest{Person: r.person("Anna", "owner").ID})
	explained := func() api.Explanation {
		t.Helper()
		e, err := r.ledger().ExplainCode(t.Context(), api.ExplainRequest{Door: "front", CodeID: code.ID})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := explained(); e.Allowed || e.Reason != "no-keypad" || !strings.Contains(e.Why[0], "owner Anna") {
		t.Errorf("where nobody can type or send a PIN: %+v", e)
	}
	c := r.ecosystem(0xFAB1)
	s := r.commission(c)
	if e := explained(); !e.Allowed || e.Reason != "permanent" || !strings.Contains(strings.Join(e.Why, "\n"), "Matter sends the PIN") {
		t.Errorf("where Matter sends PINs: %+v", e)
	}
	r.await("no code any more", func() bool { return r.ready().Matter == nil })
	locks := r.doorLocks(c, s)
	if len(locks) != 1 {
		t.Fatalf("locks %v", locks)
	}
	r.await("the lock known", func() bool { return r.position("front") == "secured" })
	before := r.pulses()
	if _, err := c.Invoke(t.Context(), s, unlock(locks[0], false)); err == nil || r.pulses() != before {
		t.Errorf("untimed: %v", err)
	}
	if _, err := c.Invoke(t.Context(), s, unlock(locks[0], true)); err != nil {
		t.Fatal(err)
	}
	r.await("unlocked", func() bool { return r.position("front") == "unsecured" })
	if r.pulses() != before+1 {
		t.Errorf("%d pulses", r.pulses()-before)
	}

	list, err := r.pairings.Pairings(t.Context())
	if err != nil || len(list) != 1 || list[0].Protocol != api.ProtocolMatter || list[0].Role != "manage" || list[0].Sessions == 0 || list[0].LastSeen.IsZero() {
		t.Fatalf("%+v, %v", list, err)
	}
	name, role := "Google", "view"
	if _, err := r.pairings.ChangePairing(t.Context(), "", list[0].ID, api.PairingChange{Name: &name, Role: &role}); err != nil {
		t.Fatal(err)
	}
	if d, _ := r.Device("front"); d.State.Cause.Name != "Google" || d.State.Cause.Kind != "matter" {
		t.Errorf("%+v", d.State.Cause)
	}
	lock := mattertest.Command{Endpoint: locks[0], Cluster: 0x101, ID: 0, Timed: true}
	if _, err := c.Invoke(t.Context(), s, lock); !errors.Is(err, model.UnsupportedAccess) {
		t.Errorf("with the role view: %v", err)
	}

	r.stop()
	r.start()
	if r.ready().Matter != nil {
		t.Error("a bridge that was added shows its code")
	}
	s, err = c.CASE(t.Context(), r.matterAddress(), nodeID)
	if err != nil {
		t.Fatal(err)
	}
	if again := r.doorLocks(c, s); len(again) != 1 || again[0] != locks[0] {
		t.Errorf("the lock was %d and is %v", locks[0], again)
	}
	if err := r.pairings.RemovePairing(t.Context(), "", list[0].ID); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Error("its session goes on")
	}
	if r.people.Name("matter", list[0].ID) != "" {
		t.Error("its role is remembered")
	}
	r.await("the code again", func() bool { return r.ready().Matter != nil })
}

// A second ecosystem comes in by a window, with the same code, and the owner can close it.
func TestTheWindow(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	first := r.ecosystem(0xFAB1)
	r.commission(first)
	r.await("closed", func() bool { return r.ready().Matter == nil })
	open, err := r.pairings.OpenMatter(t.Context())
	if err != nil || !open.Open || open.ManualCode == "" || time.Until(open.Until) < 14*time.Minute {
		t.Fatalf("%+v, %v", open, err)
	}
	r.await("the window told", func() bool { _, on := r.problem(health.MatterWindowOpen, ""); return on && r.ready().Matter != nil })
	if shut, err := r.pairings.CloseMatter(t.Context()); err != nil || shut.Open || shut.ManualCode != "" {
		t.Fatalf("%+v, %v", shut, err)
	}
	if _, err := r.pairings.OpenMatter(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.commission(r.ecosystem(0xFAB2))
	r.await("two ecosystems", func() bool {
		b, err := r.pairings.MatterBridge(t.Context())
		return err == nil && b.Fabrics == 2 && !b.Open
	})
}

// Without Matter there is none, and a house that is asked for it says why.
func TestMatterIsOff(t *testing.T) {
	r := newResidence(t, villa+"matter: {enabled: false}\n")
	r.opts.Matter = ""
	r.start()
	if r.ready().Matter != nil || r.matter.Status().Addr != "" {
		t.Error("it runs")
	}
	if _, err := r.pairings.OpenMatter(t.Context()); err == nil || !strings.Contains(err.Error(), "switched off") {
		t.Errorf("%v", err)
	}
	if got := r.Problems(); len(got) > 0 && got[0].Code == string(health.PartDown) {
		t.Errorf("%+v", got)
	}
}

// A port that another program has is no reason to be silent: the next free one is taken, and kept.
func TestABusyMatterPort(t *testing.T) {
	other, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newResidence(t, villa)
	r.opts.Matter = other.LocalAddr().String()
	r.start()
	moved := r.matter.Status().Addr
	if _, on := r.problem(health.MatterPortMoved, ""); !on || moved == r.opts.Matter {
		t.Errorf("it listens on %s", moved)
	}
	r.stop()
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	r.start()
	if now := r.matter.Status().Addr; now != moved {
		t.Errorf("it listened on %s, and now on %s", moved, now)
	}
}

// A reload brings a new lock to Matter and takes it away again, without another number for those that stay.
func TestAReloadReachesMatter(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	c := r.ecosystem(0xFAB1)
	s := r.commission(c)
	front := r.doorLocks(c, s)
	r.write(villa + studio)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if locks := r.doorLocks(c, s); len(locks) != 2 {
		t.Errorf("locks %v", locks)
	}
	r.write(villa)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if locks := r.doorLocks(c, s); len(locks) != 1 || locks[0] != front[0] {
		t.Errorf("locks %v, the first was %v", locks, front)
	}
}
