package mqtt

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/broker"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

// text is a string of MQTT: its length before it.
func text(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

func frame(kind byte, body string) []byte {
	return append([]byte{kind, byte(len(body)&0x7f | 0x80), byte(len(body) >> 7)}, body...)
}

// peer is a client of the broker with an account (MQTT 3.1.1).
type peer struct {
	t *testing.T
	net.Conn
}

func enter(t *testing.T, h *House, n api.Adoption, name string) *peer {
	t.Helper()
	soon(t, "the broker listens", func() bool { return h.server.Addr() != nil })
	conn, err := net.Dial("tcp", h.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	p := &peer{t, conn}
	p.write(frame(0x10, text("MQTT")+"\x04\xc2\x00\x3c"+text(name)+text(n.User)+text(n.Password)))
	p.hears("\x20\x02\x00\x00")
	return p
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) hears(want string) {
	p.t.Helper()
	answer := make([]byte, len(want))
	if _, err := io.ReadFull(p, answer); err != nil || string(answer) != want {
		p.t.Fatalf("%x, %v, want %x", answer, err, want)
	}
}

// ping waits until the broker has taken all that was said.
func (p *peer) ping() {
	p.t.Helper()
	p.write([]byte{0xc0, 0})
	p.hears("\xd0\x00")
}

// announce publishes messages that are kept, as a device with an account does.
func announce(t *testing.T, h *House, n api.Adoption, messages map[string]string) {
	t.Helper()
	p := enter(t, h, n, "barn")
	for topic, payload := range messages {
		p.write(frame(0x31, text(topic)+payload))
	}
	p.ping()
}

// A device with an account of the built-in broker announces itself: it is listed with its section, and what cannot
// be taken over with the reason. Topics that are not its own, announcements of others, with what is not its own in them,
// and what is no announcement are not taken.
func TestFound(t *testing.T) {
	h := open(t, &config.MQTT{Listen: "127.0.0.1:0"}, health.NewBoard())
	n, err := h.Adopt(t.Context(), api.AdoptRequest{Kind: "device", Topic: "barn"})
	if err != nil {
		t.Fatal(err)
	}
	announce(t, h, n, map[string]string{
		"homeassistant/cover/barn/config":            `{"name":"Barn","cmd_t":"barn/set","stat_t":"barn/state","avty_t":"barn/LWT"}`,
		"homeassistant/cover/barn-2/odd/config":      `{"cmd_t":"barn/set","stat_t":"barn/state","val_tpl":"{{ states(\"x\") }}"}`,
		"homeassistant/cover/loquet-x/garage/config": `{"cmd_t":"barn/set","stat_t":"barn/state","avty_t":"barn/LWT"}`,
		"homeassistant/cover/yard/config":            `{"name":"Yard","cmd_t":"barn/set","stat_t":"barn/state","avty_t":"barn/LWT"}`,
		"homeassistant/cover/barn_yard/config":       `{"name":"Yard","cmd_t":"yard/set","stat_t":"barn/state","avty_t":"barn/LWT"}`,
		"homeassistant/light/barn/config":            `{}`,
		"homeassistant/status":                       `online`,
	})
	found, err := h.Found(t.Context())
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	if f := found[0]; f.ID != "cover/barn" || f.Kind != api.KindDoor || !strings.Contains(f.Section, `command: "barn/set"`) {
		t.Errorf("%+v", f)
	}
	if f := found[1]; f.Section != "" || !strings.Contains(f.Why, "states(") || f.Remedy == "" {
		t.Errorf("%+v", f)
	}
	var none *House
	if _, err := none.Found(t.Context()); err == nil {
		t.Error("a house without a broker finds something")
	}
}

// Accounts of earlier versions announce their own nodes only, and a Tasmota's can as well.
func TestAccountsAreRevised(t *testing.T) {
	store := &rows{all: map[string][]byte{}}
	accounts, err := broker.OpenAccounts(store)
	if err != nil {
		t.Fatal(err)
	}
	old := func(kind string, write []string, read string) broker.Account {
		one, _, err := accounts.Make(kind, broker.Rights{Write: write, Read: []string{read}, Packet: 1024}, true, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	device := old("device", []string{"yard/gate/#", "homeassistant/+/+/config", "homeassistant/+/+/+/config"}, "yard/gate/#")
	tasmota := old("tasmota", []string{"stat/garage/#"}, "cmnd/garage/#")
	board := old("garadget", []string{"garadget/%c/LWT"}, "garadget/%c/command")
	if accounts, err = broker.OpenAccounts(store); err != nil {
		t.Fatal(err)
	}
	accounts.Revise(revised)
	for _, one := range accounts.List() {
		want := map[string][]string{device.User: {"yard_gate", "yard-gate", "gate"}, tasmota.User: {"%n"}, board.User: nil}[one.User]
		if !slices.Equal(one.Rights.Nodes, want) || strings.Contains(strings.Join(one.Rights.Write, " "), "homeassistant") || len(one.Rights.Write) == 0 {
			t.Errorf("%s: %+v, want nodes %q", one.Kind, one.Rights, want)
		}
	}
}
