package mqtt

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

// text is a string of MQTT: its length before it.
func text(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

func frame(kind byte, body string) []byte {
	return append([]byte{kind, byte(len(body)&0x7f | 0x80), byte(len(body) >> 7)}, body...)
}

// announce publishes messages that are kept, as a device with an account does (MQTT 3.1.1).
func announce(t *testing.T, h *House, n api.Adoption, messages map[string]string) {
	t.Helper()
	soon(t, "the broker listens", func() bool { return h.server.Addr() != nil })
	conn, err := net.Dial("tcp", h.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	out := frame(0x10, text("MQTT")+"\x04\xc2\x00\x3c"+text("barn")+text(n.User)+text(n.Password))
	for topic, payload := range messages {
		out = append(out, frame(0x31, text(topic)+payload)...)
	}
	out = append(out, 0xc0, 0) // a ping: its answer comes after all of that was taken
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 6)
	for got := 0; got < len(answer); {
		k, err := conn.Read(answer[got:])
		if err != nil {
			t.Fatalf("%x, %v", answer[:got], err)
		}
		got += k
	}
	if string(answer) != "\x20\x02\x00\x00\xd0\x00" {
		t.Fatalf("%x", answer)
	}
}

// A device with an account of the built-in broker announces itself: it is listed with its section, and what cannot
// be taken over with the reason. Topics that are not its own or no announcements are not taken.
func TestFound(t *testing.T) {
	h := open(t, &config.MQTT{Listen: "127.0.0.1:0"}, health.NewBoard())
	n, err := h.Adopt(t.Context(), api.AdoptRequest{Kind: "device", Topic: "barn"})
	if err != nil {
		t.Fatal(err)
	}
	announce(t, h, n, map[string]string{
		"homeassistant/cover/barn/config":            `{"name":"Barn","cmd_t":"barn/set","stat_t":"barn/state","avty_t":"barn/LWT"}`,
		"homeassistant/cover/node/odd/config":        `{"cmd_t":"barn/set","stat_t":"barn/state","val_tpl":"{{ states(\"x\") }}"}`,
		"homeassistant/cover/loquet-x/garage/config": `{"cmd_t":"barn/set","stat_t":"barn/state","avty_t":"barn/LWT"}`,
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
