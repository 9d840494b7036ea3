package broker

import (
	"encoding/json"
	"slices"
	"strings"
)

// Announcements are the topics on which devices tell Home Assistant what they are: component, then the node or the
// node and an object, then "config" (home-assistant.io, "MQTT", discovery).
const (
	announcePrefix = "homeassistant/"
	announceSuffix = "/config"
)

// announced is the node that a topic announces; empty if it announces none.
func announced(topic string) string {
	rest, begins := strings.CutPrefix(topic, announcePrefix)
	rest, ends := strings.CutSuffix(rest, announceSuffix)
	if !begins || !ends {
		return ""
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.ContainsFunc(parts, func(p string) bool { return p == "" || strings.ContainsAny(p, "+#") }) {
		return ""
	}
	return parts[1]
}

// means says how well a name fits a node: its length, or 0. A node is that of a name, or begins with it: Tasmota's are
// 12AB34_RL_1 and 12AB34_SW_1.
func means(name, node string) int {
	if name != "" && (node == name || strings.HasPrefix(node, name+"_") || strings.HasPrefix(node, name+"-")) {
		return len(name)
	}
	return 0
}

// best is the name among some that fits a node best, as means has it.
func best(names []string, node string) (fit int) {
	for _, name := range names {
		fit = max(fit, means(name, node))
	}
	return fit
}

// announcer is the account to which a node belongs: the one whose name fits it best, of several the oldest. It is empty
// where nobody has it.
func (a *Accounts) announcer(node string) string {
	user, fit := "", 0
	for _, one := range a.List() {
		if one.Bound && one.Client == "" {
			continue // of a device that never came
		}
		if f := best(one.Rights.of(one.Client).Nodes, node); f > fit {
			user, fit = one.User, f
		}
	}
	return user
}

// announces reports whether a visitor may announce what a topic does: a node of its own.
func (d *doorman) announces(v *visitor, topic string) bool {
	node := announced(topic)
	if node == "" || len(v.rights.Nodes) == 0 {
		return false
	}
	if v.user != "" && d.accounts.announcer(node) == v.user {
		return true
	}
	d.told(Notice{Kind: Foreign, Client: plain(v.id), User: v.user, Remote: v.remote, Detail: "it announces itself as " + plain(node) + ", which is not its name"})
	return false
}

// foreign is a topic in an announcement that its device does not reach itself; empty if there is none. Whoever is told
// that a lamp takes orders there would move somebody else's door with it.
func (v *visitor) foreign(payload []byte) string {
	if len(payload) == 0 {
		return "" // taken back
	}
	var all map[string]any
	if json.Unmarshal(payload, &all) != nil {
		return "what cannot be read"
	}
	base, _ := all["~"].(string)
	return v.astray(all, base)
}

// astray walks through an announcement. Names of topics end with topic, or with t in short.
func (v *visitor) astray(part any, base string) string {
	switch part := part.(type) {
	case []any:
		for _, one := range part {
			if topic := v.astray(one, base); topic != "" {
				return topic
			}
		}
	case map[string]any:
		for key, one := range part {
			text, is := one.(string)
			if !is {
				if topic := v.astray(one, base); topic != "" {
					return topic
				}
				continue
			}
			if key != "t" && !strings.HasSuffix(key, "_t") && !strings.HasSuffix(key, "topic") || text == "" {
				continue
			}
			if rest, ok := strings.CutPrefix(text, "~"); ok {
				text = base + rest
			} else if rest, ok := strings.CutSuffix(text, "~"); ok {
				text = rest + base
			}
			if !v.may(text, true) && !v.may(text, false) {
				return text
			}
		}
	}
	return ""
}
