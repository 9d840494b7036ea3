package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/hw"
)

// announcer is a client with an account that may announce itself.
func announcer(t *testing.T, h *house, client string, r Rights) *board {
	t.Helper()
	r.Packet = 4096
	one, password, err := h.server.options.Accounts.Make("device", r, true, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b, code := hello(t, h.addr, client, one.User, password)
	if code != 0 {
		t.Fatal(code)
	}
	return b
}

func of(topic string, nodes ...string) Rights {
	return Rights{Write: []string{"stat/" + topic + "/#", "tele/" + topic + "/#"}, Read: []string{"cmnd/" + topic + "/#"}, Nodes: nodes}
}

// A device announces its own nodes, which it names by what its owner called it, or a Tasmota by its chip, and nothing
// else: not another's, with what is not its own in it, or an order to be kept.
func TestAnnouncements(t *testing.T) {
	h := newHouse(t)
	events := listenUp(t, t.Context(), h.client, "homeassistant/#", "stat/#", "cmnd/#")
	garage := announcer(t, h, "DVES_12AB34", of("garage", "%n"))
	lamp := announcer(t, h, "lamp", of("lamp", "lamp", "yard_lamp", "12AB34"))
	long := announcer(t, h, "lamp_2", of("lamp_2", "lamp_2"))
	own := `{"cmd_t":"cmnd/garage/POWER1","stat_t":"~STATE","~":"tele/garage/","avty":[{"t":"tele/garage/LWT"}],"name":"x"}`
	mine := func(topic string) string {
		return fmt.Sprintf(`{"cmd_t":"cmnd/%s/POWER","stat_t":"tele/%[1]s/STATE"}`, topic)
	}
	for name, c := range map[string]struct {
		by             *board
		topic, payload string
		taken          bool
	}{
		"a relay of a Tasmota":                   {garage, "homeassistant/switch/12AB34_RL_1/config", own, true},
		"a switch of a Tasmota":                  {garage, "homeassistant/binary_sensor/12AB34_SW_1/config", own, true},
		"one taken back":                         {garage, "homeassistant/light/12AB34_LI_1/config", "", true},
		"with an object":                         {garage, "homeassistant/switch/12AB34/relay/config", own, true},
		"by its client id":                       {garage, "homeassistant/switch/DVES_12AB34/config", own, false},
		"another chip's":                         {garage, "homeassistant/switch/12AB35_RL_1/config", own, false},
		"a longer chip's":                        {garage, "homeassistant/switch/12AB345/config", own, false},
		"another's":                              {garage, "homeassistant/switch/lamp/config", own, false},
		"another's, taken back":                  {garage, "homeassistant/switch/lamp/config", "", false},
		"no announcement":                        {garage, "homeassistant/status", "online", false},
		"not a config":                           {garage, "homeassistant/switch/12AB34_RL_1/set", "x", false},
		"too deep":                               {garage, "homeassistant/switch/12AB34/a/b/config", own, false},
		"with another's orders":                  {garage, "homeassistant/switch/12AB34_RL_2/config", mine("lamp"), false},
		"with another's orders below its own":    {garage, "homeassistant/switch/12AB34_RL_2/config", `{"cmps":{"a":{"command_topic":"cmnd/lamp/POWER"}}}`, false},
		"with another's presence":                {garage, "homeassistant/switch/12AB34_RL_2/config", `{"availability":[{"topic":"tele/lamp/LWT"}]}`, false},
		"with another's by a base":               {garage, "homeassistant/switch/12AB34_RL_2/config", `{"~":"cmnd/lamp/","cmd_t":"~POWER"}`, false},
		"with everybody's":                       {garage, "homeassistant/switch/12AB34_RL_2/config", `{"stat_t":"tele/#"}`, false},
		"that is no JSON":                        {garage, "homeassistant/switch/12AB34_RL_2/config", "[", false},
		"an order to be kept":                    {garage, "cmnd/garage/POWER1", "ON", false},
		"by the name that its owner gave it":     {lamp, "homeassistant/light/lamp/config", mine("lamp"), true},
		"by a name with its folder":              {lamp, "homeassistant/light/yard_lamp/light/config", mine("lamp"), true},
		"by a name that begins with its own":     {lamp, "homeassistant/light/lamp-top/config", mine("lamp"), true},
		"by a name that fits another one better": {lamp, "homeassistant/light/lamp_2/config", mine("lamp"), false},
		"by a name that an older one has":        {lamp, "homeassistant/switch/12AB34_RL_3/config", mine("lamp"), false},
		"the one that it fits":                   {long, "homeassistant/light/lamp_2/config", mine("lamp_2"), true},
		"the house's":                            {long, "homeassistant/cover/loquet-1/garage/config", mine("lamp_2"), false},
	} {
		t.Run(name, func(t *testing.T) {
			c.by.say(0x31, c.topic, c.payload) // to be kept
			c.by.say(0x30, "stat/"+map[*board]string{garage: "garage", lamp: "lamp", long: "lamp_2"}[c.by]+"/END", name)
			got := false
			for {
				e := next(t, events)
				if strings.HasSuffix(e.Topic, "/END") {
					break
				}
				got = got || isMessage(e, c.topic, c.payload)
			}
			if got != c.taken {
				t.Errorf("taken %v, want %v", got, c.taken)
			}
		})
	}
}

func isMessage(e hw.MQTTEvent, topic, payload string) bool {
	return e.Topic == topic && string(e.Payload) == payload
}

// What was not taken is told with its reason, and a Tasmota whose client id is no longer its chip's has no node.
func TestWhyAnAnnouncementIsNotTaken(t *testing.T) {
	h := newHouse(t)
	b := announcer(t, h, "Garage door", of("garage", "%n"))
	b.say(0x31, "homeassistant/switch/_RL_1/config", "{}")
	if n := h.notice(Foreign); n.Client != "Garage door" || !strings.Contains(n.Detail, "_RL_1") {
		t.Errorf("%+v", n)
	}
	b = announcer(t, h, "barn", of("barn", "barn"))
	b.say(0x31, "homeassistant/switch/barn/config", `{"cmd_t":"cmnd/garage/POWER"}`)
	if n := h.notice(Foreign); n.Client != "barn" || !strings.Contains(n.Detail, "cmnd/garage/POWER") {
		t.Errorf("%+v", n)
	}
}

// An announcement is nothing that a device leaves behind: a will there is none.
func TestNoAnnouncementAsAWill(t *testing.T) {
	v := visitor{rights: of("barn", "barn").of("barn")}
	if v.may("homeassistant/switch/barn/config", true) || v.may("homeassistant/switch/barn/config", false) {
		t.Error("a will may be an announcement")
	}
}

func FuzzAnnouncement(f *testing.F) {
	f.Add("homeassistant/switch/12AB34_RL_1/config", []byte(`{"cmd_t":"~/set","~":"cmnd/barn","avty":[{"t":"tele/barn/LWT"}]}`))
	f.Add("homeassistant/cover/barn/door/config", []byte(`{"cmps":{"a":{"command_topic":"x"}}}`))
	f.Add("homeassistant//config", []byte(`[`))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		if node := announced(topic); node != "" && !strings.Contains(topic, "/"+node+"/") {
			t.Errorf("%q announces %q", topic, node)
		}
		v := visitor{rights: of("barn", "barn").of("barn")}
		_ = v.foreign(payload)
	})
}
