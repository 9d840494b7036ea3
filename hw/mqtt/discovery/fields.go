package discovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Bounds of one message.
const (
	MaxPayload = 16 << 10
	maxText    = 256
	maxFields  = 128
	maxTopics  = 8
)

// abbreviations are the short names that are used here (Home Assistant, "MQTT", supported abbreviations).
func abbreviations() map[string]string {
	return map[string]string{
		"avty": "availability", "avty_mode": "availability_mode", "avty_t": "availability_topic", "avty_tpl": "availability_template",
		"cmd_t": "command_topic", "cmd_tpl": "command_template", "cod_form": "code_format", "dev": "device", "dev_cla": "device_class",
		"exp_aft": "expire_after", "off_dly": "off_delay", "o": "origin", "opt": "optimistic",
		"pl_avail": "payload_available", "pl_cls": "payload_close", "pl_lock": "payload_lock", "pl_not_avail": "payload_not_available",
		"pl_off": "payload_off", "pl_on": "payload_on", "pl_open": "payload_open", "pl_stop": "payload_stop", "pl_unlk": "payload_unlock",
		"pos_clsd": "position_closed", "pos_open": "position_open", "pos_t": "position_topic", "pos_tpl": "position_template", "ret": "retain",
		"stat_clsd": "state_closed", "stat_closing": "state_closing", "stat_jam": "state_jammed", "stat_locked": "state_locked", "stat_locking": "state_locking", "stat_off": "state_off", "stat_on": "state_on",
		"stat_open": "state_open", "stat_opening": "state_opening", "stat_stopped": "state_stopped", "stat_t": "state_topic",
		"stat_unlocked": "state_unlocked", "stat_unlocking": "state_unlocking", "t": "topic", "uniq_id": "unique_id", "val_tpl": "value_template",
	}
}

// fields are those of a message or of a part of it, under their full names.
type fields map[string]json.RawMessage

// ErrMessage says that a message is not one of discovery.
var ErrMessage = errors.New("this is no discovery message")

func readFields(data []byte) (fields, error) {
	if len(data) > MaxPayload {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrMessage, MaxPayload)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil || raw == nil {
		return nil, fmt.Errorf("%w: it is no JSON object", ErrMessage)
	}
	if len(raw) > maxFields {
		return nil, fmt.Errorf("%w: it has more than %d fields", ErrMessage, maxFields)
	}
	short := abbreviations()
	f := fields{}
	for name, value := range raw {
		if full, ok := short[name]; ok {
			name = full
		}
		if _, twice := f[name]; twice {
			return nil, fmt.Errorf("%w: it says %.40q twice", ErrMessage, name)
		}
		f[name] = value
	}
	return f, nil
}

// refusal is why a message cannot be taken over.
type refusal struct{ why, remedy string }

func (r *refusal) Error() string { return r.why }

func refuse(remedy, format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...), remedy}
}

const byHand = "write the section by hand: docs/hardware/mqtt.md"

// null reports a field that is there and says that there is none.
func (f fields) null(name string) bool { return string(f[name]) == "null" }

// text reads a field that is a word. A number is one, too: payloads may be.
func (f fields) text(name, without string) (string, error) {
	raw, ok := f[name]
	if !ok {
		return without, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		var n json.Number
		if json.Unmarshal(raw, &n) != nil {
			return "", refuse(byHand, "%s is no word", name)
		}
		s = n.String()
	}
	if len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", refuse(byHand, "%s is too long, or has more than one line", name)
	}
	return s, nil
}

// topic reads a field that is a topic; base takes the place of ~ at its beginning or end.
func (f fields) topic(name, base string) (string, error) {
	t, err := f.text(name, "")
	if err != nil || t == "" {
		return "", err
	}
	if rest, ok := strings.CutPrefix(t, "~"); ok {
		t = base + rest
	} else if rest, ok := strings.CutSuffix(t, "~"); ok {
		t = rest + base
	}
	if t == "" || len(t) > maxText || strings.ContainsAny(t, "+#\x00") || strings.HasPrefix(t, "/") || strings.HasPrefix(t, "$") {
		return "", refuse(byHand, "%s is not the topic of one device: %.60q", name, t)
	}
	return t, nil
}

// pattern is compiled when it is first used: most houses never do, and each would be compiled at every start.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// path is one step of a template.
var (
	template = pattern(`^\{\{-?\s*(.*?)\s*-?\}\}$`)
	steps    = pattern(`^(\.[A-Za-z_][A-Za-z0-9_]*|\[\s*'[A-Za-z0-9_ -]+'\s*\]|\[\s*"[A-Za-z0-9_ -]+"\s*\])`)
	inside   = pattern(`[A-Za-z0-9_ -]*[A-Za-z0-9_-]`)
)

// field reads a template into the name of the field that it takes: empty for {{ value }}. Everything else than
// the plain ones is refused by its name.
func (f fields) field(name string) (string, error) {
	text, err := f.text(name, "")
	if err != nil || text == "" {
		return "", err
	}
	no := refuse(byHand, "%s is a template that is not understood: %.80q", name, text)
	m := template().FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return "", no
	}
	expression, filters, _ := strings.Cut(m[1], "|")
	for filter := range strings.SplitSeq(filters, "|") {
		if filter = strings.TrimSpace(filter); filter != "" && filter != "trim" && filter != "string" {
			return "", no
		}
	}
	expression = strings.TrimSpace(expression)
	if expression == "value" {
		return "", nil
	}
	rest, ok := strings.CutPrefix(expression, "value_json")
	if !ok || rest == "" {
		return "", no
	}
	var path []string
	for rest != "" {
		step := steps().FindString(rest)
		if step == "" || len(path) >= maxTopics {
			return "", no
		}
		path = append(path, inside().FindString(strings.Trim(step, `.[]'" `)))
		rest = rest[len(step):]
	}
	return strings.Join(path, "."), nil
}

// without refuses fields that change what the others mean.
func (f fields) without(names ...string) error {
	for _, name := range names {
		if _, there := f[name]; there && !f.null(name) {
			return refuse(byHand, "it has %s, which is not understood here", name)
		}
	}
	return nil
}
